"""6150 to 6199 and 5050 to 5059: licences, at the gateway and at the agents, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

LICENSING: Final[dict[Code, Explanation]] = {
    Code.LICENCE_UNREADABLE: Explanation(
        "this is no licence file",
        "What came as a licence is no licence file, or was changed since it was written: a file has exactly one form, to the byte, so even "
        "other line ends make it another one. The agent keeps the licence that it has.",
        "Send the licence anew from the gateway (`fieldgate licence push`). A file that went through mail or an editor: fetch it again with "
        "`fieldgate licence download`.",
    ),
    Code.LICENCE_UNTRUSTED: Explanation(
        "the licence was not signed by the provider",
        "The signature is not over this licence, or its signer was not certified by the root that this agent trusts, or was replaced by a newer "
        "signer since. The agent keeps the licence that it has.",
        "After the provider's root or licence signer was replaced: `fieldgate licence push` signs anew and sends it. Otherwise somebody tries to "
        "install a licence that the provider did not make: look at who sent the command.",
    ),
    Code.LICENCE_WRONG_COMPANY: Explanation(
        "the licence is another company's",
        "The licence was made for another company than the one that this agent belongs to. The agent keeps the licence that it has.",
        "Generate a licence for this company, and push that. If the server was moved from one company to another, it needs a new licence.",
    ),
    Code.LICENCE_WRONG_SERVER: Explanation(
        "the licence is for another server",
        "The licence names the installation that it is for, and this agent is another one. The agent keeps the licence that it has.",
        "Assign the licence to this server (`fieldgate licence push --agent`), which signs it anew; take it off the other one first, or make it "
        "a shared one.",
    ),
    Code.LICENCE_EXPIRED: Explanation(
        "the licence has expired",
        "The licence's last day lies in the past by the agent's clock. The agent keeps the licence that it has.",
        "Extend it (`fieldgate licence extend`), then push it. If the date is not over, set the clock of that server.",
    ),
    Code.LICENCE_SUPERSEDED: Explanation(
        "the licence was revoked or replaced on this server",
        "This agent was told that the licence is revoked, or has had a newer revision of it, or another licence in its place. It never installs "
        "such a file again, whoever sends it.",
        "Push the current licence: `fieldgate licence list --company`. If the current one is refused too, generate a new one with --replaces.",
    ),
    Code.LICENCE_NOT_KEPT: Explanation(
        "the agent could not write its licence down",
        "The licence is good, but the agent's state folder could not be read or written. The agent has the licence that it had.",
        "Look at the disk of that server and at the rights on the state folder; the message has the system's words. Then push again.",
    ),
    Code.LICENCE_AUTHORITY_UNREACHABLE: Explanation(
        "the licensing authority can't be reached",
        "The remote authority did not answer in time, or not so that it could be used: its certificate is not trusted, it does not take the token, it is busy. What was "
        "asked of it is written down, and is asked again under the same key until it is answered, so it is done once.",
        "Nothing has to be asked anew: `fieldgate licence deeds` shows what waits, with the reason. Look at `licensing.url`, `licensing.ca`, the token in "
        "`licensing.token_file`, the name's resolution and the firewall.",
    ),
    Code.LICENCE_AUTHORITY_REFUSED: Explanation(
        "the licensing authority refused",
        "The remote authority understood what was asked and said no. It is not asked again.",
        "The message has the authority's words.",
    ),
    Code.LICENCE_PRODUCT_UNKNOWN: Explanation(
        "no such product, or none with such a workload",
        "The licence was to be made of a product that the licensing authority does not offer, or was to have a workload that the product has not.",
        "`fieldgate product list` has the products and their workloads.",
    ),
    Code.LICENCE_CONTRACT_EXHAUSTED: Explanation(
        "the contract has not so many points left",
        "The active licences of a contract may add up to its points, and this one would go beyond. Nothing was changed.",
        "`fieldgate contract list` shows what is left. Revoke what is not used any more, license less, or agree upon more points and enter them with "
        "`fieldgate contract set`.",
    ),
    Code.LICENCE_CONTRACT_ENDED: Explanation(
        "the contract does not cover that time",
        "The contract has not begun, or ends before the licence would.",
        "Let the licence end with the contract, or enter the contract's new end with `fieldgate contract set`.",
    ),
    Code.LICENCE_NOT_ASSIGNED: Explanation(
        "the licence is nobody's yet",
        "A licence is signed for a company, and this one was not assigned to any.",
        "`fieldgate licence assign LICENCE --company COMPANY`, then push it.",
    ),
    Code.LICENCE_OF_ANOTHER: Explanation(
        "the server is not of the company that has the licence",
        "A licence is installed on servers of its own company only. This server's agent belongs to another one.",
        "Choose a server of that company, or generate a licence for this one's.",
    ),
    Code.LICENCE_NOT_SHARED: Explanation(
        "the licence is on another server already",
        "One licence is for one server, so that limits, revocation and usage are that server's own. This one is installed on another server, or is on "
        "its way there.",
        "Generate a second licence. To have one on several servers all the same, make it a shared one (`fieldgate licence assign --shared`); "
        "that stays visible wherever it is listed.",
    ),
    Code.LICENCE_REVOKED: Explanation(
        "the licence was revoked",
        "A revoked licence is never installed, extended or assigned again.",
        "Generate a new one; --replaces names this one.",
    ),
    Code.LICENCE_SIGNER_MISSING: Explanation(
        "there is no key to sign licences with",
        "Licences are signed with a key that the provider's root has certified. It is not in the authority's folder, or has ended, and the root's key, "
        "which could certify a new one, is not there either.",
        "Restore DATA/ca/licence-signer.key, or put the root's key back for a moment and run `fieldgate ca rotate --licence-signer`.",
    ),
    Code.LICENCE_FILE_REFUSED: Explanation(
        "the licence file is refused",
        "The file that was handed in is no licence file of this provider: it is unreadable, was changed, has another signer, has expired, or is "
        "older than what is known of that licence.",
        "The message says which. Hand in the file as `fieldgate licence download` wrote it.",
    ),
    Code.LICENCE_TERMS_INVALID: Explanation(
        "a licence cannot say that",
        "A field of the licence is out of its bounds: no workload, too many of them, a count or a text that is too long, an end that is over already.",
        "The message names the field.",
    ),
    Code.LICENCE_OUT_OF_ORDER: Explanation(
        "the company is not to have a licence yet",
        "The order is company, then its cloud tenant, then its licence: in another order usage is counted for nobody. Something of that is missing, "
        "or the company is disabled.",
        "The message names each missing step with the command for it.",
    ),
}
