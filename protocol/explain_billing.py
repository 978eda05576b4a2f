"""6200 to 6249: usage and what is billed by it, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

BILLING: Final[dict[Code, Explanation]] = {
    Code.USAGE_DAMAGED: Explanation(
        "a stored usage report is damaged",
        "Reports of usage are stored as they came, each linked to its agent's one before it. One that was to be read is none any more, so the "
        "database was damaged, or somebody has written into it. No statement is made of a month that it belongs to.",
        "`fieldgate usage audit` names the agent and the first link that is not what it should be. Restore the store from a backup of before, "
        "and let the journals bring what came since; statements that were signed stay as they are.",
    ),
    Code.STATEMENT_INVALID: Explanation(
        "the file is not a statement that the provider signed",
        "A statement of usage is a JSON file whose signature covers all of it, by a key that the provider's root certificate vouches for. The message "
        "says what is wrong: the file was changed after it was signed, was written anew by an editor, is cut short, or was signed by "
        "somebody whom this root does not know.",
        "Get the file again from whoever made it, as it is: do not open and save it. With `--root`, give the root certificate of that provider, "
        "which `fieldgate ca export` writes. Do not pay by a statement that is not valid.",
    ),
    Code.PERIOD_INVALID: Explanation(
        "no month or interval that could be reported on",
        "A month is written as 2026-10, an interval is two days, of which the second is not in it. What lies in the future, or ends before it "
        "begins, has no usage; and a month that is not over cannot be closed.",
        "Correct what the message names. Months begin at midnight in the provider's `time_zone`.",
    ),
    Code.SIGNER_MISSING: Explanation(
        "the key that signs statements is not at hand",
        "Statements of usage are signed by a key of their own, `DATA/ca/statement-signer.key`, which the root has certified. It is not there and "
        "cannot be made, because the root's private key is offline; or its file is damaged.",
        "Put the root's key back for a moment and run `fieldgate usage close`, which makes the signer; or restore the file from a backup.",
    ),
}
