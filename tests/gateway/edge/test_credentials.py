"""What an edge reads from the authority's folder, and what it makes there where that is due."""

import json
from pathlib import Path

import pytest

from certs import Authority, AuthorityError
from gateway.config import Config
from gateway.edge.credentials import load_credentials
from tests.certs.pki import NOW, authority


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A data folder from before path reports."""
    folder = tmp_path / "ca"
    authority().save(folder)
    manifest = json.loads((folder / "authority.json").read_bytes())
    del manifest["report_keys"]
    (folder / "authority.json").write_text(json.dumps(manifest))
    (folder / "report-1.key").unlink()
    return Config(data=tmp_path, names=("gateway.example",))


def test_an_edge_gives_an_older_folder_its_report_key(config: Config) -> None:
    """Once: the next edge finds it there. Agents are told of it as of everything that they trust."""
    first = load_credentials(config, NOW)
    second = load_credentials(config, NOW)

    (key,) = first.authority.report_keys()
    assert Authority.load(config.data / "ca").report_keys() == (key,) == second.authority.report_keys()
    assert first.trust_update.report_keys == first.bundle.report_keys == (key.public.raw,)
    assert first.trust_update.revision == first.bundle.revision


def test_an_edge_that_may_not_write_works_without_one(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then agents send no reports, and all else is as before."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Authority, "save", refuse)

    assert load_credentials(config, NOW).trust_update.report_keys == ()


def test_two_edges_that_start_at_once_agree_on_one_key(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one's change is refused, and it takes what the first has made."""
    save = Authority.save

    def late(self: Authority, folder: Path) -> Authority:
        monkeypatch.setattr(Authority, "save", save)
        Authority.load(folder).rotate_report(NOW).save(folder)
        with pytest.raises(AuthorityError, match="changed by another process"):
            self.save(folder)
        return self.save(folder)

    monkeypatch.setattr(Authority, "save", late)
    found = load_credentials(config, NOW).authority.report_keys()

    assert found == Authority.load(config.data / "ca").report_keys()
    assert len(found) == 1
