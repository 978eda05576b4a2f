"""6250 to 6299: alarms and who is told of them, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

ALARMS: Final[dict[Code, Explanation]] = {
    Code.WEBHOOK_UNUSABLE: Explanation(
        "a webhook's address can't be used",
        "It is no https URL, carries a password, or its host has an address that is not public: this machine's own, a private network's, a "
        "link's, a cloud's metadata service. Deliveries go to public addresses only, so that who may add a webhook can't reach what is "
        "near the gateway. The address is judged anew at every delivery.",
        "Correct the URL. A receiver inside your own network is let in by its host's name in `webhook_hosts` of `[fieldgate.alarms]` in "
        "fieldgate.toml, which the management process reads when it starts.",
    ),
    Code.ALARM_TEMPLATE_UNKNOWN: Explanation(
        "there is no such alarm template, or it has no such value",
        "Templates are named as `fieldgate alarm templates` lists them. A value must be one that the template goes by, within its bounds.",
        "Correct the name or the value. docs/alarms.md has a table of all templates.",
    ),
    Code.MAIL_UNUSABLE: Explanation(
        "no mail can be sent there",
        "No mail server is set, what was given is no address, or the server did not take a test mail: it could not be reached, its certificate leads "
        "to nobody who is trusted, it refused the login or the address. The message says which.",
        "Set `host`, `sender` and what else your server wants in `[fieldgate.mail]` of fieldgate.toml, and try with `fieldgate mail test ADDRESS`.",
    ),
}
