"""The boxes that nobody here wrote: mitmproxy, squid and haproxy, each one process that serves all of its sites."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs

from tests.e2e.lab.forging import Maker, Pems
from tests.e2e.lab.ground import BOX, OTHER, ROOT, Ground, Namespaces

__all__ = ["Haproxy", "Mitmproxy", "Squid", "forsaken", "missing"]

MITMDUMP = ROOT / ".venv-mitmproxy" / "bin" / "mitmdump"
CERTGEN = "/usr/lib/squid/security_file_certgen"
NOBODY = "nobody"
NCSA = "/usr/lib/squid/basic_ncsa_auth"


def missing() -> str:
    """What the lab needs and this machine has not, and how to get it; empty if it has everything."""
    wanted = [name for name in ("squid", "haproxy") if _program(name) is None]
    if not Path(CERTGEN).exists() and "squid" not in wanted:
        wanted.append("squid (the one with OpenSSL)")
    advice = []
    if wanted:
        advice.append(f"no {' and no '.join(wanted)}: apt-get install squid-openssl haproxy")
    if not MITMDUMP.exists():
        advice.append("no mitmproxy: make mitmproxy")
    return "; ".join(advice)


def _program(name: str) -> str | None:
    """Where it is; Debian keeps both where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def program(name: str) -> str:
    """Where it is; the lab is not built where it is missing."""
    found = _program(name)
    assert found is not None, missing()
    return found


Ready = Callable[[], None]
"""Waits until a box that was started takes connections."""


@attrs.define
class Mitmproxy:
    """mitmproxy: transparent, or, on loopback, in reverse, where nothing leads it what was meant for another."""

    ground: Ground
    home: Path
    _sites: list[int] = attrs.field(factory=list, init=False)

    @property
    def ca(self) -> Path:
        """Its CA's certificate, PEM, once it has started."""
        return self.home / "mitmproxy-ca-cert.pem"

    def stand(self, site: int) -> None:
        """Take *site*'s connections."""
        self._sites.append(site)

    def start(self) -> Ready:
        """All of them in one process."""
        if not self._sites:
            return lambda: None
        modes = [word for site in self._sites for word in ("--mode", self._mode(site))]
        process = self.ground.start(
            BOX, str(MITMDUMP), *modes, "--set", f"confdir={self.home}", "--ssl-insecure", log=self.home.with_suffix(".log"),
        )  # fmt: skip
        return lambda: process.wait_for(*(self.ground.box(site) for site in self._sites))

    def _mode(self, site: int) -> str:
        host, port = self.ground.box(site)
        if isinstance(self.ground, Namespaces):
            return f"transparent@{port}"
        return f"reverse:tls://{self.ground.upstream(site)}:{self.ground.port}@{host}:{port}"


