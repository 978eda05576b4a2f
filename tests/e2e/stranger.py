"""A Fieldgate agent by somebody who never saw Fieldgate's code: written from docs/protocol.md (§) alone.

`stranger.py TOKEN STATE [released|sent] [SECONDS]` is one session: it enrolls if the file STATE is new, reports an
inventory and six runs of a job, stays until they are released (or only sent) and for SECONDS, and prints what it
cut and heard as JSON. The next run goes on where this one ended. Renewal and tombstones are left out.
"""

import base64
import contextlib
import ipaddress
import json
import secrets
import select
import socket
import sqlite3
import struct
import sys
import time
import uuid
from hashlib import sha256
from io import BytesIO
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import verification
from msgpack import packb, unpackb
from OpenSSL import SSL

HELLO, ENROLL, HEARTBEAT, INVENTORY, EVENT_BATCH, COMMAND_RESULT, GOODBYE = 1, 2, 3, 4, 5, 8, 10
HEARD = {10, *range(64, 74)}  # what a gateway says
CLIENT, HEALTHY, QUICK, RANGE, FULL, DELTA, UNSUPPORTED = 1, 1, 1, 3, 1, 2, 4


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class State(dict[str, Any]):
    """What must outlive the process, with the outbox (§7); `save` syncs it to disk, then it may be said."""

    def __init__(self, file: str) -> None:
        self.db = sqlite3.connect(file)
        self.db.execute("CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, value BLOB)")
        secret = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
        me = [str(uuid.uuid4()), socket.gethostname(), "stranger 1", "any", CLIENT]
        super().__init__(secret=secret, me=me, uid="", chain=[], nonces=[], revisions=[0, 0], answered=[])
        self.update(collected=0, previous=bytes(16), outbox=[])  # of [type, batch id, payload], oldest first
        self.update(epoch=secrets.randbelow(2**63 - 1) + 1, next=1, released=1)
        for (value,) in self.db.execute("SELECT value FROM state"):
            self.update(unpackb(value))
        self.key = ec.derive_private_key(int.from_bytes(self["secret"], "big"), ec.SECP256R1())

    def save(self, **values: object) -> None:
        self.update(values)
        self.db.execute("REPLACE INTO state VALUES (1, ?)", [packb(self)])
        self.db.commit()

    def cut(self, kind: int, count: int, *rest: object, **values: object) -> None:
        payload = packb([self["epoch"], self["next"], count, self["previous"], b"", *rest])
        self["outbox"].append([kind, sha256(payload).digest()[:16], payload])
        self.save(next=self["next"] + count, previous=self["outbox"][-1][1], **values)

    def held(self, epoch: int) -> dict[bytes, tuple[int, int]]:
        heads = [(identity, *unpackb(payload)[:3]) for _, identity, payload in self["outbox"]]
        return {identity: (first, first + count) for identity, of, first, count in heads if of == epoch}

    def heed(self, *told: list[list[Any]]) -> set[bytes]:
        """Delete what is released, return what is durable. A mark of what is yet to be cut: we are set back."""
        safe, gone = set[bytes](), set[bytes]()
        for found, marks in zip((safe, gone), told, strict=False):
            for epoch, end, identity, *start in marks:
                held, low = self.held(epoch), [*start, 1][0]
                if held.get(identity, (0, 0))[1] == end:
                    found |= {each for each, (first, after) in held.items() if low <= first and after <= end}
                    if found is gone and epoch == self["epoch"]:
                        self["released"] = max(self["released"], end)
                elif epoch == self["epoch"] and end > self["released"]:
                    self.update(epoch=secrets.randbelow(2**63 - 1) + 1, next=1, released=1)
        self.save(outbox=[batch for batch in self["outbox"] if batch[1] not in gone])
        return safe


