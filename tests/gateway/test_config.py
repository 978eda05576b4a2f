"""Settings: one frozen value from defaults, file and environment; typos are named, secrets masked."""

from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, Listener, load_config
from protocol import Code


def write(folder: Path, text: str) -> Path:
    (folder / "fieldgate.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """An empty folder gives the two documented ports and SQLite inside the folder."""
    config = load_config(tmp_path)

    assert [(listener.port, listener.kind) for listener in config.listeners] == [
        (6180, "remote"),
        (9999, "co-located"),
    ]
    assert config.store_url == f"sqlite:///{tmp_path / 'store.sqlite'}"


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says 5, the environment 7: 7."""
    monkeypatch.setenv("FIELDGATE_LIMITS_CONNECTIONS", "7")
    write(tmp_path, '[fieldgate]\nname = "north"\n[fieldgate.limits]\nconnections = 5\n')

    config = load_config(tmp_path)

    assert (config.name, config.limits.connections) == ("north", 7)


def test_an_edge_run_by_name_has_settings_of_its_own(tmp_path: Path) -> None:
    """edges/b.toml replaces the listeners and one limit for the edge b, and for nobody else."""
    write(tmp_path, "[fieldgate]\nheartbeat_s = 7\n[fieldgate.limits]\nconnections = 5\nper_address = 6\n")
    (tmp_path / "edges").mkdir()
    (tmp_path / "edges" / "b.toml").write_text(
        "[fieldgate.limits]\nconnections = 8\n[[fieldgate.listeners]]\nport = 6181\n", encoding="utf-8"
    )

    a, b, unnamed = load_config(tmp_path, name="a"), load_config(tmp_path, name="b"), load_config(tmp_path)

    assert ([each.port for each in b.listeners], b.name, b.heartbeat_s) == ([6181], "b", 7)
    assert (b.limits.connections, b.limits.per_address) == (8, 6)
    assert [each.port for each in a.listeners] == [each.port for each in unnamed.listeners] == [6180, 9999]
    assert (a.limits.connections, unnamed.limits.connections) == (5, 5)


def test_a_typo_in_an_edges_own_settings_is_named_with_its_file(tmp_path: Path) -> None:
    """No file gets silence."""
    (tmp_path / "edges").mkdir()
    (tmp_path / "edges" / "b.toml").write_text("[fieldgate]\nmonitor_prt = 1\n", encoding="utf-8")

    with pytest.raises(
        ConfigError, match=r"edges/b\.toml.*unknown key monitor_prt; did you mean monitor_port"
    ):
        load_config(tmp_path, name="b")


@pytest.mark.parametrize(
    ("text", "typo", "meant"),
    [
        ('[fieldgate]\nnmae = "x"\n', "nmae", "name"),
        ("[fieldgate.limits]\nconections = 5\n", "limits.conections", "limits.connections"),
        ("[[fieldgate.listeners]]\nprt = 6180\n", "listeners.prt", "listeners.port"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    tmp_path: Path, text: str, typo: str, meant: str
) -> None:
    """A typo ends the start, and says what was meant."""
    with pytest.raises(ConfigError, match=f"unknown key {typo}; did you mean {meant}") as caught:
        load_config(write(tmp_path, text))

    assert caught.value.code is Code.CONFIG_UNKNOWN_KEY


def test_an_unknown_variable_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment gets no silence either."""
    monkeypatch.setenv("FIELDGATE_LIMITS_CONNECTION", "7")

    with pytest.raises(ConfigError, match="did you mean FIELDGATE_LIMITS_CONNECTIONS"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[fieldgate]\nheartbeat_s = 0\n",
        "[fieldgate]\nlisteners = []\n",
        '[fieldgate]\nname = "../x"\n',
        '[fieldgate]\ncertificate = "a.pem"\n',
        "[[fieldgate.listeners]]\nport = 70000\n",
        '[[fieldgate.listeners]]\nkind = "local"\n',
        '[[fieldgate.listeners]]\nproxy_from = ["10.0.0.0/40"]\n',
        '[fieldgate.limits]\nconnections = "many"\n',
        "[fieldgate.limits]\nhello_s = -1\n",
        "[fieldgate]\nmonitor_port = 65535\n",
        "[fieldgate]\nmonitor_port = true\n",
        "[fieldgate]\nname = 7\n",
        "[fieldgate]\nlimits = 7\n",
        "[fieldgate]\nlisteners = 7\n",
        "[fieldgate]\nlisteners = [7]\n",
        "[fieldgate.limits]\nconnections = 1.5\n",
        "[fieldgate\n",
    ],
)
def test_what_could_not_work_is_refused(tmp_path: Path, text: str) -> None:
    """Every unusable value is a ConfigError, never another exception."""
    with pytest.raises(ConfigError):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[fieldgate]\nheartbeat_s = "soon"\n',
            r"fieldgate\.toml: heartbeat_s: expected a number, got 'soon'$",
        ),
        ("[fieldgate]\nnames = []\n", r"^names is empty: give at least one"),
        ("[[fieldgate.listeners]]\nport = 70000\n", r"listeners: port 70000 is not between 0 and 65535$"),
        ("[fieldgate.limits]\nhello_s = -1\n", r"^limits\.hello_s = -1\.0 must be positive$"),
        (
            '[fieldgate.limits]\nhello_s = "1h"\n',
            r"fieldgate\.toml: limits\.hello_s: expected a number, got '1h'$",
        ),
        ("limits = 7\n", r"fieldgate\.toml: unknown key limits outside the section \[fieldgate\]$"),
        (
            '[fieldgat]\nnames = ["a"]\n',
            r"fieldgate\.toml: unknown key fieldgat outside the section \[fieldgate\]$",
        ),
        ("[fieldgate]\nlimits = 7\n", r"limits is a table: begin it with \[fieldgate\.limits\]$"),
        (
            "[fieldgate]\nlisteners = 7\n",
            r"listeners is a table: begin it with \[\[fieldgate\.listeners\]\]$",
        ),
    ],
)
def test_a_refused_value_is_named_with_its_reason(tmp_path: Path, text: str, said: str) -> None:
    """A person reads which key, and what is wrong with it; no library's words."""
    with pytest.raises(ConfigError, match=said):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "FIELDGATE_HEARTBEAT_S",
            "soon",
            "^environment: FIELDGATE_HEARTBEAT_S: expected a number, got 'soon'$",
        ),
        (
            "FIELDGATE_LIMITS_HELLO_S",
            "x",
            "^environment: FIELDGATE_LIMITS_HELLO_S: expected a number, got 'x'$",
        ),
        ("FIELDGATE_LISTENERS", "x", "listeners are given in fieldgate.toml only$"),
        ("FIELDGATE_LISTENERS_PORT", "1", "listeners are given in fieldgate.toml only$"),
    ],
)
def test_a_refused_variable_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """The same for the environment."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError, match=said):
        load_config(tmp_path)


def test_lists_in_the_environment_are_separated_by_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An IPv6 address is one name."""
    monkeypatch.setenv("FIELDGATE_NAMES", "gw.example, fd00::1")

    assert load_config(tmp_path).names == ("gw.example", "fd00::1")


