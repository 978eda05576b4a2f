"""What a file would change, told thing by thing, and carried out as a whole or not at all."""

import secrets
from typing import Any

import pytest

from certs import Token
from gateway.onboarding import (
    IssuedToken,
    Plan,
    PlanRefused,
    Verdict,
    WantedFile,
    carry_out,
    make_plan,
    read_plan,
)
from gateway.store import RESELLER, Company, CompanyDetails, OrganizationStatus, Store, StoreLocked
from tests.helpers.tenants import Cloud, make_cloud

NOW_MS = 2000


def mint(_: bool) -> Token:
    return Token.create(
        seed=secrets.token_bytes(32), pins=(bytes(32),), gateways=("gateway.example:6180",), names=("gateway.example",),
        report_key=b"",
    )  # fmt: skip


def read(text: str) -> WantedFile:
    file = read_plan(text.encode(), is_json=False)
    assert file.refusals == []
    return file


def planned(store: Store, text: str) -> Plan:
    return make_plan(store, read(text), now_ms=NOW_MS)


def told(plan: Plan) -> list[tuple[str, str, str]]:
    return [(str(step.verdict), step.what, step.says) for step in plan.steps]


def apply(store: Store, text: str) -> list[IssuedToken]:
    return list(carry_out(store, planned(store, text), mint, by="ann", now_ms=NOW_MS))


def company(store: Store, name: str) -> Company:
    return store.companies.find(name)


@pytest.fixture
def cloud(store: Store) -> Cloud:
    return make_cloud(store)


def everything(cloud: Cloud) -> str:
    return f"""
[[company]]
name = "Anker"
reseller = "Sund IT"
external_id = "K-17"
location = [{{ name = "Malmö", firewall = "fortinet" }}, {{ name = "Lund" }}]
tenant = [{{ site = "{cloud.site.name}", tenant = "Anker" }}]
token = [{{ location = "Malmö", consent_by = "Ann", consent = "contract of May" }}, {{ uses = 3 }}]

[[reseller]]
name = "Sund IT"
contact_mail = "bo@sund.example"
"""


def test_a_file_makes_everything_that_it_names(store: Store, cloud: Cloud) -> None:
    """A reseller comes before its companies, wherever the file has it."""
    plan = planned(store, everything(cloud))
    assert told(plan) == [
        ("created", "reseller Sund IT", ""),
        ("created", "company Anker", "of Sund IT"),
        ("created", "location Malmö of Anker", ""),
        ("created", "location Lund of Anker", ""),
        ("created", f"tenant {cloud.site.name}/Anker of Anker", "mapped"),
        ("created", "token for Malmö of Anker", "25 uses, 30 days"),
        ("created", "token of Anker", "3 uses, 30 days"),
    ]
    issued = list(carry_out(store, plan, mint, by="ann", now_ms=NOW_MS))
    made = company(store, "Anker")
    assert made.external_id == "K-17"
    assert made.reseller_uid == store.companies.find("Sund IT", kind=RESELLER).uid
    places = {each.name: each for each in store.organizations.list_locations(made.uid)}
    assert (places["Malmö"].firewall, places["Lund"].firewall) == ("fortinet", None)
    assert [each.tenant_uid for each in store.mappings.of_company(made.uid)] == ["t2"]
    assert [each.stored.location_uid for each in issued] == [places["Malmö"].uid, None]
    [consent] = store.consents.of_company(made.uid)
    assert (consent.token_id, consent.words) == (issued[0].token.id, "contract of May")
    assert {entry.who for entry in store.audit.list()} == {"ann"}


def test_the_same_file_again_changes_nothing(store: Store, cloud: Cloud) -> None:
    """Not a row, not a line of the audit; a token that still lets agents in is not made twice."""
    apply(store, everything(cloud))
    before = store.audit.list()
    plan = planned(store, everything(cloud))
    assert {step.verdict for step in plan.steps} == {Verdict.UNCHANGED}
    assert plan.companies == []
    assert apply(store, everything(cloud)) == []
    assert store.audit.list() == before


def test_planning_writes_nothing(store: Store, cloud: Cloud) -> None:
    """It only looks."""
    planned(store, everything(cloud))
    assert store.audit.list() == []
    assert len(store.companies.list()) == 1


