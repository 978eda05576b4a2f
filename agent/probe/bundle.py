"""A support bundle: one zip file with everything that was seen, to be mailed, and no secret in it.

What goes in is listed here, field by field: nothing is copied from a folder as it is. No private key, no token or code, no
nonce, no report that waits (with what its answer is opened with), no proxy's login.
"""

import io
import json
import platform
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from cryptography.hazmat.backends.openssl import backend

from agent.hello import AGENT_VERSION, PLATFORM
from agent.inspection.keep import Keep
from agent.probe.asker import Asker
from agent.probe.examine import Examined
from agent.probe.outcome import meta_of
from agent.proxies import Proxies
from certs.inspection import ReportMeta, render_html, render_json, render_text

__all__ = ["bundle"]

_README: Final = """What a Fieldgate probe saw of the way to a gateway. Begin with report.html, or report.txt.

report.html, report.txt, report.json   the same report: for people, for a ticket, for programs (its schema is published)
environment.json                       the system, the versions, and which proxies are known (without logins)
steps.txt                              what was tried, in order
agent.json                             of the agent on this server, if there is one: what it thinks of the path, its sessions

There is no key, no token and no password in it. There are addresses and certificates: it is meant for the provider, and for
whoever runs the network.
"""

# Of `os.environ`, only whether these are there: their values may hold logins.
_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")

# Of status.json. What else an agent may write there one day is not for a mail.
_STATUS: Final = (
    "state", "gateway", "code", "reason", "since_ms", "clock_offset_ms", "standing", "certificate_expires_ms", "written_ms",
    "trouble", "trouble_last_ms", "trouble_times", "path_verdict", "path_blame", "path_code", "path_said_by",
    "path_confidence", "path_gateway", "path_since_ms", "path_last_ms", "path_reports_waiting",
)  # fmt: skip


def bundle(
    examined: Examined, asker: Asker, proxies: Proxies, *, state: Path | None, environ: Mapping[str, str]
) -> bytes:
    """The zip file.

    Args:
        state: the agent's folder, if there is an agent.
        environ: usually `os.environ`.

    Raises:
        DocumentError: as `render_json` does.
    """
    meta = meta_of(examined, asker)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(examined, meta, proxies, state, environ):
            archive.writestr(f"fieldgate-probe/{name}", text)
    return packed.getvalue()


def _files(
    examined: Examined, meta: ReportMeta, proxies: Proxies, state: Path | None, environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    evidence, finding = examined.evidence, examined.finding
    yield "README.txt", _README
    yield "report.txt", render_text(evidence, finding, meta=meta)
    yield "report.html", render_html(evidence, finding, meta=meta)
    yield "report.json", render_json(evidence, finding, meta=meta)
    yield (
        "steps.txt",
        "".join(
            f"{step.mark.value} {step.name:<17}{step.detail.encode('unicode_escape').decode()}\n"
            for step in examined.steps
        ),
    )
    yield "environment.json", _json(_environment(proxies, environ))
    if state is not None:
        yield "agent.json", _json(_agent(state))


def _environment(proxies: Proxies, environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "agent_version": AGENT_VERSION,
        "platform": PLATFORM,
        "system": platform.platform(),
        "python": sys.version,
        "openssl": backend.openssl_version_text(),
        "proxy_of_the_agent": None if proxies.configured is None else str(proxies.configured),
        "proxy_of_the_environment": None if proxies.environment is None else str(proxies.environment),
        "proxy_ignored": proxies.ignored,
        "proxy_exceptions": list(proxies.exceptions),
        "variables_set": [name for name in _VARIABLES if name in environ],
    }


def _agent(state: Path) -> dict[str, Any]:
    keep = Keep(state)
    opinion = keep.opinion()
    thought = None
    if opinion is not None:
        thought = attrs.asdict(opinion, filter=lambda field, _: field.name not in ("signed", "public"))
    return {
        "status": _status(state / "status.json"),
        "opinion": thought,
        "sessions_cut": [attrs.asdict(cut) for cut in keep.cuts()],
        "reports_waiting": keep.waiting,
    }


def _status(path: Path) -> dict[str, Any] | None:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return {name: fields[name] for name in _STATUS if name in fields} if isinstance(fields, dict) else None


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, indent=2) + "\n"
