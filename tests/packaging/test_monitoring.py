"""Alerts and dashboard ask for metrics that are really there, with labels and values that are, in PromQL that Prometheus takes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.inspection import Verdict
from protocol import Code
from tests.packaging.conftest import ROOT, Scraped
from tests.packaging.promql import asked, wanted_values

MONITORING = ROOT / "packaging" / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="Prometheus (promtool) is not installed")

# What Prometheus knows of a target, whatever it says.
OF_THE_TARGET = frozenset({"job", "instance"})


def panels() -> Iterator[dict[str, Any]]:
    """Whatever shows something."""
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def queries() -> dict[str, str]:
    """Every query by who asks it, with the dashboard's variables filled in as Grafana would."""
    found = {rule["alert"]: rule["expr"] for rule in RULES}
    for panel in panels():
        for target in panel["targets"]:
            found[f"{panel['title']} {panel['id']}{target['refId']}"] = target["expr"]
    for each in DASHBOARD["annotations"]["list"]:
        found[each["name"]] = each["expr"]
    filled = {"$__rate_interval": "1m", "$edge": ".*", "$projector": ".*"}
    for name, query in found.items():
        for variable, value in filled.items():
            query = query.replace(variable, value)
        found[name] = query
    return found


QUERIES = queries()


def documented_labels() -> dict[str, set[str]]:
    """The labels of each metric as docs/edge.md and docs/projector.md have them."""
    pages = "".join((ROOT / "docs" / page).read_text("utf-8") for page in ("edge.md", "projector.md"))
    rows = re.findall(r"^\| `(fieldgate_\w+)(?:\{([\w,]+)\})?`", pages, re.MULTILINE)
    return {name: set(labels.split(",")) if labels else set() for name, labels in rows}


def test_the_docs_have_the_labels_that_are_scraped(scraped: Scraped) -> None:
    """So that they can be asked about the metrics that have no value yet."""
    for name, labels in documented_labels().items():
        sample = f"{name}_bucket" if f"{name}_bucket" in scraped.found.labels else name
        if sample in scraped.found.labels:
            assert labels == scraped.found.labels[sample].keys() - {"le"}, name


@pytest.mark.parametrize("name", QUERIES)
def test_what_is_asked_for_is_there(name: str, scraped: Scraped) -> None:
    """A metric that nobody has, or a label value that it never takes, is an alert that is never raised."""
    query = asked(QUERIES[name])
    documented = documented_labels()
    known = {
        "code": {str(code) for code in Code},
        "verdict": {verdict.value for verdict in Verdict},
        "job": {"fieldgate-edge", "fieldgate-projector"},
    }
    everywhere = set(OF_THE_TARGET)
    for metric, matchers in query.metrics.items():
        assert metric in scraped.found.names, f"{metric} is in no scrape"
        labels = OF_THE_TARGET | set(scraped.found.labels.get(metric, {})) | documented.get(metric, set())
        everywhere |= labels
        for matcher in matchers:
            assert matcher.label in labels, f"{metric} has no label {matcher.label}"
            if matcher.label == "instance":
                continue
            values = known.get(matcher.label) or scraped.found.values(matcher.label)
            for wanted in wanted_values(matcher):
                assert any(re.fullmatch(wanted, value) for value in values), (
                    f"no {matcher.label} is ever {wanted}"
                )
    assert query.grouped_by <= everywhere


def test_a_misspelt_metric_is_found() -> None:
    """The test of this test: words that are no functions are metrics, wherever they stand."""
    query = asked(
        'sum by (a, b) (rate(x_total{c="d}", e=~"f|g"}[5m])) > 0.2 * y offset 15m and absent(z) < 1e9'
    )
    assert query.metrics.keys() == {"x_total", "y", "z"}
    assert [(m.label, m.operator, m.value) for m in query.metrics["x_total"]] == [
        ("c", "=", "d}"),
        ("e", "=~", "f|g"),
    ]
    assert query.grouped_by == {"a", "b"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_somebody_must_know(rule: dict[str, Any]) -> None:
    """How bad, in a line, in words, and where it goes on; the labels that the words use are those that the query leaves."""
    assert rule["alert"].startswith("Fieldgate")
    assert rule["labels"]["severity"] in ("critical", "warning")
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook"}
    assert notes["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
    used = set(re.findall(r"\$labels\.(\w+)", notes["summary"] + notes["description"]))
    query = asked(rule["expr"])
    if query.grouped_by:
        assert used <= query.grouped_by - {"le"}
    elif rule["expr"].startswith("sum("):
        assert used == set()
    else:
        documented = documented_labels()
        assert used <= OF_THE_TARGET.union(*(documented.get(metric, set()) for metric in query.metrics))


def test_alerts_and_codes_that_the_words_name_exist() -> None:
    """No name twice, and no code that nobody can look up."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    words = (MONITORING / "alerts.yaml").read_text("utf-8") + json.dumps(DASHBOARD)
    assert set(re.findall(r"FG-\d{4}", words)) <= {str(code) for code in Code}


@needs_promtool
def test_prometheus_takes_the_rules_and_the_example() -> None:
    """`promtool check`, which fails for a rule that would not be loaded."""
    promtool("check", "rules", "alerts.yaml")
    promtool("check", "config", "prometheus.yaml")


@needs_promtool
def test_the_alerts_are_raised_when_they_should(tmp_path: Path) -> None:
    """And not before: series, times, and what is firing then."""
    shutil.copy(Path(__file__).with_name("alerts_told.yaml"), tmp_path / "told.yaml")
    shutil.copy(MONITORING / "alerts.yaml", tmp_path)
    promtool("test", "rules", str(tmp_path / "told.yaml"))


@needs_promtool
def test_prometheus_takes_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    """As recording rules, which it parses."""
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(QUERIES.values())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    promtool("check", "rules", str(file))


@needs_promtool
@pytest.mark.parametrize("job", ["fieldgate-edge", "fieldgate-projector"])
def test_prometheus_takes_the_pages(job: str, scraped: Scraped) -> None:
    """`promtool check metrics`: the format, and its advice on names and help texts."""
    promtool("check", "metrics", stdin=scraped.pages[job])


def promtool(*arguments: str, stdin: str | None = None) -> None:
    """Run it in the folder of the files; it must be content."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], cwd=MONITORING, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_scrapes_what_the_alerts_go_by() -> None:
    """The default ports, under the names of the jobs."""
    example = yaml.safe_load((MONITORING / "prometheus.yaml").read_text("utf-8"))
    targets = {each["job_name"]: each["static_configs"][0]["targets"] for each in example["scrape_configs"]}
    assert targets == {"fieldgate-edge": ["127.0.0.1:9180"], "fieldgate-projector": ["127.0.0.1:9181"]}
    assert example["rule_files"] == ["alerts.yaml"]


def test_the_dashboard_is_laid_out() -> None:
    """Ids are there once, rows have what belongs in them, no panel lies over another or beyond the edge, each has a unit and says what it shows."""
    every = DASHBOARD["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    rows = [panel["title"] for panel in every if panel["type"] == "row"]
    assert rows == ["Fleet", "Delivery", "TLS and paths", "Admission", "Projector and store", "Processes"]
    taken: set[tuple[int, int]] = set()
    for panel in every:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in {"none", "ops", "s", "bytes", "Bps"}
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