def test_what_differs_is_changed_and_the_rest_stays(store: Store, cloud: Cloud) -> None:
    """Each change says from what to what; what a file does not say is left."""
    apply(store, everything(cloud))
    text = """
[[company]]
name = "Anker"
notes = "since May"
location = [{ name = "Lund", firewall = "fortinet" }, { name = "Malmö" }]
"""
    assert told(planned(store, text)) == [
        ("changed", "company Anker", "notes: – → since May"),
        ("changed", "location Lund of Anker", "firewall: – → fortinet"),
        ("unchanged", "location Malmö of Anker", ""),
    ]
    apply(store, text)
    after = company(store, "Anker")
    assert (after.notes, after.external_id) == ("since May", "K-17")
    assert {each.firewall for each in store.organizations.list_locations(after.uid)} == {"fortinet"}


def test_an_external_id_knows_a_company_by_any_name(store: Store) -> None:
    """So a file can rename it; to take the id away is a change, too."""
    store.organizations.add_provider("Nordlicht", now_ms=1)
    store.companies.add("Anker", CompanyDetails(external_id="K-17"), by="bo", now_ms=1)
    plan = planned(store, "[[company]]\nname = 'Anker AB'\nexternal_id = 'K-17'")
    assert told(plan) == [("changed", "company Anker AB", "name: Anker → Anker AB")]
    list(carry_out(store, plan, mint, by="ann", now_ms=NOW_MS))
    assert [each.name for each in store.companies.list()] == ["Anker AB"]
    assert (
        told(planned(store, "[[company]]\nname = 'Anker AB'\nexternal_id = ''"))[0][2]
        == "external_id: K-17 → –"
    )


def test_a_company_moves_to_another_reseller(store: Store) -> None:
    """Or to none; that is told apart from other changes."""
    store.organizations.add_provider("Nordlicht", now_ms=1)
    for name in ("Sund IT", "Belt IT"):
        store.companies.add(name, by="bo", now_ms=1, kind=RESELLER)
    move = "[[company]]\nname = 'Anker'\nreseller = {!r}"
    apply(store, move.format("Sund IT"))
    assert told(planned(store, move.format("Sund IT")))[0][0] == "unchanged"
    assert told(planned(store, move.format("Belt IT"))) == [
        ("moved", "company Anker", "reseller: Sund IT → Belt IT")
    ]
    apply(store, move.format("Belt IT"))
    assert told(planned(store, move.format(""))) == [("moved", "company Anker", "reseller: Belt IT → –")]
    apply(store, move.format(""))
    assert company(store, "Anker").reseller_uid is None


