"""Kinds of commands: what each says, and what is refused before anybody acts on it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import Code, commands
from protocol.schema import layout_of
from tests.protocol.strategies import values_of

ONE_OF_EACH = (
    commands.CollectNow(mode="full"),
    commands.SetInterval(inventory_s=900),
    commands.RenewCertificate(),
    commands.StartJob(job_uid="job-1"),
    commands.StopJob(job_uid="job-1"),
    commands.EnableJob(job_uid="job-1"),
    commands.DisableJob(job_uid="job-1"),
    commands.CollectLogs(max_bytes=1_000_000, hours=2),
    commands.ListRestorePoints(workload_uid="w", after="p9", limit=10),
    commands.BrowseRestorePoint(workload_uid="w", point_uid="p", path="/a/ü", after="/a/ü/x", limit=10),
    commands.SearchRestorePoint(
        workload_uid="w", point_uid="p", text="rep", path="/a", after="/a/x", limit=10
    ),
    commands.DownloadItem(workload_uid="w", point_uid="p", path="/a b", max_bytes=5),
    commands.RestoreItems(
        workload_uid="w", point_uid="p", paths=("/a", "/b c"), mode="keep-both", folder="/x"
    ),
    commands.RestoreWorkload(workload_uid="w", point_uid="p", mode="in-place"),
    commands.InstallLicence(licence="{}", organization_uid="o-1"),
    commands.RemoveLicence(licence_uid="l-1", revoked=True),
)
WIRE = {
    "collect-now": b'{"mode":"full"}',
    "set-interval": b'{"inventory_s":900}',
    "renew-certificate": b"{}",
    "start-job": b'{"job_uid":"job-1"}',
    "stop-job": b'{"job_uid":"job-1"}',
    "enable-job": b'{"job_uid":"job-1"}',
    "disable-job": b'{"job_uid":"job-1"}',
    "collect-logs": b'{"max_bytes":1000000,"hours":2}',
    "list-restore-points": b'{"workload_uid":"w","after":"p9","limit":10}',
    "browse-restore-point": b'{"workload_uid":"w","point_uid":"p","path":"/a/\\u00fc","after":"/a/\\u00fc/x","limit":10}',
    "search-restore-point": b'{"workload_uid":"w","point_uid":"p","text":"rep","path":"/a","after":"/a/x","limit":10}',
    "restore-items": b'{"workload_uid":"w","point_uid":"p","paths":["/a","/b c"],"mode":"keep-both","folder":"/x"}',
    "restore-workload": b'{"workload_uid":"w","point_uid":"p","mode":"in-place","folder":""}',
    "download-item": b'{"workload_uid":"w","point_uid":"p","path":"/a b","max_bytes":5}',
    "install-licence": b'{"licence":"{}","organization_uid":"o-1"}',
    "remove-licence": b'{"licence_uid":"l-1","revoked":true}',
}


@pytest.mark.parametrize("instruction", ONE_OF_EACH, ids=lambda i: i.kind)
def test_each_kind_is_written_and_read(instruction: commands.Instruction) -> None:
    """The bytes of each kind, written down once more; both sides mean the same by them."""
    assert instruction.payload() == WIRE[instruction.kind]
    assert commands.parse(instruction.kind, WIRE[instruction.kind]) == instruction


def test_no_kind_is_left_out() -> None:
    """The list is closed, and none of it is a shell."""
    assert set(commands.KINDS) == set(WIRE)
    assert {kind for kind, cls in commands.KINDS.items() if not cls.idempotent} == {
        "start-job",
        "stop-job",
        "collect-logs",
        "restore-items",
        "restore-workload",
    }


def test_missing_keys_take_their_defaults() -> None:
    """An older gateway that lacks a key means what it always did."""
    assert commands.parse("collect-now", b"{}") == commands.CollectNow(mode="quick")
    assert commands.parse("remove-licence", b'{"licence_uid":"l-1"}') == commands.RemoveLicence(
        licence_uid="l-1"
    )
    assert commands.parse("collect-logs", b"{}") == commands.CollectLogs(max_bytes=1 << 24, hours=24)


@pytest.mark.parametrize(
    ("kind", "payload", "code", "reason"),
    [
        ("format-disk", b"{}", Code.COMMAND_UNSUPPORTED, "there is no command 'format-disk'"),
        ("start-job", b"{}", Code.COMMAND_INVALID, "start-job: job_uid is missing"),
        ("start-job", b'{"job_uid":""}', Code.COMMAND_INVALID, "job_uid: text of 0 characters"),
        ("start-job", b'{"job_uid":"a\\u0000"}', Code.COMMAND_INVALID, "NUL"),
        ("start-job", b'{"job_uid":"\\ud800"}', Code.COMMAND_INVALID, "not UTF-8"),
        ("start-job", b'{"job_uid":"a","shell":"rm"}', Code.COMMAND_INVALID, "unknown key 'shell'"),
        ("start-job", b'{"job_uid":"a","job_uid":"b"}', Code.COMMAND_INVALID, "twice"),
        ("start-job", b'["a"]', Code.COMMAND_INVALID, "no JSON object"),
        ("start-job", b"", Code.COMMAND_INVALID, "no JSON"),
        ("start-job", b"\xff", Code.COMMAND_INVALID, "no JSON"),
        ("start-job", b"[" * 60_000, Code.COMMAND_INVALID, "no JSON"),
        ("start-job", b" " * 65_537, Code.COMMAND_INVALID, "limit is 65536"),
        ("collect-now", b'{"mode":"slow"}', Code.COMMAND_INVALID, "mode: expected quick or full"),
        ("collect-now", b'{"mode":1}', Code.COMMAND_INVALID, "mode: expected quick or full"),
        ("set-interval", b'{"inventory_s":9}', Code.COMMAND_INVALID, "9 is outside 10..86400"),
        ("set-interval", b'{"inventory_s":true}', Code.COMMAND_INVALID, "expected an integer, got a bool"),
        ("set-interval", b'{"inventory_s":NaN}', Code.COMMAND_INVALID, "NaN is no number"),
        ("set-interval", b'{"inventory_s":60.0}', Code.COMMAND_INVALID, "expected an integer, got a float"),
        ("collect-logs", b'{"max_bytes":67108865}', Code.COMMAND_INVALID, "outside"),
        ("renew-certificate", b'{"now":true}', Code.COMMAND_INVALID, "unknown key 'now'"),
        (
            "list-restore-points",
            b'{"workload_uid":"w","limit":1001}',
            Code.COMMAND_INVALID,
            "limit: 1001 is outside",
        ),
    ],
)
def test_what_is_wrong_is_named(kind: str, payload: bytes, code: Code, reason: str) -> None:
    """What can't be run as it stands is refused with its code and the field at fault."""
    with pytest.raises(commands.InvalidCommand, match=reason) as caught:
        commands.parse(kind, payload)

    assert caught.value.code is code


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        ([], "0 paths"),
        (["/a"] * 101, "101 paths"),
        ("/a", "expected a list of paths"),
        (["/a", "/"], "/ is all of the restore point"),
        (["/a", "/b/../c"], "expected an absolute path"),
        (["/a", 5], "expected text"),
        ({"/a": 1}, "expected a list of paths"),
    ],
)
def test_items_are_some_and_never_all(paths: object, why: str) -> None:
    """Whoever wants all of it says so with another kind, which others may allow or not."""
    said = {"workload_uid": "w", "point_uid": "p", "paths": paths, "mode": "in-place"}
    with pytest.raises(commands.InvalidCommand, match=f"paths: {why}"):
        commands.parse("restore-items", json.dumps(said).encode())


