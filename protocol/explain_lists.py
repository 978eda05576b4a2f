"""6003: what a list can't be asked, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

LISTS: Final[dict[Code, Explanation]] = {
    Code.QUERY_REFUSED: Explanation(
        "a list was asked for something that it does not offer",
        "The filter, the sort or the select names a property that the list has not, or compares one in a way, or with a kind of value, that "
        "it is not made for. Lists that may be very long offer only what an index finds, so that no question reads a whole table.",
        "The message names what may be used instead. The properties of every list, with an example of each, are in the description of the "
        "interface. A text that is to be found anywhere in a name of a long list: ask for its beginning (`startsWith`).",
    ),
}
