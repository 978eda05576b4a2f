"""The lab's gateways: real data folders, real `fieldgate edge` processes."""

import json
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import attrs

from certs import Authority, Token
from certs.inspection import PATH_TAG, PathRecord
from gateway.datafolder import DataFolder
from tests.e2e.lab.ground import GATEWAY, OTHER, Ground, Process
from tests.helpers.edges import DAY_MS, Provider, make_provider, wall_ms
from tests.helpers.provider import free_ports

__all__ = ["NAME", "SECOND", "LabGateway"]

NAME, SECOND = "gateway.example.test", "second.example.test"
MANY = 1000


@attrs.define(eq=False)
class LabGateway:
    """One gateway. `number` 0 is the one that the boxes stand before; the others have something wrong with them."""

    ground: Ground
    number: int
    provider: Provider
    extra: list[str] = attrs.field(factory=list)
    """More lines of its settings."""
    balancers: list[str] = attrs.field(factory=list)
    """Networks of those that announce agents' addresses."""
    names: tuple[str, ...] = (NAME, SECOND)
    """Of its certificate."""
    process: Process | None = None
    _starts: int = 0

    @classmethod
    def make(cls, ground: Ground, folder: Path, number: int) -> "LabGateway":
        """A provider with one company, and a certificate for the two names."""
        provider = make_provider(folder / f"gateway-{number}")
        now = datetime.now(UTC)
        provider.authority = provider.authority.rotate_gateway(now, names=(NAME, SECOND)).save(
            provider.data / "ca"
        )
        DataFolder(provider.data).seal(provider.owner.uid)
        return cls(ground, number, provider)

    @property
    def addresses(self) -> tuple[str, ...]:
        """What agents are told."""
        return tuple(f"{name}:{self.ground.port}" for name in (NAME, SECOND))

    @property
    def host(self) -> str:
        """Where it listens, if it is not the one behind the boxes."""
        return self.ground.gateway if self.number == 0 else self.ground.other(self.number)

    def reached_at(self, site: int) -> str:
        """An address of it with no box before it."""
        return self.ground.beside(site) if self.number == 0 else self.ground.other(self.number)

    def command(self, *words: str) -> str:
        """Run `fieldgate …` on its data folder; what it says."""
        argv = [sys.executable, "-m", "gateway", *words, "--data", str(self.provider.data)]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False, env=self.ground.environment()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def project(self) -> None:
        """`fieldgate projector`: journal to store, incidents and all."""
        log = self.provider.data.parent / "projector.log"
        self.ground.start(
            GATEWAY, sys.executable, "-m", "gateway", "projector", "--data", str(self.provider.data), log=log
        )

    def start(self, *, module: str = "gateway") -> None:
        """`fieldgate edge`, once it listens."""
        monitor = free_ports(1)[0]
        told = json.dumps(self.addresses)
        lines = [
            "[fieldgate]", f"names = {json.dumps(self.names)}", f"monitor_port = {monitor}", 'log_format = "json"', *self.extra,
            "[fieldgate.limits]", "drain_s = 1.0",
            "[[fieldgate.listeners]]", f'host = "{self.host}"', f"port = {self.ground.port}", f"advertise = {told}",
        ]  # fmt: skip
        if self.number == 0:
            for port in self.ground.more_ports:
                lines += [
                    "[[fieldgate.listeners]]",
                    f'host = "{self.host}"',
                    f"port = {port}",
                    f"advertise = {told}",
                ]
            lines += [
                "[[fieldgate.listeners]]", f'host = "{self.host}"', f"port = {self.ground.announced}", f"advertise = {told}",
                f"proxy_from = {json.dumps(self.balancers)}",
            ]  # fmt: skip
        (self.provider.data / "fieldgate.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        log = self.provider.data.parent / f"edge-{self._starts}.log"
        self._starts += 1
        place = GATEWAY if self.number == 0 else OTHER
        self.process = self.ground.start(
            place, sys.executable, "-m", module, "edge", "--data", str(self.provider.data), log=log
        )

    def ready(self) -> None:
        """Wait until agents can connect."""
        assert self.process is not None
        self.process.wait_for_word('"edge ready"')

    def restart(self, *, module: str = "gateway") -> None:
        """Stop it in order and start it again."""
        assert self.process is not None
        self.process.end()
        self.start(module=module)
        self.ready()

    def token(self, pins: tuple[bytes, ...] | None = None, names: tuple[str, ...] = ()) -> Token:
        """A token that knows this gateway, as `fieldgate token create` makes it."""
        authority = Authority.load(self.provider.data / "ca")
        token = Token.create(
            seed=secrets.token_bytes(32), pins=pins or authority.pins_current(), gateways=self.addresses, names=names,
            report_key=authority.report_keys()[0].public.raw,
        )  # fmt: skip
        self.provider.store.tokens.add(
            token.id, token.public_key(), kind="client", organization_uid=self.provider.company.uid, location_uid=None,
            expires_ms=wall_ms() + 30 * DAY_MS, max_uses=MANY, synthetic=False, now_ms=wall_ms(),
        )  # fmt: skip
        return token

    def records(self) -> list[PathRecord]:
        """What it has written down of paths so far."""
        return [PathRecord.decode(each.payload) for each in self.provider.journaled() if each.tag == PATH_TAG]