@pytest.mark.parametrize("folder", ["a", "/a/../b", "/a//b", "/a\0", None])
def test_a_folder_of_the_machine_is_named_like_a_path(folder: object) -> None:
    """Or not at all."""
    said = {"workload_uid": "w", "point_uid": "p", "mode": "in-place", "folder": folder}
    with pytest.raises(commands.InvalidCommand, match="folder: "):
        commands.parse("restore-workload", json.dumps(said).encode())


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/b",
        "./a",
        "//",
        "/a/",
        "/a//b",
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/a\0b",
        "/\ud800",
        "/" + "a" * 4096,
        5,
        None,
    ],
    ids=repr,
)
def test_a_path_in_a_restore_point_leads_nowhere_else(path: object) -> None:
    """It is absolute, and each of its parts is a name: none is empty or points at itself or above."""
    payload = json.dumps({"workload_uid": "w", "point_uid": "p", "path": path}).encode()
    with pytest.raises(commands.InvalidCommand, match="path: ") as caught:
        commands.parse("download-item", payload)

    assert caught.value.code is Code.COMMAND_INVALID


@given(
    st.text() | st.lists(st.sampled_from(["..", ".", "", "a", "b\\..", "\u2024."]), max_size=4).map("/".join)
)
def test_whatever_path_is_let_through_has_names_for_parts(path: str) -> None:
    """And is what was said: nothing is made right on the way."""
    wanted = commands.DownloadItem(workload_uid="w", point_uid="p", path=path)
    try:
        payload = wanted.payload()
    except commands.InvalidCommand:
        return
    assert path == "/" or (path[0] == "/" and not {"", ".", ".."} & set(path[1:].split("/")))
    assert "\0" not in path
    assert commands.parse("download-item", payload) == wanted


def test_a_payload_has_a_limit_when_it_is_made() -> None:
    """As when it is read: what an agent would refuse is not sent to it."""
    paths = tuple(f"/{n:03}{'x' * 900}" for n in range(100))
    with pytest.raises(commands.InvalidCommand, match="limit is 65536") as caught:
        commands.RestoreItems(workload_uid="w", point_uid="p", paths=paths, mode="in-place").payload()

    assert caught.value.code is Code.COMMAND_INVALID


def test_what_we_send_is_held_to_the_same_bounds() -> None:
    """A gateway makes no payload that it would refuse."""
    with pytest.raises(commands.InvalidCommand, match="outside 10") as caught:
        commands.SetInterval(inventory_s=5).payload()

    assert caught.value.code is Code.COMMAND_INVALID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    kind=st.sampled_from(sorted(commands.KINDS)),
    payload=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_garbage_raises_only_invalid_command(kind: str, payload: bytes) -> None:
    """Whatever comes is an instruction of that kind, or is refused."""
    try:
        instruction = commands.parse(kind, payload)
    except commands.InvalidCommand as error:
        assert error.code is Code.COMMAND_INVALID  # noqa: PT017  # either way is right
    else:
        assert commands.parse(kind, instruction.payload()) == instruction


@given(data=st.data())
def test_every_allowed_value_survives(data: st.DataObject) -> None:
    """What a kind's fields allow comes through as it was."""
    cls = data.draw(
        st.sampled_from([cls for cls in commands.KINDS.values() if cls is not commands.CollectNow])
    )
    fields = {f.name: data.draw(values_of(f.kind)) for f in layout_of(cls).fields}

    instruction = cls(**fields)

    assert commands.parse(cls.kind, instruction.payload()) == instruction