class Wire:
    """One TLS connection, judged before the first word (§1), that carries frames (§2)."""

    def __init__(self, address: str, pins: list[bytes], state: State) -> None:
        host, _, port = address.rpartition(":")
        context, steps = SSL.Context(SSL.TLS_CLIENT_METHOD), set[bytes]()
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_alpn_protos([b"fieldgate/1"])
        context.set_info_callback(lambda tls, *_: steps.add(tls.get_state_string()))
        context.use_privatekey(state.key)
        for index, certificate in enumerate(map(x509.load_der_x509_certificate, state["chain"])):
            (context.add_extra_chain_cert if index else context.use_certificate)(certificate)
        self.socket = socket.create_connection((host.strip("[]"), int(port)), 15)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 15, 0))
        self.tls = SSL.Connection(context, self.socket)
        self.tls.set_connect_state()
        if named := host[-1].isalpha():  # an address ends in a digit or a bracket
            self.tls.set_tlsext_host_name(host.encode())
        self.tls.do_handshake()
        chain = self.tls.get_peer_cert_chain(as_cryptography=True) or []
        spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        roots = [each for each in chain if sha256(each.public_key().public_bytes(*spki)).digest() in pins]
        if not roots or not any(b"certificate request" in step for step in steps):
            raise SystemExit("FG-3009, FG-3011: not our provider's gateway, or somebody is in between")
        subject = x509.DNSName(host) if named else x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
        policy = verification.PolicyBuilder().store(verification.Store(roots))
        policy.build_server_verifier(subject).verify(chain[0], chain[1:])

    def say(self, kind: int, *fields: object, payload: bytes = b"") -> None:
        payload = payload or packb(fields)
        self.tls.sendall(struct.pack(">IB", len(payload), kind) + payload)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.tls.recv(size - len(data))
        return data

    def hear(self, seconds: float) -> tuple[int, list[Any]] | None:
        if not self.tls.pending() and not select.select([self.socket], [], [], seconds)[0]:
            return None
        length, kind = struct.unpack(">IB", self.read(5))
        if length > 1 << 20 or (kind < 128 and kind not in HEARD):
            self.goodbye(2108 if kind in HEARD else 2121, f"type {kind} of {length} bytes")
            raise SystemExit("the gateway broke the protocol")
        payload = self.read(length)
        return (kind, unpackb(payload)) if kind in HEARD else None

    def goodbye(self, code: int, why: str) -> None:
        """The last word (§1), and no reset that could destroy it."""
        with contextlib.suppress(OSError, SSL.Error), self.socket:
            self.say(GOODBYE, code, why)
            self.tls.shutdown()
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(2)
            self.socket.makefile("rb").read()


