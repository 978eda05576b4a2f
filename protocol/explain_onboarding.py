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
        "If the other mapping is the mistake, take it back with `fieldgate tenant unmap` first. What was used until then stays counted for the "
        "company that the tenant was mapped to.",
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
}
