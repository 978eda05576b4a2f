"""The order of onboarding: company, then its cloud tenant, then its licence. Out of order, usage is counted for nobody and has to be
untangled by hand, so it is refused, and what is missing is named.
"""

import shlex

import attrs

from gateway.store import COMPANY, OrganizationStatus, Store

__all__ = ["MissingStep", "missing_before_licence"]


@attrs.frozen(kw_only=True)
class MissingStep:
    """Something that has to be done first."""

    says: str
    """What is missing, for people."""
    command: str
    """What to type to do it, words in capitals to be filled in."""


def missing_before_licence(store: Store, company_uid: str) -> tuple[MissingStep, ...]:
    """What has to be done before a licence may be given to a company, in its order; nothing when it may.

    The one function by which licensing asks onboarding. A company needs to be active, and to have a mapped cloud tenant, unless it is
    written down that it uses no cloud (`fieldgate company change NAME --no-cloud`).

    Raises:
        NotFound: there is no such company.
    """
    company = store.companies.get(company_uid)
    name = shlex.quote(company.name)
    if company.kind != COMPANY:
        step = MissingStep(
            says=f"{company.name} is a {company.kind}: licences are its companies'",
            command="fieldgate company list",
        )
        return (step,)
    missing = []
    if company.status is OrganizationStatus.DISABLED:
        says = f"{company.name} is disabled"
        missing.append(MissingStep(says=says, command=f"fieldgate company change {name} --enable"))
    if company.uses_cloud and not store.mappings.of_company(company_uid):
        says = f"no cloud tenant is mapped to {company.name}, and it is not written down that it uses none"
        command = f"fieldgate tenant map TENANT {name}, or fieldgate company change {name} --no-cloud"
        missing.append(MissingStep(says=says, command=command))
    return tuple(missing)
