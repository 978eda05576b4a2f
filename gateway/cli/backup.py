"""Backups: made while the gateway runs, verified, and restored into an empty folder."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.backup import TAR_MODES, BackupDamaged, Manifest, create_backup, restore_backup, verify_backup
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import CHECK_FAILED, UNUSABLE, CommandError, fail
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say, size, when
from gateway.store import AuditEntry
from protocol import Code

__all__ = ["BACKED_UP", "backup_app"]

BACKED_UP = "backed up"
"""The audit's word."""

# Who names a target so means a file, and would get a folder of that name.
OTHER_FILES = {*TAR_MODES, ".7z", ".bz2", ".lz4", ".rar", ".txz", ".xz", ".zip", ".zst"}

backup_app = App(name="backup")


@backup_app.command(name="create")
def backup_create(target: Path, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Back a gateway up while it runs: store, journals, authority with its keys, settings, revocation log.

    Parameters
    ----------
    target
        A new file (.tar, .tar.gz or .tgz), or a folder that is empty or not there yet.
    """
    if target.suffix not in TAR_MODES and target.suffix.lower() in OTHER_FILES and not target.is_dir():
        raise CommandError(
            f"{target}: a backup is a file .tar, .tar.gz or .tgz, or a folder; it can't be a {target.suffix}",
            exit_code=UNUSABLE,
        )
    with open_provider(data) as provider:
        provider.decisions.begin()
        at_ms = now_ms()
        manifest = create_backup(provider.folder, provider.config, provider.store, target, now_ms=at_ms)
        entry = AuditEntry(at_ms=at_ms, who=operator(), action=BACKED_UP, about=str(target.absolute()))
        provider.store.audit.note(entry)
    if json_:
        _as_json(manifest)
        return
    say(f"backed up to {target}, {_summary(manifest)}")
    if manifest.private_keys:
        say(
            f"It holds {len(manifest.private_keys)} private keys ({', '.join(manifest.private_keys)}), readable by its owner only: "
            "whoever has it can issue certificates. Keep it as you keep the data folder."
        )
    for what in manifest.left_out:
        say(f"Not in it: {what}")
    say(
        "A restore also needs the revocation log as it will be then: keep a copy elsewhere (setting revocation_log)."
    )


@backup_app.command(name="verify")
def backup_verify(source: Path, /, *, json_: Json = False) -> int:
    """Read every byte of a backup: is all there, is nothing changed, is the store whole. Exits with 4 if not.

    Parameters
    ----------
    source
        The file or folder.
    """
    try:
        manifest = verify_backup(source)
    except BackupDamaged as error:
        return fail(str(error), CHECK_FAILED, error.code)
    if json_:
        _as_json(manifest)
    else:
        say(
            f"whole: made {when(manifest.created_ms)} by Fieldgate {manifest.fieldgate}, {_summary(manifest)}"
        )
    return 0


@backup_app.command(name="restore")
def backup_restore(
    source: Path,
    into: Path,
    /,
    *,
    revocation_log: Path | None = None,
    accept_lost_revocations: Annotated[bool, Parameter(negative="")] = False,
    json_: Json = False,
) -> None:
    """Make a data folder of a backup. Whoever was revoked since stays out: that takes the revocation log.

    Parameters
    ----------
    source
        The file or folder.
    into
        An empty folder, or one that is not there yet.
    revocation_log
        The log of the lost gateway, or its copy; default: what the settings in the backup name.
    accept_lost_revocations
        There is no log: hold every agent until it is accepted, and let tokens lead to unverified agents only.
    """
    restored = restore_backup(
        source,
        into,
        log=revocation_log,
        accept_lost=accept_lost_revocations,
        who=operator(),
        now_ms=now_ms(),
    )
    if json_:
        record = {
            name: getattr(restored, name) for name in ("taken_again", "held_agents", "held_tokens", "issuers")
        }
        record |= {"revocation_log": restored.log, "created_ms": restored.manifest.created_ms}
        rows([record], {}, as_json=True, empty="")
        return
    say(f"restored into {into}, as of {when(restored.manifest.created_ms)}")
    if restored.log is not None:
        again = ", ".join(f"{count} × {what}" for what, count in restored.taken_again.items()) or "none"
        say(f"Decisions taken again from {restored.log}: {again}")
    else:
        say(
            f"{restored.held_agents} agents wait for `fieldgate agent accept`, and {restored.held_tokens} tokens lead to unverified agents "
            f"only ({Code.REVOCATIONS_MISSING})"
        )
    if restored.issuers:
        say(f"The authority: {restored.issuers}")
    for what in restored.manifest.left_out:
        say(f"Was not in the backup: {what}")
    say(
        "Agents that enrolled since must enroll again. What others have released since is a gap: `fieldgate gap list`.",
        f"next:  fieldgate doctor --data {into}",
        f"       fieldgate serve --data {into}",
    )


def _summary(manifest: Manifest) -> str:
    total = sum(entry.size_bytes for entry in manifest.files)
    segments = sum(journal.segments for journal in manifest.journals)
    return f"{len(manifest.files)} files, {size(total)}: the store (schema {manifest.schema_version}), {segments} journal segments"


def _as_json(manifest: Manifest) -> None:
    rows([attrs.asdict(manifest)], {}, as_json=True, empty="")
