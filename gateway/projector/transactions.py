"""One transaction after another: the usual way, and the careful one when something in it raised.

The usual way takes all items together. If anything raises that is not the store's own failing, nothing of it has
happened, and the same items are taken *carefully*: each in a savepoint of its own, so that the one which raises is
known. That one is placed without being projected, and kept whole in quarantine; if even that raises, it is set apart.
Nothing stalls, and nothing is thrown away.
"""

from collections import deque
from collections.abc import Sequence

from gateway.projector.holes import ASKS_AT_ONCE, ASKS_OF_ONE_AGENT, FIRST_ASK_MS, GIVEN_UP_AT_ONCE
from gateway.projector.items import Item, Outcome
from gateway.projector.work import Work
from gateway.store import Projection, StoreError

# Enough to recognize an exception by; SQLite's and psycopg's may quote whole rows.
MAX_REASON = 200


def chores(p: Projection, work: Work) -> None:
    """What no record asks for: go on behind gaps that were declared lost or deserted, ask for what is missing, end commands in time,
    and let the feed's old reports go.

    Raises:
        StoreError: the store's failing; try again later.
    """
    deserted = p.gaps.deserted(work.now_ms - FIRST_ASK_MS, limit=GIVEN_UP_AT_ONCE)
    for gap in [*p.gaps.declared(), *deserted]:
        tree = work.tree_of(gap.agent_uid, gap.epoch)
        work.holes.give_up(tree, gap)
        work.release(tree, gap.missing)
    for gap in p.gaps.due(work.now_ms, limit=ASKS_AT_ONCE, of_one_agent=ASKS_OF_ONE_AGENT):
        work.holes.ask(work.tree_of(gap.agent_uid, gap.epoch), gap)
    p.commands.expire(work.now_ms)
    p.feed.prune(work.now_ms)
    work.paths.chores()


def take(p: Projection, items: Sequence[Item], *, now_ms: int, with_chores: bool) -> Outcome:
    """Place and project all of *items* together, and what becomes ready behind them.

    Raises:
        StoreError: the store's failing; try again later.
        Exception: one of the items cannot be projected. Leave the transaction.
    """
    work = Work(p, now_ms=now_ms)
    if with_chores:
        chores(p, work)
    work.read_ahead(items)
    todo = deque([*work.take_ready(), *items])
    while todo:
        work.apply(todo.popleft())
        todo.extendleft(reversed(work.take_ready()))
    work.finish()
    return work.outcome


def take_carefully(p: Projection, items: Sequence[Item], *, now_ms: int, with_chores: bool) -> Outcome:
    """The same one by one, and what raises goes into quarantine.

    Raises:
        StoreError: the store's failing; try again later.
    """
    work = Work(p, now_ms=now_ms)
    if with_chores:
        chores(p, work)
        work.finish()
    outcome = work.outcome
    todo = deque([*work.take_ready(), *items])
    while todo:
        item = todo.popleft()
        done = _attempt(p, item, now_ms=now_ms)
        todo.extendleft(reversed(done.take_ready()))
        outcome.absorb(done.outcome)
    return outcome


def _attempt(p: Projection, item: Item, *, now_ms: int) -> Work:
    """Place and project one item; place it and put it aside; or only put it aside."""
    poison = ""
    for _ in range(2):
        work = Work(p, now_ms=now_ms)
        try:
            with p.savepoint():
                work.apply(item, poison=poison)
                work.finish()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not stall every other agent: that is the point
            poison = f"{type(error).__name__}: {error}"[:MAX_REASON]
        else:
            return work
    work = Work(p, now_ms=now_ms)
    work.set_apart(item, poison)
    return work
