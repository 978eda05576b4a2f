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
        ("[fieldgate]\nlag_s = 5\n", "lag_s", "limits.lag_s"),
        ("[fieldgate]\nconections = 5\n", "conections", "limits.connections"),
        ("[fieldgate]\nlimits_conections = 5\n", "limits_conections", "limits.connections"),
        ("[fieldgate.limits]\ncurent = '1'\n", "limits.curent", "agents.current"),
        (
            "[[fieldgate.listeners]]\nport = 6180\nlog_levle = 'debug'\n",
            "listeners.log_levle",
            r"log_level in \[fieldgate\], above every table\?",
        ),
        (
            "[fieldgate.limits]\ncertificate = 'x.pem'\n",
            "limits.certificate",
            r"certificate in \[fieldgate\], above every table\?",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    tmp_path: Path, text: str, typo: str, meant: str
) -> None:
    """A typo ends the start, and says what was meant."""
    with pytest.raises(ConfigError, match=f"unknown key {typo}; did you mean {meant}") as caught:
        load_config(write(tmp_path, text))

    assert caught.value.code is Code.CONFIG_UNKNOWN_KEY


@pytest.mark.parametrize("text", ["[fieldgate]\nqqq = 1\n", "[[fieldgate.listeners]]\nqqq = 1\n"])
def test_what_is_near_to_nothing_is_told_what_there_is(tmp_path: Path, text: str) -> None:
    """A table's name makes none of its keys near."""
    with pytest.raises(ConfigError, match=r"unknown key [\w.]*qqq; known: .*listeners\.port"):
        load_config(write(tmp_path, text))


def test_a_variable_that_is_near_to_nothing_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prefix that all of them share makes none near."""
    monkeypatch.setenv("FIELDGATE_QQQ", "7")
    with pytest.raises(ConfigError, match=r"unknown variable FIELDGATE_QQQ$"):
        load_config(tmp_path)


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
        (
            '[fieldgate]\ntime_zone = "Mars/Olympus"\n',
            r"^time_zone 'Mars/Olympus' is not known on this machine",
        ),
        ('[fieldgate]\ntime_zone = "../etc/passwd"\n', r"^time_zone '../etc/passwd' is not known"),
        ("[fieldgate]\nnames = []\n", r"^names is empty: give at least one"),
        (
            "[[fieldgate.listeners]]\nport = 70000\n",
            r"fieldgate\.toml: \[\[fieldgate\.listeners\]\] number 1: port 70000 is not between 0 and 65535$",
        ),
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
            r"listeners is a list of tables: begin each with \[\[fieldgate\.listeners\]\]$",
        ),
        (
            '[fieldgate]\nlisteners = ["a"]\n',
            r"listeners is a list of tables: begin each with \[\[fieldgate\.listeners\]\]$",
        ),
        (
            '[[fieldgate.listeners]]\nport = 1\n[[fieldgate.listeners]]\nport = "x"\n',
            r"fieldgate\.toml: \[\[fieldgate\.listeners\]\] number 2: port: expected a number, got 'x'$",
        ),
        ("[[fieldgate.listeners]]\nproxy_from = 7\n", r"number 1: proxy_from: expected a list, got 7$"),
        (
            '[[fieldgate.listeners]]\nadvertise = ["no port"]\n',
            r"number 1: advertise 'no port' is not of the form host:port or \[IPv6\]:port$",
        ),
        (
            "[[fieldgate.listeners]]\nport = 7\n[[fieldgate.listeners]]\nport = 7\nhost = 'a'\n",
            r"^listeners: two of them on port 7 of one address$",
        ),
        ("[fieldgate]\nheartbeat_s = inf\n", r"^heartbeat_s = inf is not between 0\.1 and 3600$"),
        ("[fieldgate]\nheartbeat_s = 0.0001\n", r"^heartbeat_s = 0\.0001 is not between 0\.1 and 3600$"),
        ("[fieldgate.limits]\ndrain_s = inf\n", r"^limits\.drain_s = inf is not between 0\.1 and 31622400$"),
        ("[fieldgate.limits]\nhello_s = nan\n", r"^limits\.hello_s = nan "),
        (
            "[fieldgate.limits]\nhello_s = 1e-9\n",
            r"^limits\.hello_s = 1e-09 is not between 0\.1 and 31622400$",
        ),
        (
            '[fieldgate]\ndata = "/elsewhere"\n',
            r"fieldgate\.toml: data is no setting: the folder is given by --data or FIELDGATE_DATA$",
        ),
        ("fieldgate = 7\n", r"fieldgate\.toml: fieldgate is a section: begin it with \[fieldgate\]$"),
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
            Listener(host="127.0.0.1", port=6180),
            Listener(host="::1", port=6180),
            Listener(port=443, advertise=("edge.example:443",)),
            Listener(port=9999, kind="co-located"),
        ),
    )

    assert config.addresses("remote") == ["gw.example:6180", "[fd00::1]:6180", "edge.example:443"]
    assert config.addresses("co-located") == ["gw.example:9999", "[fd00::1]:9999"]


@pytest.mark.parametrize("address", ["gw.example:1", "203.0.113.7:65535", "[fd00::1]:6180"])
def test_an_address_to_advertise_may_be_a_name_or_an_address(address: str) -> None:
    """With its port, and IPv6 in brackets."""
    assert Config(listeners=(Listener(advertise=(address,)),)).addresses() == [address]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "gw.example",
        "gw.example:",
        ":1",
        "gw:0",
        "gw:65536",
        "gw:²",
        "fd00::1:6180",
        "a b:1",
        f"gw:{'9' * 5000}",
    ],
)
def test_what_no_agent_could_dial_is_not_advertised(address: str) -> None:
    """It would be noticed when the agents have dropped the addresses that worked."""
    with pytest.raises(ConfigError, match="is not of the form host:port"):
        Listener(advertise=(address,))


def test_listeners_on_one_port_need_addresses_of_their_own() -> None:
    """Or a port that the system chooses."""
    Config(listeners=(Listener(port=0), Listener(port=0)))
    Config(listeners=(Listener(host="127.0.0.1", port=7), Listener(host="127.0.0.2", port=7)))
    with pytest.raises(ConfigError, match="two of them on port 7"):
        Config(listeners=(Listener(host="127.0.0.1", port=7), Listener(host="127.0.0.1", port=7)))


def test_a_typo_is_never_taken_for_the_folder(tmp_path: Path) -> None:
    """`data` is not among what could have been meant."""
    with pytest.raises(ConfigError, match="unknown key dat") as caught:
        load_config(write(tmp_path, "[fieldgate]\ndat = 1\n"))

    assert "mean data" not in str(caught.value)
