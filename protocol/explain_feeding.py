"""4050 to 4059: what other programs read of a gateway, and the sinks that carry it to them, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

FEEDING: Final[dict[Code, Explanation]] = {
    Code.FEED_CURSOR_UNREADABLE: Explanation(
        "what was given as a cursor is none",
        "`fieldgate events follow --cursor` takes a cursor as a line carried it. This one was cut, changed, or is of a newer version.",
        "Give the cursor of the last line that was stored, as it is. Without one, begin anew: leave --cursor out and drop what was "
        "mirrored.",
    ),
    Code.FEED_RESET: Explanation(
        "who follows the feed has to begin anew",
        "The cursor is of another life of the store: it was restored from a backup or built anew since. What was read behind that cursor "
        "may differ from what the store holds now.",
        "A consumer drops what it has mirrored and reads on behind the reset line, from the beginning; docs/integrating.md shows how, in "
        "one transaction. Nothing is to be done on the gateway's side.",
    ),
    Code.FEED_PRUNED: Explanation(
        "who follows the feed was away for too long",
        "Usage reports leave the feed after 90 days, and some behind this cursor have left it. What the follower has mirrored lacks them.",
        "A consumer drops what it has mirrored and reads on behind the reset line, from the beginning. Usage that is older is in the view "
        "rm_usage. Nothing is to be done on the gateway's side; let consumers run more often than every 90 days.",
    ),
    Code.SINK_UNUSABLE: Explanation(
        "a sink can't be used as it was named",
        "No sink is installed for what --sink names, it can't be loaded, its address, token or certificates can't be read, or the file that "
        "it names holds something else. Nothing was delivered.",
        "Correct what the message names. `fieldgate events sinks` lists what is installed; docs/integrating.md says what each takes.",
    ),
    Code.SINK_REFUSED: Explanation(
        "the receiver refuses what is delivered",
        "The receiver answered with a status that says that trying again is no use: a wrong address or token, a redirection, which is never "
        "followed, or lines that it does not take. Delivering has stopped; nothing was left out, and the cursor stands before what was "
        "refused.",
        "Correct the address, the token or the receiver, then start `fieldgate events deliver` again: it goes on where it stopped.",
    ),
    Code.SINK_UNAVAILABLE: Explanation(
        "the receiver does not take anything at present",
        "The receiver could not be reached, was too slow, is overloaded, or its disk is full. The same lines are tried again, more and more "
        "seldom, as seldom as the receiver asks for. With --once the command gives up after five minutes without success.",
        "See to the receiver. Nothing is left out: what waits is in the store.",
    ),
    Code.SINK_RUNS_ALREADY: Explanation(
        "a sink of that name is being delivered to",
        "Another process delivers under the same name, or writes the same file. Two would deliver everything twice.",
        "Stop the other one, or give this one a --name of its own, and a file of its own.",
    ),
    Code.SINK_PLACE_UNREADABLE: Explanation(
        "a sink's place can't be used",
        "DATA/sinks/NAME.json says how far a sink has come. It can't be read, or it is of another receiver, which would then miss "
        "everything before it.",
        "Give another --name. If the receiver has moved and has all that was delivered, change `target` in that file; to begin anew, remove "
        "the file.",
    ),
    Code.SINK_UNTRUSTED: Explanation(
        "the receiver's certificate is not to be trusted",
        "Whoever answers at the sink's address could not show a certificate for that name by an authority that this machine trusts. Nothing "
        "was sent, neither lines nor the token.",
        "Correct the receiver's certificate, or name its authority with --ca. If the name is right and the certificate is another's, find "
        "out who is in between before anything else.",
    ),
}
