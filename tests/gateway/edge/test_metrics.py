"""Every metric is documented, and no metric grows with what peers do."""

import re
from pathlib import Path

from gateway.edge.metrics import Metrics
from protocol import Code

ROOT = Path(__file__).parents[3]


def test_every_metric_is_documented() -> None:
    """The page has each name that the edge's code gives to a metric, and no other."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway" / "edge").glob("*.py"))
    used = set(re.findall(r'"(fieldgate_[a-z_]+)"', sources))
    page = (ROOT / "docs" / "edge.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(fieldgate_[a-z_]+)", page, re.MULTILINE)
    documented = {name.removesuffix("_total") for name in rows}
    assert used == documented


def test_every_reason_is_there_from_the_start() -> None:
    """A rate over a counter that does not exist yet is no zero: alerts on it would stay silent."""
    metrics = Metrics()
    for code in Code:
        assert f'fieldgate_connections_closed_total{{code="{code}"}} 0.0'.encode() in metrics.render()
    lines = metrics.render().count(b"\n")
    for code in Code:
        metrics.closed(code)
    assert metrics.render().count(b"\n") == lines
