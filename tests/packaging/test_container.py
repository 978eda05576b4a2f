"""The image, as far as can be told where no container engine is: its files, its locks, its own build commands in a fresh environment."""

import re
import shutil
import site
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli import app
from gateway.cli.run import EDGE_STOP_MARGIN_S, MANAGEMENT_STOP_S, PROJECTOR_STOP_S
from gateway.config import Config, Limits, load_config
from gateway.projector import Metrics
from gateway.projector.monitor import monitoring
from tests.e2e.stage import Stage
from tests.packaging.conftest import ROOT
from tests.packaging.test_monitoring import needs_promtool, promtool

CONTAINER = ROOT / "packaging" / "container"
LINES = re.sub(r"\\\n\s*", "", (CONTAINER / "Containerfile").read_text("utf-8")).splitlines()
STAGES = "\n".join(line for line in LINES if not line.startswith("#")).split("FROM ")[1:]
COMPOSE = yaml.safe_load((CONTAINER / "compose.yaml").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LIMIT_S = 120

# What fetches packages, and the environment that they are to build in: this one has them all. Compiling only takes time.
FETCHES = ("--require-hashes", "venv /build", "compileall")


def told(stage: int, word: str) -> list[str]:
    """What follows an instruction, each time that a stage has it."""
    return [
        line.removeprefix(f"{word} ") for line in STAGES[stage].splitlines() if line.startswith(f"{word} ")
    ]


COPIES = [words.split() for words in told(0, "COPY")]


def pins(lock: Path) -> dict[str, set[str]]:
    """Each `name==version` of a lock, with its hashes."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text("utf-8").splitlines():
        if begins := re.match(r"[\w.-]+==[\w.]+", line):
            hashes = found.setdefault(begins[0], set())
        elif digest := re.search(r"sha256:\w{64}", line):
            hashes.add(digest[0])
    return found


def test_what_is_copied_is_there_and_is_seen() -> None:
    """Every source exists, and the build's context is made of them and nothing else."""
    sources = [source for *sources, _ in COPIES for source in sources]
    assert all((ROOT / source).exists() for source in sources)
    seen = [
        line.removeprefix("!")
        for line in (CONTAINER / "Containerfile.dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    files = {path for pattern in seen for path in ROOT.glob(pattern)}
    assert files == {ROOT / source for source in sources}
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(sources)


def test_its_locks_are_parts_of_the_project_s() -> None:
    """The versions that the tests ran with, by hash; all that the project needs, and nothing that only developers do."""
    everything = pins(ROOT / "requirements.lock")
    image, build = pins(CONTAINER / "image.lock"), pins(CONTAINER / "build.lock")
    for lock in (image, build):
        assert lock.items() <= everything.items()
    names = {pin.partition("==")[0] for pin in image}
    needed = {re.split(r"[\[><=;]", dependency)[0] for dependency in PROJECT["project"]["dependencies"]}
    assert needed <= names
    assert not names & {"pytest", "mypy", "ruff", "uv", "hatchling"}
    assert "hatchling" in {pin.partition("==")[0] for pin in build}


def test_it_runs_as_nobody_and_stops_in_order() -> None:
    """Not root, a volume for the data, the signal that drains, a look at both processes."""
    assert told(1, "USER") == ["10001:10001"]
    assert told(1, "VOLUME") == ["/var/lib/fieldgate"]
    assert told(1, "STOPSIGNAL") == ["SIGTERM"]
    assert "FIELDGATE_DATA=/var/lib/fieldgate/data" in told(1, "ENV")[0]
    config = Config()
    ports = {str(listener.port) for listener in config.listeners} | {str(config.management.port)}
    ports |= {str(config.monitor_port + n) for n in (0, 1)}
    assert set(told(1, "EXPOSE")[0].split()) == ports
    assert told(1, "HEALTHCHECK")[0].endswith('/opt/fieldgate/healthy.py", "9180", "9181"]')
    assert told(1, "CMD") == ['["serve"]']
    assert "serve" in app


def test_its_build_makes_a_gateway_that_runs(tmp_path: Path) -> None:
    """The commands of the file, in folders of their own; only what they fetch is taken from here."""
    source = tmp_path / "src"
    source.mkdir()

    def moved(text: str) -> str:
        return re.sub(r"(?<![\w.])/(wheels|opt)\b", rf"{tmp_path}/\1", text)

    for line in STAGES[0].splitlines():
        if line.startswith("COPY "):
            *names, target = line.split()[1:]
            for name in names:
                to = source / moved(target) / (Path(name).name if target.endswith("/") else "")
                to.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, to, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, to if to.suffix else source)
        elif line.startswith("RUN ") and "--require-hashes" not in line and "compileall" not in line:
            command = moved(line.removeprefix("RUN ")).replace(
                "python -m venv", f"{sys.executable} -m venv", 1
            )
            run(["sh", "-c", command], cwd=source, fetched=" wheel " in command)
    program = tmp_path / "opt" / "fieldgate" / "bin" / "fieldgate"
    assert (
        run([str(program), "--version"], cwd=tmp_path, fetched=True).strip() == PROJECT["project"]["version"]
    )
    where = run(
        [str(program.with_name("python")), "-c", "import gateway; print(gateway.__file__)"], cwd=tmp_path
    )
    assert where.startswith(str(tmp_path))
    assert run([str(program), "init", "--data", "data"], cwd=tmp_path, fetched=True).startswith(
        "Provider: data folder"
    )


def run(argv: list[str], *, cwd: Path, fetched: bool = False) -> str:
    """Run it to its end; with the packages of this environment in the place of those that an image fetches."""
    env = {"PATH": "/usr/bin:/bin"} | ({"PYTHONPATH": site.getsitepackages()[0]} if fetched else {})
    done = subprocess.run(
        argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"
    return done.stdout


def look(*ports: int) -> "subprocess.CompletedProcess[str]":
    """The health check of the image."""
    argv = [sys.executable, str(CONTAINER / "healthy.py"), *map(str, ports)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_a_healthy_gateway_is_healthy(running: Stage) -> None:
    """Both processes say that they are ready."""
    port = running.provider.monitor_port
    assert look(port, port + 1).returncode == 0


def test_one_that_is_not_ready_says_why() -> None:
    """And one that is not there is not healthy either."""
    with monitoring(Metrics(lambda: 0.0), "127.0.0.1", 0) as port:
        said = look(port)
    assert (said.returncode, said.stderr) == (1, f"{port}: not started\n")
    assert look(port).returncode == 1


def test_the_compose_file_is_one() -> None:
    """By the schema of the compose specification."""
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*argv, str(CONTAINER / "compose.yaml")], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_files_networks_and_volumes_are_there() -> None:
    """A service asks for nothing that nobody defines."""
    for service in COMPOSE["services"].values():
        assert set(service.get("networks", ())) <= COMPOSE["networks"].keys()
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (CONTAINER / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]
    build = COMPOSE["services"]["gateway"]["build"]
    assert (CONTAINER / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == CONTAINER / "Containerfile"


def settings_from(environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """What a gateway makes of an environment; a setting that it does not know it refuses."""
    for name, value in environment.items():
        monkeypatch.setenv(name, re.sub(r"\$\{(\w+)[^}]*\}", r"\1", value))
    return load_config(folder)


def test_its_gateway_takes_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the other service, and a monitor that Prometheus reaches; time enough to stop, descriptors for its connections."""
    gateway: dict[str, Any] = COMPOSE["services"]["gateway"]
    config = settings_from(gateway["environment"], tmp_path, monkeypatch)
    assert config.store_url == "postgresql+psycopg://fieldgate:FIELDGATE_DB_PASSWORD@store/fieldgate"
    assert config.monitor_host == "0.0.0.0"  # noqa: S104  # its own network
    needs_s = Limits().drain_s + EDGE_STOP_MARGIN_S + PROJECTOR_STOP_S + MANAGEMENT_STOP_S
    assert float(gateway["stop_grace_period"].removesuffix("s")) >= needs_s
    assert gateway["ulimits"]["nofile"] > Limits().connections
    assert f"--stop-timeout {gateway['stop_grace_period'].removesuffix('s')}" in "\n".join(LINES)


@needs_promtool
def test_its_prometheus_takes_its_files(tmp_path: Path) -> None:
    """Where compose puts them; but for the targets they are the example."""
    shutil.copy(CONTAINER / "prometheus.yaml", tmp_path)
    shutil.copy(CONTAINER.parent / "monitoring" / "alerts.yaml", tmp_path)
    promtool("check", "config", str(tmp_path / "prometheus.yaml"))


def test_its_prometheus_scrapes_the_same_jobs() -> None:
    """By which the alerts go."""
    ours, example = (
        yaml.safe_load((ROOT / "packaging" / folder / "prometheus.yaml").read_text("utf-8"))
        for folder in ("container", "monitoring")
    )
    for job in ours["scrape_configs"]:
        (group,) = job["static_configs"]
        group["targets"] = [target.replace("gateway:", "127.0.0.1:") for target in group["targets"]]
    assert ours == example