@attrs.define
class Haproxy:
    """Plain TCP without and with PROXY protocol, and one that ends the TLS."""

    ground: Ground
    sections: list[str] = attrs.field(factory=list, init=False)
    bound: list[tuple[str, int]] = attrs.field(factory=list, init=False)

    def balance(self, site: int, *, announce: bool = False, wanted: bool = True) -> None:
        """Forward TCP as it is; *announce* says the agent's true address by PROXY protocol, to a listener where that is *wanted*."""
        port = self.ground.announced if announce and wanted else self.ground.port
        self._add(site, "", port, " send-proxy-v2" if announce else "")

    def terminate(self, site: int, forged: Pems) -> None:
        """End the TLS with another certificate and begin a new one towards the gateway."""
        self._add(site, f" ssl crt {_both(forged)}", self.ground.port, " ssl verify none sni ssl_fc_sni")

    def _add(self, site: int, accept: str, port: int, forward: str) -> None:
        host, bound = self.ground.box(site)
        source = self.ground.box_source(site, own=True)
        where = f" source {source}" if source else ""
        self.sections.append(
            f"listen site{site}\n  bind {host}:{bound}{accept}\n"
            f"  server gateway {self.ground.upstream(site)}:{port}{where}{forward}\n"
        )
        self.bound.append((host, bound))

    def serve(self, site: int, pems: Pems) -> None:
        """Be a web server."""
        host, bound = self.ground.box(site)
        page = 'http-request return status 200 content-type "text/plain" string "It works"'
        self.sections.append(
            f"listen site{site}\n  mode http\n  bind {host}:{bound} ssl crt {_both(pems)}\n  {page}\n"
        )
        self.bound.append((host, bound))

    def check(self, site: int) -> None:
        """See every second whether the gateway's port is open, for nobody's sake."""
        host, bound = self.ground.box(site)
        source = self.ground.box_source(site)
        where = f" source {source}" if source else ""
        self.sections.append(
            f"listen site{site}\n  bind {host}:{bound}\n"
            f"  server gateway {self.ground.beside(site)}:{self.ground.port}{where} check inter 1s\n"
        )
        self.bound.append((host, bound))

    def start(self, folder: Path) -> Ready:
        """All of them in one process."""
        config = folder / "haproxy.cfg"
        head = "global\n  maxconn 200\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        config.write_text(head + "".join(self.sections), encoding="utf-8")
        process = self.ground.start(
            BOX, program("haproxy"), "-db", "-f", str(config), log=folder / "haproxy.log"
        )
        return lambda: process.wait_for(*self.bound)


def forsaken(ground: Ground, folder: Path, host: str) -> Ready:
    """A haproxy of the provider's, where its gateway was: it knows that there is none."""
    config = folder / "forsaken.cfg"
    config.write_text(
        "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 60s\n  timeout server 60s\n  retries 0\n"
        f"listen gateway\n  bind {host}:{ground.port}\n  server gateway 127.0.0.1:9 check inter 100ms fall 1\n",
        encoding="utf-8",
    )
    process = ground.start(OTHER, program("haproxy"), "-db", "-f", str(config), log=folder / "forsaken.log")
    return lambda: process.wait_for((host, ground.port))


def _both(pems: Pems) -> Path:
    """Chain and key in one file."""
    path = pems.chain.with_name(f"{pems.chain.stem}-both.pem")
    path.write_bytes(pems.chain.read_bytes() + pems.key.read_bytes())
    return path


