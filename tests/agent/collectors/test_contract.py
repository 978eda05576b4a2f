"""Every collector of ours, and the one that docs/collectors.md writes, keeps the contract; and the contract finds those that do not."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.collectors.check import RULES, check
from agent.collectors.contract import (
    Ability,
    Collector,
    CollectorSettings,
    Found,
    JobEnd,
    Measured,
    Progress,
)
from agent.collectors.exec import make as make_exec
from agent.collectors.machine import Machine
from agent.collectors.synthetic import Synthetic
from agent.facts import Facts
from protocol import AgentType, JobStatus
from tests.agent.collectors.contract import CollectorContract
from tests.agent.collectors.folder_collector import Dumps
from tests.agent.collectors.scripted import around, event, server, usage

Make = Callable[[], Collector]


class TestMachine(CollectorContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: Machine(around(tmp_path))


@pytest.mark.parametrize("kind", AgentType)
class TestSynthetic(CollectorContract):
    @pytest.fixture
    def make(self, tmp_path: Path, kind: AgentType) -> Make:
        return lambda: Synthetic("synthetic", around(tmp_path, synthetic=True, agent_type=kind), rate=200)


class TestExec(CollectorContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        command = [sys.executable, str(Path(__file__).parent / "tapes.py")]
        return lambda: make_exec(
            CollectorSettings(name="tapes", kind="exec", options={"command": command}), around(tmp_path)
        )


class TestTheOneInTheDocumentation(CollectorContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        for day in range(1, 29):
            (tmp_path / f"2026-02-{day:02}.dump").write_bytes(b"x" * day)
        settings = CollectorSettings(name="dumps", kind="dumps", options={"folder": str(tmp_path)})
        return lambda: Dumps(settings, around(tmp_path))


class Wrong(Collector):
    """Keeps the contract, unless a part of it is replaced."""

    abilities = frozenset(Ability)

    async def inventory(self) -> Facts:
        return Facts(servers=(server("s"),))

    async def events(self, since: str) -> Found:
        return Found(rows=[] if since else [event("1")], cursor="1")

    async def usage(self) -> Measured:
        return Measured(rows=[usage("r")])


async def test_a_collector_that_keeps_it_is_found_to() -> None:
    """So the following find what they replace."""
    assert [verdict.rule for verdict in await check(Wrong("w")) if verdict.why] == []


class NoAbilities(Wrong):
    abilities = frozenset()


class Doubled(Wrong):
    async def inventory(self) -> Facts:
        return Facts(servers=(server("s"), server("s")))


class Restless(Wrong):
    count = 0

    async def inventory(self) -> Facts:
        self.count += 1
        return Facts(servers=(server(f"s{self.count}"),))


class Repeating(Wrong):
    async def events(self, since: str) -> Found:
        return Found(rows=[event("1")], cursor=since + "1", more=len(since) < 3)


class Forgetful(Wrong):
    told = False

    async def events(self, since: str) -> Found:
        rows, self.told = ([] if self.told else [event("1")]), True
        return Found(rows=rows)


class Silent(Wrong):
    async def events(self, since: str) -> Found:
        return Found(cursor=since, more=True)


class Homeless(Wrong):
    async def events(self, since: str) -> Found:
        row = list(event("1"))
        row[3] = ""
        return Found(rows=[] if since else [tuple(row)], cursor="1")


class Obliging(Wrong):
    async def start_job(self, job_uid: str, progress: Progress) -> JobEnd:
        return JobEnd(status=JobStatus.SUCCESS, session_uid=job_uid)


class Twice(Wrong):
    async def usage(self) -> Measured:
        return Measured(rows=[usage("r"), usage("r", 2)])


class Crashing(Wrong):
    async def usage(self) -> Measured:
        raise KeyError("tape")


@pytest.mark.parametrize(
    ("wrong", "rule", "says"),
    [
        (NoAbilities, "says what it can do", "it can do nothing"),
        (Doubled, "inventory can be reported", "'s' comes twice"),
        (Restless, "the same inventory a moment later", "are the uids made up each time"),
        (Repeating, "no event behind its own cursor", "told again behind its cursor"),
        (Forgetful, "the same events again from an older cursor", "some would be lost"),
        (Silent, "events can be reported", "says that there is more, and gives nothing"),
        (Homeless, "events can be reported", "belongs to no job session"),
        (Obliging, "knows which jobs are not its own", "a job that nobody has"),
        (Twice, "usage can be reported", "one metric of one subject comes twice"),
        (Crashing, "usage can be reported", "it raised KeyError: 'tape'"),
    ],
)
async def test_one_that_does_not_is_found(wrong: type[Wrong], rule: str, says: str) -> None:
    """By the rule that it breaks, in words."""
    whys = {verdict.rule: verdict.why for verdict in await check(wrong("w"))}
    assert says in whys[rule]
    assert list(whys) == list(RULES)


def test_the_documentation_has_that_very_code() -> None:
    """In at most 40 lines."""
    code = (Path(__file__).parent / "folder_collector.py").read_text(encoding="utf-8")
    page = (Path(__file__).parents[3] / "docs" / "collectors.md").read_text(encoding="utf-8")
    assert f"```python\n{code}```" in page
    assert len(code.splitlines()) <= 40
