"""An office over a store of the tests', with an authority that can be made to fail, and an agent's side without an agent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from agent.identity import Identity
from agent.licence import LicenceDesk, LicenceRefused
from certs import Authority, LicenceSigner, from_ms
from gateway.licensing import (
    AuthorityUnreachable,
    EmbeddedAuthority,
    LicenceOffice,
    LicenceOrder,
    LicencePress,
    LicencePusher,
)
from gateway.store import AgentEntry, CommandState, Delivery, LicenceKind, Store, StoredLicence
from protocol import AgentType, Outcome, commands
from tests.gateway.store.licensing.orders import CONTRACT, PRODUCT, catalogue
from tests.helpers.stores import World, enroll, make_world

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


class Flaky:
    """An authority that answers as the embedded one does, when it is there; or does the deed, and its answer is lost."""

    name = "embedded"

    def __init__(self, store: Store) -> None:
        self._real = EmbeddedAuthority(store)
        self.away = 0
        self.asked: list[str] = []
        self.catalogue = self._real.catalogue

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def ask(*said: Any, key: str, now_ms: int) -> Any:
            self.asked.append(key)
            if self.away:
                self.away -= 1
                raise AuthorityUnreachable("nobody is there", retry_after_s=7.0)
            return getattr(self._real, verb)(*said, key=key, now_ms=now_ms)

        return ask


@attrs.define
class Rig:
    """Everything that a test of the office takes."""

    store: Store
    world: World
    authority: Flaky
    office: LicenceOffice
    folder: Path
    rung: int = 0

    def order(self, count: int = 20, **changed: Any) -> LicenceOrder:
        fields: dict[str, Any] = {
            "product_uid": PRODUCT.uid, "kind": LicenceKind.RENTAL, "contract_uid": CONTRACT.uid,
            "counts": [("vm", count)], "expires_ms": NOW_MS + 365 * DAY_MS, "organization_uid": self.world.company.uid,
        }  # fmt: skip
        return LicenceOrder(**{**fields, **changed})

    def generate(self, count: int = 20, *, now_ms: int = NOW_MS, **changed: Any) -> StoredLicence:
        made = self.office.generate(self.order(count, **changed), by="Eva", now_ms=now_ms).licence
        assert made is not None
        return made

    def agent(self, key: int = 0) -> "Agent":
        """A server's agent, that has the provider's root."""
        entry = enroll(self.store, key=key)
        uid = entry.agent_uid
        state = self.folder / uid
        state.mkdir()
        pins = Authority.load(self.folder / "ca").pins_current()
        identity = Identity(
            agent_uid=uid, installation_uid=f"installation-{key}", host_name="h", agent_type=AgentType.CLIENT,
            synthetic=False, gateways=(), pins_current=pins,
        )  # fmt: skip
        return Agent(
            self.store,
            entry,
            uid,
            LicenceDesk(folder=state, identity=lambda: identity, now=lambda: NOW_MS + 1),
        )


@attrs.frozen
class Agent:
    """Does what its gateway asks of licences."""

    store: Store
    entry: AgentEntry
    uid: str
    desk: LicenceDesk

    def comes_back(self, now_ms: int = NOW_MS + 1000) -> list[str]:
        """Take everything that waits for it, oldest first; what it says of each."""
        waiting = self.store.commands.list(agent_uid=self.uid, states=[CommandState.QUEUED])
        return [self._answer(view.command, now_ms) for view in reversed(waiting)]

    def _answer(self, command: Any, now_ms: int) -> str:
        delivery = Delivery(command_uid=command.uid, agent_uid=self.uid, fence=0)
        self.store.commands.claim([delivery], edge_uid="edge", now_ms=now_ms)
        instruction = commands.parse(command.kind, command.payload)
        try:
            match instruction:
                case commands.InstallLicence():
                    said = self.desk.install(instruction.licence, instruction.organization_uid)
                case commands.RemoveLicence():
                    said = self.desk.remove(instruction.licence_uid, revoked=instruction.revoked)
                case _:
                    raise AssertionError(instruction)
            outcome, code = Outcome.SUCCEEDED, 0
        except LicenceRefused as error:
            outcome, code, said = Outcome.FAILED, error.code.value, error.message
        with self.store.projection() as p:
            p.commands.finish(command.uid, self.uid, outcome=outcome, code=code, message=said, now_ms=now_ms)
        return said


def make_rig(store: Store, folder: Path, *, ready: Callable[[str], None] = lambda _: None) -> Rig:
    """A provider with a catalogue, a company, and a signer."""
    now = from_ms(NOW_MS - DAY_MS)
    made = Authority.create("Nordlicht IT", now)
    made.save(folder / "ca")
    LicenceSigner.create(made, now).save(folder / "ca")
    catalogue(store)
    world = make_world(store)
    authority = Flaky(store)
    rig: Rig

    def ring() -> None:
        rig.rung += 1

    pusher = LicencePusher(store=store, press=LicencePress(folder / "ca"), ring=ring)
    office = LicenceOffice(store=store, authority=authority, pusher=pusher, ready=ready)
    rig = Rig(store, world, authority, office, folder)
    return rig