@attrs.define
class Squid:
    """Interception with ssl_bump, a site a port; and explicit proxies.

    Squid knows no CA of the gateway's. For a site whose box is told to trust it nevertheless, forgeries are signed by its CA; for
    the others by a second CA that it makes for origins that it does not trust, which is its default.
    """

    ground: Ground
    folder: Path
    ca: Maker
    name: str
    resolves_to: str = attrs.field(default="", init=False)
    """What it takes *name* for. Where it splices, it wants to see the same address as the agent."""
    lost: str = attrs.field(default="", init=False)
    """A name of the gateway's that leads it to where nobody listens."""
    _home: Path | None = attrs.field(default=None, init=False)
    _lines: list[str] = attrs.field(factory=list, init=False)
    _bound: list[tuple[str, int]] = attrs.field(factory=list, init=False)

    def intercept(self, site: int, *steps: str, trusting: bool = True) -> dict[str, str]:
        """Take *site*'s connections; *steps* are `ssl_bump` actions, each with the step of squid's that it is for.

        On loopback, where nothing leads it what was meant for another, agents call it as a proxy: what they have to know.
        """
        name = self._port(
            site, "ssl-bump", f"tls-cert={self.ca.both}", "generate-host-certificates=on", tls=True
        )
        self._lines += [
            f"ssl_bump {action} {name} {at}".rstrip() for action, _, at in (s.partition("@") for s in steps)
        ]
        self._lines.append(f"sslproxy_cert_error allow {name}")
        if trusting:
            self._lines.append(f"sslproxy_cert_sign signTrusted {name}")
        source = self.ground.box_source(site, own="bump" not in steps[-1])
        if source is not None:
            self._lines.append(f"tcp_outgoing_address {source} {name}")
        self._lines.append(f"http_access allow {name}")
        return {} if isinstance(self.ground, Namespaces) else self._called(site)

    def proxy(self, site: int, answers: str = "") -> dict[str, str]:
        """An explicit proxy, that answers CONNECT with 407 or 403, or passes it on as it is; what agents have to know."""
        name = self._port(site)
        if answers == "407":
            self._lines.append(f"http_access deny {name} !logged_in")
        self._lines.append(f"http_access {'deny' if answers == '403' else 'allow'} {name}")
        source = self.ground.box_source(site, own=True)
        if source is not None:
            self._lines.append(f"tcp_outgoing_address {source} {name}")
        self.ground.translate(site)
        return self._called(site)

    def _called(self, site: int) -> dict[str, str]:
        self.resolves_to = self.resolves_to or self.ground.upstream(site)
        host, port = self.ground.box(site)
        return {"proxy": f"http://{self.ground.proxy_address(host)}:{port}"}

    def _port(self, site: int, *options: str, tls: bool = False) -> str:
        name = f"site{site}"
        host, port = self.ground.box(site)
        self._bound.append((host, port))
        if tls and isinstance(self.ground, Namespaces):
            words = ["https_port", f"{host}:{port}", "intercept", *options]
        else:
            words = ["http_port", f"{host}:{port}", *options]
        self._lines += [" ".join([*words, f"name={name}"]), f"acl {name} myportname {name}"]
        return name

    def start(self) -> Ready:
        """All of them in one process."""
        # As root squid insists on becoming somebody else, who must not be able to look into the test's own folder.
        self._home = Path(tempfile.mkdtemp(prefix="fieldgate-lab-squid-"))
        helpers, hosts, config = self._home / "certgen", self._home / "hosts", self._home / "squid.conf"
        subprocess.run(
            [CERTGEN, "-c", "-s", str(helpers), "-M", "4MB"], capture_output=True, timeout=30, check=True
        )
        known = f"{self.resolves_to} {self.name}\n" + (
            f"{self.ground.nowhere} {self.lost}\n" if self.lost else ""
        )
        hosts.write_text(known, encoding="utf-8")
        (self._home / "logins").write_text("", encoding="utf-8")
        config.write_text(
            "\n".join(
                [
                    "acl first at_step SslBump1", "acl second at_step SslBump2", "acl third at_step SslBump3",
                    f"auth_param basic program {NCSA} {self._home / 'logins'}", "auth_param basic children 1",
                    "acl logged_in proxy_auth REQUIRED",
                    *self._lines,
                    f"sslcrtd_program {CERTGEN} -s {helpers} -M 4MB", "sslcrtd_children 2 startup=1 idle=1",
                    f"hosts_file {hosts}", "dns_nameservers 127.0.0.1", "visible_hostname box.example.test",
                    "cache deny all", f"cache_log {self._home / 'cache.log'}", "access_log none", "pid_filename none",
                    "pinger_enable off", "shutdown_lifetime 0 seconds", f"coredump_dir {self._home}",
                    *([f"cache_effective_user {NOBODY}"] if os.geteuid() == 0 else []),
                ]
            ) + "\n",
            encoding="utf-8",
        )  # fmt: skip
        if os.geteuid() == 0:
            for path in (self._home, *self._home.rglob("*")):
                shutil.chown(path, NOBODY)
        process = self.ground.start(
            BOX,
            program("squid"),
            "-N",
            "-d",
            "1",
            "-n",
            self._service,
            "-f",
            str(config),
            log=self.folder / "squid.log",
        )
        return lambda: process.wait_for(*self._bound)

    def remove(self) -> None:
        """Its files, once it has ended."""
        if self._home is not None:
            shutil.rmtree(self._home)
        for segment in Path("/dev/shm").glob(f"{self._service}-*"):  # one that was killed leaves them
            segment.unlink()

    @property
    def _service(self) -> str:
        """Its shared memory goes by this name."""
        return f"fglab{os.getpid()}"