REFUSED = {
    "[[company]]\nname = 'Nordlicht IT'": "that is the provider's own name",
    "[[company]]\nname = 'Sund IT'": "Sund IT is a reseller and no company",
    "[[reseller]]\nname = 'Bäckerei Ölund'": "Bäckerei Ölund is a company and no reseller",
    "[[company]]\nname = 'A'\n[[company]]\nname = 'a'": "name is said in company 1 already",
    "[[company]]\nname = 'A'\nexternal_id = '1'\n[[company]]\nname = 'B'\nexternal_id = '1'": "external id is said in company 1 already",
    "[[company]]\nname = 'Bäckerei Ölund'\nexternal_id = 'K-2'": "the external id 'K-2' is Birke's, and Bäckerei Ölund is another",
    "[[company]]\nname = 'Birke'\nexternal_id = 'K-3'": "Birke has the external id 'K-2': this is another company, or",
    "[[company]]\nname = 'A'\nreseller = 'Nobody'": "no reseller is called 'Nobody', and the file adds none before",
    "[[company]]\nname = 'A'\nreseller = 'Birke'": "no reseller is called 'Birke'",
    "[[company]]\nname = 'A'\nreseller = 'Sund IT'": "its reseller Sund IT is disabled and gets nothing new",
    "[[company]]\nname = 'A'\nlocation = [{name='x'}, {name='x'}]": "is there twice",
    "[[company]]\nname = 'A'\ntenant = [{site='cc9', tenant='Anker'}]": "no site is called so (fieldgate site list)",
    "[[company]]\nname = 'A'\ntenant = [{site='SITE', tenant='Nobody'}]": "reports no tenant 'Nobody'",
    "[[company]]\nname = 'A'\ntenant = [{site='SITE', tenant='Alt'}]": "Alt is disabled on",
    "[[company]]\nname = 'A'\ntenant = [{site='SITE', tenant='t1'}]": "is mapped to Birke already",
    "[[company]]\nname = 'A'\ntenant = [{site='SITE', tenant='t2'}]\n[[company]]\nname='B'\ntenant = [{site='SITE', tenant='Anker'}]": "company 1 has it already",
    "[[company]]\nname = 'A'\nstatus = 'Disabled'\ntenant = [{site='SITE', tenant='t2'}]": "the company is disabled and gets nothing new",
    "[[company]]\nname = 'A'\nstatus = 'Disabled'\ntoken = [{}]": "the company is disabled and gets nothing new",
    "[[company]]\nname = 'A'\ntoken = [{location='Lund'}]": "there is no such location, and the file adds none",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_says_why_and_stops_everything(store: Store, cloud: Cloud, text: str) -> None:
    """The company that is in order beside it is not written either."""
    birke = store.companies.add("Birke", CompanyDetails(external_id="K-2"), by="bo", now_ms=1)
    store.mappings.map(cloud.site.uid, "t1", birke.uid, by="bo", now_ms=NOW_MS)
    disabled = CompanyDetails(status=OrganizationStatus.DISABLED)
    store.companies.add("Sund IT", disabled, by="bo", now_ms=1, kind=RESELLER)
    before = store.audit.list()
    plan = planned(store, text.replace("SITE", cloud.site.name) + "\n[[company]]\nname = 'In order'")
    [step] = plan.refused
    assert REFUSED[text] in step.says
    with pytest.raises(PlanRefused, match="1 things can't be done"):
        list(carry_out(store, plan, mint, by="ann", now_ms=NOW_MS))
    assert store.audit.list() == before


def test_two_sites_of_one_name_need_the_uid(store: Store, cloud: Cloud) -> None:
    """And so do two tenants of one name on a site."""
    from tests.helpers.stores import enroll
    from tests.helpers.tenants import report_tenants

    other = enroll(store, "site", 2, host_name=cloud.site.name)
    report_tenants(store, other, {"u1": "Twin", "u2": "Twin"}, received_ms=1000)
    uid = next(each.uid for each in store.organizations.list_sites() if each.uid != cloud.site.uid)
    ask = "[[company]]\nname = 'A'\ntenant = [{{site={!r}, tenant={!r}}}]"
    assert "2 sites are called so" in planned(store, ask.format(cloud.site.name, "t1")).refused[0].says
    assert "2 tenants are called so" in planned(store, ask.format(uid, "Twin")).refused[0].says
    apply(store, ask.format(uid, "u2"))
    assert told(planned(store, ask.format(uid, "u2")))[1][0] == "unchanged"


def test_a_used_up_token_is_followed_by_a_new_one(store: Store, cloud: Cloud) -> None:
    """What the file wants is one that lets agents in."""
    text = "[[company]]\nname = 'A'\ntoken = [{uses = 1}]"
    [first] = apply(store, text)
    store.tokens.revoke(first.token.id, now_ms=NOW_MS)
    [second] = apply(store, text)
    assert first.token.id != second.token.id
    assert apply(store, text) == []


def test_what_stops_in_between_leaves_whole_companies(
    store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was being written is not there at all, and the same file again does the rest."""
    text = f"""
[[company]]
name = "A"
[[company]]
name = "B"
location = [{{ name = "Malmö" }}]
tenant = [{{ site = "{cloud.site.name}", tenant = "t2" }}]
"""
    import gateway.store.onboarding.intake as writing

    def locked(*args: Any, **kwargs: Any) -> None:
        raise StoreLocked("busy")

    with monkeypatch.context() as patched:
        patched.setattr(writing, "map_tenant", locked)
        with pytest.raises(StoreLocked):
            apply(store, text)
    assert "B" not in [each.name for each in store.companies.list()]
    assert told(planned(store, text))[0][0] == "unchanged"
    apply(store, text)
    assert {step.verdict for step in planned(store, text).steps} == {Verdict.UNCHANGED}