def test_the_agents_environment_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agent and gateway may be run from one shell."""
    for variable in ("FIELDGATE_AGENT_STATE", "FIELDGATE_TOKEN", "FIELDGATE_DATA"):
        monkeypatch.setenv(variable, "x")

    assert load_config(tmp_path).name == "edge"


def test_the_store_url_is_masked(tmp_path: Path) -> None:
    """A password in the store's URL shows in no repr, so in no log."""
    config = load_config(write(tmp_path, '[fieldgate]\nstore = "postgresql+psycopg://u:hunter2@h/db"\n'))

    assert "hunter2" not in repr(config)
    assert config.store_url.endswith("u:hunter2@h/db")


def test_agents_are_told_names_and_ports_of_their_kind_of_listener() -> None:
    """Names × ports, each once, IPv6 in brackets; what a listener advertises itself wins."""
    config = Config(
        names=("gw.example", "fd00::1"),
        listeners=(
            Listener(port=6180),
            Listener(host="::1", port=6180),
            Listener(port=443, advertise=("edge.example:443",)),
            Listener(port=9999, kind="co-located"),
        ),
    )

    assert config.addresses("remote") == ["gw.example:6180", "[fd00::1]:6180", "edge.example:443"]
    assert config.addresses("co-located") == ["gw.example:9999", "[fd00::1]:9999"]
