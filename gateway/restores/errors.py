"""Why a restore point can't be looked into, or a file can't be had."""

# ruff: noqa: N818  # the kinds are named after what they report, and RestoreError is their family name

from protocol import Code

__all__ = ["AgentRefused", "FileMissing", "ListingInvalid", "NoAnswer", "OperatorsOnly", "RestoreError"]


class RestoreError(Exception):
    """It can't be done; *code* says which way, the text is for a person."""

    code: Code | None


class AgentRefused(RestoreError):
    """The agent answered that it can't or won't; the code is the one that it gave, None where that is its product's own."""

    def __init__(self, message: str, code: Code | None) -> None:
        super().__init__(message)
        self.code = code


class ListingInvalid(RestoreError):
    """What the agent sent is no list."""

    code = Code.RESTORE_LISTING_INVALID


class FileMissing(RestoreError):
    """There is no file, not yet or not any more, or it is not what was sent."""

    code = Code.RESTORE_FILE_MISSING


class NoAnswer(RestoreError):
    """The agent did not answer in time."""

    code = Code.RESTORE_NO_ANSWER


class OperatorsOnly(RestoreError):
    """All of a restore point is not for whoever asks."""

    code = Code.RESTORE_OPERATORS_ONLY
