"""6100 to 6149: the business with resellers, companies and their cloud tenants, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

ONBOARDING: Final[dict[Code, Explanation]] = {
    Code.TENANT_NOT_REPORTED: Explanation(
        "the site reports no such tenant",
        "A cloud tenant is mapped to a company against what its site reports at that moment, and the site's inventory has none of that uid or "
        "name. Nothing was changed.",
        "Look for a typing error: `fieldgate tenant list` shows what each site reports. A tenant that was made a moment ago comes with "
        "the site's next report, within the hour; `fieldgate command send` with resync asks for it now.",
    ),
    Code.TENANT_DISABLED: Explanation(
        "the tenant is disabled on its site",
        "The tenant may not connect to the site, so nothing of the company's could arrive there. Nothing was changed.",
        "Enable the tenant on the site and wait for its next report, or map the tenant that the company really uses.",
    ),
    Code.TENANT_MAPPED: Explanation(
        "the tenant is another company's already",
        "A cloud tenant is mapped to one company at most: its storage would be billed twice, and shown to two. The message names the company. "
        "Nothing was changed.",
        "If the other mapping is the mistake, take it back with `fieldgate tenant unmap` first. Closed months stay as they are; the open "
        "one counts for whoever has the tenant when it is closed.",
    ),
    Code.SITE_SILENT: Explanation(
        "the site has not reported its tenants for too long",
        "Whether a tenant exists is verified against what its site reports. The site's agent has sent no inventory yet, or none for a day, so "
        "there is nothing to verify against. Nothing was changed.",
        "Bring the site's agent online: `fieldgate agent list` shows it, `fieldgate inspection list` why it can't connect. Then try again.",
    ),
    Code.ORGANIZATION_DISABLED: Explanation(
        "a disabled company or reseller gets nothing new",
        "The company or the reseller was disabled. What it has goes on; nothing is added: no tenant, no token, no licence, and no company of the "
        "reseller's. Nothing was changed.",
        "Enable it again with `fieldgate company change NAME --enable` (or `reseller change`) if business goes on.",
    ),
    Code.ORGANIZATION_WRONG_KIND: Explanation(
        "that is another kind of organization",
        "A reseller was named where a company is meant, or a company where a reseller is, or the provider. Only companies have agents, tenants, "
        "tokens and locations; only resellers have companies. Nothing was changed.",
        "Name the right one: `fieldgate company list` and `fieldgate reseller list` show who is what.",
    ),
    Code.FIELD_REFUSED: Explanation(
        "what was to be written down can't be",
        "A field of a company, a reseller or a token is unknown, empty where it must not be, too long, or holds something else than it is for. "
        "Nothing was changed.",
        "Correct what the message names: it has a line for each field. Lengths and forms are in it, too.",
    ),
    Code.ONBOARDING_FILE_UNREADABLE: Explanation(
        "the file can't be read",
        "`fieldgate apply` takes TOML or JSON, `fieldgate company import` CSV, all in UTF-8 and of at most 16 MiB. This one is something else, is "
        "damaged, is too large, or names columns that there are not. Nothing was changed.",
        "The message says what and in which line. From a spreadsheet, export as CSV UTF-8.",
    ),
    Code.ONBOARDING_PLAN_REFUSED: Explanation(
        "some of a file can't be done, so nothing was",
        "A file is carried out as a whole or not at all. Something that it names is refused: each such line says why. Nothing was changed.",
        "Correct what is refused and give the same file again; `--dry-run` shows what would become of each line. What is done already stays as "
        "it is.",
    ),
    Code.LINT_TENANT_UNMAPPED: Explanation(
        "a cloud tenant is nobody's",
        "A site reports an enabled tenant that is mapped to no company. What it uses appears in no company's usage, and is billed to nobody.",
        "`fieldgate tenant map` gives it to its company. If it is nobody's any more, disable it on its site.",
    ),
    Code.LINT_TENANT_LOST: Explanation(
        "a mapped tenant is not there any more",
        "A tenant is mapped to a company, and its site does not report it now, or reports it as disabled. Its company's figures stand still.",
        "If the tenant is gone for good, `fieldgate tenant unmap` takes it back; closed months stay as they are. If it is not, look at the site.",
    ),
    Code.LINT_INSTALLATION_TWICE: Explanation(
        "two agents have one installation id",
        "A server was cloned with its agent, or an agent's folder was copied. Which of the two is the customer's can't be told from here, so "
        "neither is billed.",
        "Find out which one is the copy. Stop its agent, remove its folder, revoke it with `fieldgate agent revoke`, and enroll it anew.",
    ),
    Code.LINT_LICENCE_SHARED: Explanation(
        "one licence is on several servers",
        "Several servers say that they have the same licence. Its usage is summed up, no server can be limited or revoked alone, and a bill "
        "can't tell them apart.",
        "Give each server a licence of its own, and push it. A licence that is shared on purpose stays in this list, so that nobody forgets it.",
    ),
    Code.LINT_LICENCE_LEFT_BEHIND: Explanation(
        "a server has another company's licence",
        "The server was moved to another company (`fieldgate remap`), and still says that it has a licence of the one that it came from. A licence is signed for its company, "
        "so it does not move along; what the server uses counts for no licence until it has one of its own.",
        "Generate a licence for the company that it is with now, and push that: it takes the old one's place. Then revoke the old one, or push it to a server "
        "of the company that it is for.",
    ),
    Code.LINT_LICENCES_MIXED: Explanation(
        "a company's licences are paid for in several ways",
        "The company has active licences of more than one kind, such as rental and perpetual. A server that has seen both reports usage that "
        "belongs to neither bill alone.",
        "Decide on one kind for the company, generate licences of that kind for its servers, and revoke the others.",
    ),
    Code.LINT_AGENT_WAITING: Explanation(
        "an agent waits to be accepted",
        "The agent came with a token that was expired, used up or reset, or its company is disabled. It is connected and reports nothing.",
        "`fieldgate agent accept` verifies it for a company; `fieldgate agent reject` turns it away.",
    ),
    Code.LINT_TOKEN_ENDING: Explanation(
        "an enrollment token ends within a week",
        "Whoever installs an agent with it later finds that agent waiting to be accepted. Agents that are enrolled don't need it.",
        "If more agents are to come, make another token with `fieldgate token create` and send that one.",
    ),
    Code.LINT_COMPANY_IDLE: Explanation(
        "a company has no agent",
        "The company is active, and none of its servers reports. Nothing is known of its backups, and nothing of it is billed but its cloud "
        "storage.",
        "Make a token with `fieldgate token create` and install an agent, or disable the company.",
    ),
}