class Agent:
    def __init__(self, token: str, file: str, until: str = "released", seconds: str = "0") -> None:
        self.token, self.state, self.until, self.stay = token, State(file), until, float(seconds)
        self.sent, self.credit, self.every = set[bytes](), 0, 30

    def enroll(self) -> None:
        raw = base64.urlsafe_b64decode("".join(self.token.split()).removeprefix("fgt1_") + "==")
        if sha256(raw[:-4]).digest()[:4] != raw[-4:]:
            raise SystemExit("that is no whole token")
        rest = BytesIO(raw[2:])
        uid = uuid.UUID(bytes=rest.read(16))
        secret = ed25519.Ed25519PrivateKey.from_private_bytes(rest.read(32))
        pins = [rest.read(32) for _ in range(rest.read(1)[0])]
        gateways = [rest.read(rest.read(1)[0]).decode() for _ in range(rest.read(1)[0])]
        self.state.save()  # the key, before it is used
        builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
        csr = builder.sign(self.state.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        self.wire = Wire(gateways[0], pins, self.state)
        exporter = self.wire.tls.export_keying_material(b"EXPORTER-fieldgate-enroll", 32)
        proof = secret.sign(b"fieldgate enroll 1\0" + exporter + csr)
        self.wire.say(ENROLL, str(uid), csr, proof, *self.state["me"], now_ms())
        self.take(self.wire.hear(30))
        self.wire.goodbye(2001, "enrolled")

    def collect(self) -> None:
        if not self.state["collected"]:
            self.inventory(FULL, collected=1)
        for run in range(self.state["collected"], 7):
            job, rows = ("job-1", f"run-{run}"), [[now_ms(), 1, "job-1", f"run-{run}", "", 1]]
            for n in range(98):
                what = f"vm-{n // 2}", n % 5, n % 3, n * 100, 2**63 - 1 - n, n << 20, n - 50
                rows.append([now_ms(), 3 + n % 4, *job, *what, f"{n} é {'日🚚' * (500 - n)}"])
            rows.append([now_ms(), 2, *job, "", 2])
            self.state.cut(EVENT_BATCH, len(rows), rows, collected=run + 1)
            print(json.dumps({"cut": rows}), flush=True)

    def inventory(self, mode: int, **values: object) -> None:
        lists = [["server-1", "backup01", 1]], [["repo-1", "server-1", "Main"]], [["vm-1", "server-1", "", 1]]
        self.state.cut(INVENTORY, 1, now_ms(), mode, 0, True, *(lists if mode == FULL else ()), **values)

    def heartbeat(self) -> None:
        sizes = [len(payload) for _, _, payload in self.state["outbox"]]
        self.wire.say(HEARTBEAT, now_ms(), HEALTHY, len(sizes), sum(sizes))

    def session(self) -> None:
        state = self.state
        if not state["uid"]:
            self.enroll()
        self.collect()
        self.wire = wire = Wire(state["gateways"][0], state["pins"], state)
        position = [state["nonces"], state["epoch"], state["next"], state["released"]]
        wire.say(HELLO, 0, 0, state["uid"], *state["me"], *position, now_ms(), False, *state["revisions"])
        self.take(wire.hear(30))
        beat, self.stay = time.monotonic() + self.every, time.monotonic() + self.stay
        while True:
            waiting = [batch for batch in state["outbox"] if batch[1] not in self.sent]
            todo = {"released": state["outbox"], "sent": waiting, "drained": []}[self.until]
            if time.monotonic() >= self.stay and not todo:
                return wire.goodbye(2001, "all said")
            if time.monotonic() >= beat:
                self.heartbeat()
                beat += self.every
            if waiting and len(waiting[0][2]) <= self.credit and self.until != "drained":
                kind, identity, payload = waiting[0]
                wire.say(kind, payload=payload)
                self.credit -= len(payload)
                self.sent.add(identity)
            elif message := wire.hear(0.2):
                self.take(message)

    def take(self, message: tuple[int, list[Any]] | None) -> None:  # noqa: C901  # one case for each message
        state = self.state
        print(json.dumps({"heard": message}, default=bytes.hex), flush=True)
        match message:
            case 64, [_, _, _, nonce, every, credit, _, _, *more]:  # Welcome
                self.every, self.credit = every, credit
                state.save(nonces=[nonce, *state["nonces"][:1]])
                self.sent |= state.heed(*more[1:3])
            case 65, [uid, chain, _, _, pins, new, where, _, *more]:  # Enrolled
                if x509.load_der_x509_certificate(chain[0]).public_key() != state.key.public_key():
                    raise SystemExit("that certificate is not for our key")
                state.save(uid=uid, chain=chain, pins=pins + new, gateways=where, revisions=[0, *more, 0][:2])
            case 66, [_, *marks]:  # Ack
                if not any(marks):
                    self.heartbeat()
                state.heed(*marks[:2])
            case 67, [amount, *_]:  # Credit
                self.credit += amount
            case 68, [uid, _, fence, _, *_]:  # Command
                if [uid, fence] not in (old := state["answered"]):
                    state.cut(COMMAND_RESULT, 1, uid, fence, UNSUPPORTED, 5001, answered=[*old, [uid, fence]])
            case 69, [scope, epoch, start, *_] if scope == RANGE:  # Resync
                self.sent -= {each for each, (_, after) in state.held(epoch).items() if after > start}
            case 69, [scope, *_]:
                self.inventory(DELTA if scope == QUICK else FULL)
            case 70, [revision, gateways, *_]:  # GatewayList
                state.save(gateways=gateways, revisions=[revision, state["revisions"][1]])
            case 71, [revision, pins, *more]:  # TrustUpdate
                state.save(pins=pins + [*more, []][0], revisions=[state["revisions"][0], revision])
            case 73, [_, _, *_]:  # Drain
                self.until, self.stay = "drained", time.monotonic() + 2
            case _:
                raise SystemExit("refused, or ended")


if __name__ == "__main__":
    Agent(*sys.argv[1:]).session()
