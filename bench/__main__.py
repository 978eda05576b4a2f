"""`python -m bench [SUITE…] [--agents N]`: measure everything again, or what is named, and rewrite its sections of bench/RESULTS.md.

`--agents` is for the herd; 10,000 otherwise.

Every figure stands beside its limit or a peer, measured in the same run; ratios hold better than absolutes.
"""

import argparse
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import (
    codec,
    edge,
    evidence,
    herd,
    journal,
    management,
    projector,
    restore,
    sizing,
    store,
    tls,
)

RESULTS = Path(__file__).parent / "RESULTS.md"
SUITES = {
    "tls": tls,
    "edge": edge,
    "evidence": evidence,
    "herd": herd,
    "restore": restore,
    "codec": codec,
    "journal": journal,
    "store": store,
    "management": management,
    "projector": projector,
    "sizing": sizing,
}
PACKAGES = ("cryptography", "pyopenssl", "trio", "msgpack", "sqlalchemy", "pysqlite3")

HEAD = """\
# Results

Written by `make bench`; do not edit. Each row stands beside its limit or a peer, measured in the same run. The machine is shared
and noisy: ratios hold better than absolutes.

"""


def machine() -> str:
    """What this was measured on."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1_048_576
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {cores} cores ({model}), {memory} GiB, {platform.platform()}, "
        f"Python {platform.python_version()}, {packages}.\n"
    )


def table(rows: list[dict[str, str | float]]) -> str:
    """One suite as a table: what, unit, then every figure by its name."""
    lines = ["| what | figures |", "|---|---|"]
    for row in rows:
        figures = [f"{key} **{value:,}**" if isinstance(value, int | float) else f"{key} {value}"
                   for key, value in row.items() if key not in ("what", "unit")]  # fmt: skip
        lines.append(f"| {row['what']} ({row['unit']}) | {', '.join(figures)} |")
    return "\n".join(lines) + "\n"


def sections() -> dict[str, str]:
    """The sections that RESULTS.md has, by suite."""
    if not RESULTS.exists():
        return {}
    parts = RESULTS.read_text(encoding="utf-8").split("\n## ")[1:]
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() + "\n" for part in parts}


def main(arguments: list[str]) -> int:
    """Run the suites named, or all, and write what they found."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--agents", type=int, default=herd.AGENTS, help="in the herd")
    asked = parser.parse_args(arguments)
    wanted: list[str] = asked.suites
    if unknown := set(wanted) - set(SUITES):
        sys.stderr.write(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}\n")
        return 2
    found = sections()
    for name, suite in SUITES.items():
        if wanted and name not in wanted:
            continue
        sys.stderr.write(f"bench: {name}\n")
        rows = herd.run(asked.agents) if suite is herd else suite.run()
        found[name] = f"{machine()}\n{(suite.__doc__ or '').strip()}\n\n{table(rows)}"
        sys.stdout.write(found[name])
        sys.stdout.flush()
        written = "\n".join(f"## {each}\n\n{found[each]}" for each in SUITES if each in found)
        RESULTS.write_text(HEAD + written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
