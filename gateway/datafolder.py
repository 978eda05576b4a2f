"""A provider's data folder: how one is made, recognized, and kept from being used by the wrong program.

`version.json` carries the schema version of the folder's layout and the provider's uid. A folder without it is not a
data folder (``fieldgate init`` makes one); a newer one is refused, because guessing at a layout loses data.
"""

import contextlib
import json
from pathlib import Path

import attrs

from certs import write_private
from protocol import Code

__all__ = ["HALF_RESTORED", "LAYOUT_VERSION", "DataFolder", "DataFolderError"]

LAYOUT_VERSION = 1
SETTINGS = """\
# Settings of this gateway; every key and its default: docs/operations.md. The environment (FIELDGATE_…) wins.
[fieldgate]
names = {names}
"""
STORE = "store = {store}\n"


HALF_RESTORED = (
    "a restore into it was interrupted, or is still at work. If none is: delete the folder, and the store too where its settings name "
    "another place; then restore the backup anew"
)


class DataFolderError(Exception):
    """The folder can't be used as a data folder; says why and what to do."""

    def __init__(self, message: str, code: Code) -> None:
        super().__init__(message)
        self.code = code


@attrs.frozen
class DataFolder:
    """Paths of one provider's state."""

    path: Path

    @property
    def version_file(self) -> Path:
        """Layout version and provider."""
        return self.path / "version.json"

    @property
    def settings_file(self) -> Path:
        """The settings a person edits."""
        return self.path / "fieldgate.toml"

    @property
    def ca(self) -> Path:
        """The certificate authority."""
        return self.path / "ca"

    @property
    def journals(self) -> Path:
        """One folder per edge."""
        return self.path / "journals"

    @property
    def run(self) -> Path:
        """Doorbells and locks: nothing that must outlive its process."""
        return self.path / "run"

    @property
    def restore_mark(self) -> Path:
        """There while a backup is restored into the folder; says of one without `version.json` that it was interrupted."""
        return self.path / "restore.unfinished"

    @property
    def half_restored(self) -> bool:
        """Whether a restore was interrupted here, or is at it."""
        return self.restore_mark.exists() and not self.version_file.exists()

    def create(self, names: tuple[str, ...], store: str | None = None, *, more: str = "") -> None:
        """Make the folders and the settings; `seal` makes it a data folder once everything in it is there.

        Args:
            names: what agents dial.
            store: the store's URL, if it is not in the folder.
            more: settings to begin with beside these, as TOML.

        Raises:
            DataFolderError: it is one already, something else is in the way, or it can't be written.
        """
        try:
            self._create(names, store, more)
        except OSError as error:
            raise DataFolderError(
                f"{error.filename or self.path}: {error.strerror}: name another folder, or give this user access",
                Code.DATA_FOLDER_MISSING,
            ) from None

    def _create(self, names: tuple[str, ...], store: str | None, more: str) -> None:
        if self.version_file.exists():
            raise DataFolderError(
                f"{self.path} is a data folder already: `fieldgate serve --data {self.path}` runs it",
                Code.DATA_FOLDER_IN_USE,
            )
        if self.half_restored:
            raise DataFolderError(f"{self.path}: {HALF_RESTORED}", Code.DATA_FOLDER_IN_USE)
        if "?" in str(self.path):  # the store's URL would read it as the beginning of its options
            raise DataFolderError(
                f"{self.path}: a data folder's path must not contain a ?", Code.CONFIG_INVALID_VALUE
            )
        strangers = [p.name for p in self.path.iterdir()] if self.path.is_dir() else []
        if strangers and not self.settings_file.exists():
            raise DataFolderError(
                f"{self.path} is not empty and no data folder (it holds {strangers[0]}): name another one",
                Code.DATA_FOLDER_IN_USE,
            )
        for folder in (self.path, self.journals, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.settings_file.exists():
            settings = SETTINGS.format(names=json.dumps(list(names)))
            if store is not None:
                settings += STORE.format(store=json.dumps(store))
            # A store's URL may carry a password. Half a file would be taken for what somebody wants.
            write_private(self.settings_file, (settings + more).encode())

    def undo(self) -> None:
        """Take `create` back, if nothing has come into the folder since: what could not work binds no second try."""
        made = {self.settings_file, self.journals, self.run}
        if not self.path.is_dir() or self.version_file.exists() or not made.issuperset(self.path.iterdir()):
            return
        self.settings_file.unlink(missing_ok=True)
        for folder in (self.journals, self.run, self.path):
            with contextlib.suppress(OSError):  # somebody put something there: it stays
                folder.rmdir()

    def seal(self, provider_uid: str) -> None:
        """Write `version.json`, the last step: an interrupted init is begun again, never half used."""
        body = {"layout": LAYOUT_VERSION, "provider_uid": provider_uid}
        temporary = self.version_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(body) + "\n", encoding="utf-8")
        temporary.replace(self.version_file)

    def check(self) -> None:
        """Make sure that this is a data folder of a layout that we know.

        Raises:
            DataFolderError: it is not.
        """
        try:
            layout = json.loads(self.version_file.read_text(encoding="utf-8"))["layout"]
        except FileNotFoundError:
            if self.half_restored:
                raise DataFolderError(f"{self.path}: {HALF_RESTORED}", Code.DATA_FOLDER_MISSING) from None
            raise DataFolderError(
                f"{self.path} is no data folder: `fieldgate init --data {self.path}` makes one, --data names another",
                Code.DATA_FOLDER_MISSING,
            ) from None
        except OSError as error:
            raise DataFolderError(
                f"{self.version_file}: {error.strerror}: give this user access, or name another folder with --data",
                Code.DATA_FOLDER_MISSING,
            ) from None
        except (KeyError, TypeError, ValueError):
            layout = None
        if type(layout) is not int:
            raise DataFolderError(
                f"{self.version_file} is damaged: restore it from a backup", Code.DATA_FOLDER_MISSING
            )
        if layout > LAYOUT_VERSION:
            raise DataFolderError(
                f"{self.path} has layout {layout}, this Fieldgate knows {LAYOUT_VERSION}: update Fieldgate",
                Code.DATA_FOLDER_NEWER,
            )
