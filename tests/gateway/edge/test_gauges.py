"""What an edge tells of itself at the moment when it is asked."""

import re
import urllib.request
from pathlib import Path

import attrs
import trio

from certs import from_ms
from gateway.edge.credentials import load_credentials
from gateway.edge.gauges import ends_of
from tests.helpers.edges import make_provider, running_edge


def test_what_agents_depend_on_says_when_it_ends(tmp_path: Path) -> None:
    """The served certificate after 90 days, its issuer and the agents' after five years, the root after twenty."""
    provider = make_provider(tmp_path)
    now = from_ms(provider.clock())
    ends = ends_of(load_credentials(provider.config(), now))
    days = {name: round((end - now.timestamp()) / 86400) for name, end in ends.items()}
    assert days == {"gateway": 90, "gateway issuer": 5 * 365, "agent issuer": 5 * 365, "root": 20 * 365}


async def test_it_says_whether_it_is_ready_and_how_much_room_there_is(tmp_path: Path) -> None:
    """/readyz as a number, the limit that is in force, and the disk that the journal needs."""

    async def scrape() -> dict[str, float]:
        def get() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{running.edge.monitor_port}/metrics") as answer:
                text: str = answer.read().decode()
                return text

        found = re.findall(r"^(fieldgate_\w+) (\S+)$", await trio.to_thread.run_sync(get), re.MULTILINE)
        return {name: float(value) for name, value in found}

    async with running_edge(make_provider(tmp_path)) as running:
        said = await scrape()
        assert said["fieldgate_ready"] == 1
        assert said["fieldgate_connections_limit"] == running.services.config.limits.connections
        assert said["fieldgate_disk_free_bytes"] > 0
        running.services.valve.withhold("disk", yes=True)
        config = running.services.config
        running.services.config = attrs.evolve(config, limits=attrs.evolve(config.limits, connections=77))
        said = await scrape()
        assert said["fieldgate_ready"] == 0
        assert said["fieldgate_connections_limit"] == 77
