"""The scenario that restarts the edge, against a supervised gateway: a kill, a drain, and everybody is back with everything."""

from pathlib import Path

from agent.simulator.scenario import load
from tests.e2e.stage import Said, stage_in
from tests.e2e.test_scenarios import HERD, result_of, shortened
from tests.helpers.provider import wait_for_port


def test_the_herd_comes_back(tmp_path: Path) -> None:
    """The supervisor starts the edge again; nobody is lost, and the result says how long it took and what was done."""
    with stage_in(tmp_path, limits_drain_s="1") as stage:
        gateway = stage.start("serve", "--data", str(stage.provider.data))
        wait_for_port(stage.provider.remote_port, gateway)
        # Back-off is forgotten after a minute's session only, and nobody has one here.
        path = shortened(HERD, tmp_path, 4, 60, more="reconnect_s = 0.05\n")
        words = ("--data", str(stage.provider.data), "--scenario", str(path), "--count", "20", "--json")
        process = stage.start("simulate", *words, module="agent")
        said = Said(process.popen.wait(150), process.log.read_text())
        assert said.code == 0, said.text
        result = result_of(said)
        assert [phase["does"] for phase in result["phases"]] == [act.does for act in load(path).acts]
        connected = result["series"]["connected"]
        assert connected[3] == 20
        assert min(connected[4:]) < 20
        assert connected[-1] == 20
        assert result["agents"]["sessions"] >= 60
        edge = next(each for each in result["gateway"]["processes"] if each["name"] == "edge")
        assert edge["rss_bytes"][0] > 0 < edge["rss_bytes"][-1]
