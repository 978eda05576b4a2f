"""Restores as REST and the command line have them: what there is, what is wanted back, and the file that comes.

    desk = RestoreDesk(store=…, spool=DATA/spool, ring=…, now=…)
    desk.asked(agent_uid, question, scope=…, who=…, wait_s=…)      # a page of restore points, of a folder, of what was found
    session = desk.begin(agent_uid, wanted, …)                     # an item on its way, or back in its place
    file = desk.fetch(session.uid, …)                              # a RestoredFile: its bytes, from wherever on

Every call blocks its thread. What an agent sends is judged here; who asks is judged by the scope.
"""

from gateway.restores.desk import Page, Question, RestoreDesk, Wanted, is_whole
from gateway.restores.errors import (
    AgentRefused,
    FileMissing,
    ListingInvalid,
    NoAnswer,
    OperatorsOnly,
    RestoreError,
)
from gateway.restores.files import RestoredFile

__all__ = [
    "AgentRefused",
    "FileMissing",
    "ListingInvalid",
    "NoAnswer",
    "OperatorsOnly",
    "Page",
    "Question",
    "RestoreDesk",
    "RestoreError",
    "RestoredFile",
    "Wanted",
    "is_whole",
]
