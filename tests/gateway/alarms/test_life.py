"""The life of an alarm, held against a plain model: whatever is seen, decided and killed, and in whatever order."""

import contextlib
from uuid import uuid4

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import AlarmCondition, AlarmSubject, Conflict, Looked, Severity, Store

HOLDER = "engine"
LASTING = 3

# What is seen: nothing wrong, or an occurrence of it, grave or not. What people do. A killed engine does its last write again.
SEEN = st.tuples(
    st.just("see"), st.sampled_from([None, "a", "b"]), st.sampled_from([Severity.ERROR, Severity.WARNING])
)
STEPS = st.lists(
    st.one_of(
        SEEN, SEEN, st.just(("acknowledge",)), st.just(("resolve",)), st.just(("again",)), st.just(("wait",))
    ),
    max_size=12,
)


@attrs.define
class Model:
    """What a person would expect, told as a story: is it wrong, since when, and does anybody have to care."""

    lasting: int
    wrong: tuple[str, Severity] | None = None
    since: int = 0
    shown: str = ""
    """"": nobody has ever seen it, or nobody is to see it yet."""
    grave: Severity = Severity.INFO
    heard: str = ""
    """The last occurrence that was told."""
    count: int = 0
    story: list[str] = attrs.field(factory=list)

    def see(self, wrong: tuple[str, Severity] | None, now: int) -> None:
        was, self.wrong = self.wrong, wrong
        if wrong is None:
            if was is not None and self.shown in ("active", "acknowledged"):
                self.tell("resolved", "resolved")
            elif was is not None and self.shown == "pending":
                self.shown = "resolved" if self.story else ""
            return
        if was is None:
            self.since, self.shown = now, "pending"
        if self.shown == "pending":
            if now - self.since >= self.lasting:
                self.raise_(wrong)
        elif self.shown == "resolved":
            if wrong[0] != self.heard:
                self.raise_(wrong)
        else:
            graver = wrong[1] is Severity.ERROR and self.grave is not Severity.ERROR
            if wrong[0] != self.heard or graver:
                self.count += 1
                self.tell("repeated", "active" if graver else self.shown)
            self.heard, self.grave = wrong

    def raise_(self, wrong: tuple[str, Severity]) -> None:
        self.heard, self.grave = wrong
        self.count = 1
        self.tell("raised", "active")

    def decide(self, what: str) -> bool:
        may = self.shown == "active" or (what == "resolved" and self.shown == "acknowledged")
        if may:
            self.tell(what, what)
        return may

    def tell(self, what: str, shown: str) -> None:
        self.story.append(what)
        self.shown = shown


def condition(scope: str, wrong: tuple[str, Severity], lasting: int) -> AlarmCondition:
    subject = AlarmSubject(kind="thing", uid="x", name="x", organization_uid="o")
    return AlarmCondition(
        template="t", scope=scope, subject=subject, severity=wrong[1], message=f"{wrong}", occurrence=wrong[0],
        trigger_after_ms=lasting,
    )  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS, lasting=st.sampled_from([0, LASTING]))
def test_the_store_tells_the_models_story(
    store: Store, steps: list[tuple[str | Severity | None, ...]], lasting: int
) -> None:
    """State, severity, count and history, after every step."""
    scope, model, now = str(uuid4()), Model(lasting), 1_000
    work = store.alarm_work
    work.take(HOLDER, now_ms=0, lease_ms=1 << 40)
    last: Looked | None = None
    uid = ""

    def look(looked: Looked) -> None:
        work.apply(HOLDER, [looked], now_ms=now)

    for step in steps:
        now += 1
        if step[0] == "see":
            wrong = None if step[1] is None else (str(step[1]), Severity(str(step[2])))
            last = Looked(
                template="t",
                scope=scope,
                conditions=() if wrong is None else (condition(scope, wrong, lasting),),
            )
            model.see(wrong, now)
            look(last)
        elif step[0] == "again" and last is not None:
            model.see(model.wrong, now)
            look(last)
        elif step[0] == "wait":
            now += LASTING
        elif uid and step[0] in ("acknowledge", "resolve"):
            done = False
            with contextlib.suppress(Conflict):
                verb = getattr(store.alarms, str(step[0]))
                verb(uid, by="eva", now_ms=now, remark="r")
                done = True
            assert done is model.decide(f"{step[0]}d")
        mine = [
            each for each in (*store.alarms.list(), *store.alarms.list(resolved=True)) if each.scope == scope
        ]
        uid = mine[0].uid if mine else uid
        assert len(mine) == (model.shown in ("active", "acknowledged", "resolved"))
        if mine:
            assert (mine[0].state.value, mine[0].repeat_count) == (model.shown, model.count)
            assert mine[0].severity is model.grave
    if uid:
        story = [line.what for line in store.alarms.history(uid)]
        assert story[::-1] == model.story
