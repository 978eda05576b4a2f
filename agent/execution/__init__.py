"""Commands, on the agent's side: what is allowed, what is begun, how it ends, and that all of this survives a kill.

    ledger    what is written down of commands, in the file under the outbox
    board     which commands there are and what is to be done with each: no task, no wait
    executor  the tasks: begins what the board says, tells it how it ended
    kinds     what each kind does

A command is written down in one transaction before it is begun, and its result is cut in the transaction that writes down its end. So
after a kill at any moment the agent knows: not in the ledger means never begun; there and unfinished means interrupted in the
middle; finished means answered. That is enough to run every uid once, and to answer every delivery of it.
"""

from agent.execution.board import Board
from agent.execution.executor import Executor
from agent.execution.ledger import End, Ledger

__all__ = ["Board", "End", "Executor", "Ledger"]
