"""`fieldgate licence submissions`, `submit` and `export`: what the licensing authority is told of each month's usage."""

import json
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import CommandError
from gateway.cli.licence_catalogue import By
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, json_line, rows, say
from gateway.licensing import open_submitter
from gateway.store import LicenceSubmission, SubmissionState

__all__ = ["licence_export", "licence_submissions", "licence_submit"]

Uid = Annotated[str, Parameter(help="The submission's uid, as `fieldgate licence submissions` has it.")]


def licence_submissions(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List what the licensing authority is told of each month's usage, the newest first, and what waits."""
    with open_provider(data) as provider:
        found = provider.store.licence_submissions.list()
    rows(
        (record_of(each) for each in found),
        {
            "month": "MONTH", "number": "CORRECTION", "state": "STATE", "attempts": "TRIES", "created_ms": "MADE",
            "receipt": "RECEIPT", "message": "SAYS", "uid": "SUBMISSION",
        },
        as_json=json_,
        empty="none yet: one is made of each month that is final (fieldgate usage close), once there is a contract",
        show={"created_ms": ago(now_ms())},
    )  # fmt: skip


def licence_submit(
    submission: Uid, /, *, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Let a month's usage go to the licensing authority, or go there again after a refusal. It is sent at once, and until it is taken."""
    with open_provider(data) as provider:
        store = provider.store
        store.licence_submissions.approve(submission, by=operator(by), now_ms=now_ms())
        open_submitter(store, provider.config).work(now_ms())
        found = store.licence_submissions.get(submission)
    if json_:
        json_line(record_of(found))
    elif found.state is SubmissionState.ACCEPTED:
        say(f"the usage of {found.month} was taken: {found.receipt}")
    elif found.state is SubmissionState.REFUSED:
        raise CommandError(f"the authority refused it: {found.message}")
    else:
        say(f"kept, and sent again until it is taken: {found.message}")


def licence_export(submission: Uid, /, *, to: Path, data: Data = DEFAULT_DATA) -> None:
    """Write down as JSON what the licensing authority is told of a month.

    Parameters
    ----------
    to
        The file to write.
    """
    with open_provider(data) as provider:
        found = provider.store.licence_submissions.get(submission)
    try:
        with to.open("x", encoding="utf-8") as out:
            json.dump(found.document, out, indent=1, ensure_ascii=False)
            out.write("\n")
    except OSError as error:
        raise CommandError(f"{to}: {error.strerror}") from None
    say(f"the usage of {found.month}, {len(found.document['companies'])} companies, is in {to}")


def record_of(submission: LicenceSubmission) -> dict[str, object]:
    """A submission for a table or a script."""
    return attrs.asdict(submission) | {"state": submission.state.value}
