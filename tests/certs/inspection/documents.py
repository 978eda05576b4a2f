"""Hypothesis strategies for everything that has a document, derived from the shapes that documents are read by."""

from typing import Any

from hypothesis import strategies as st

from certs.inspection import AgentSide, Evidence, Finding, GatewaySide
from certs.inspection.answers import Answer
from certs.inspection.document import shape_for
from certs.inspection.record import PathRecord
from certs.inspection.shapes import (
    BlobShape,
    EnumShape,
    FlagShape,
    IntegerShape,
    ListShape,
    NumberShape,
    ObjectShape,
    OptionalShape,
    PairShape,
    Shape,
    TextShape,
)

CLASSES: tuple[type[Any], ...] = (AgentSide, GatewaySide, Evidence, Finding, Answer, PathRecord)

# What JSON can hold that is wrong nearly everywhere, and what Python's parser lets through beyond it.
HOSTILE: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([10**400, 2**63 - 1, "", "\0", "\ud800", "x" * 5000, "AAA", "AAA=\n", "AAB=", "ü"]),
    st.text(st.characters(), max_size=5),
    st.lists(st.integers(), max_size=3),
    st.just([0] * 5000),
    st.just({}),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    st.just({str(n): n for n in range(100)}),
)


def values_of(shape: Shape) -> st.SearchStrategy[Any]:
    """Every value that a shape admits, as the program has it."""
    match shape:
        case IntegerShape():
            return st.integers(shape.low, shape.high)
        case NumberShape():
            return st.floats(max(shape.low, -1e15), min(shape.high, 1e15))
        case FlagShape():
            return st.booleans()
        case TextShape():
            characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
            return st.text(characters, max_size=min(shape.limit, 8)) | st.just("x" * shape.limit)
        case BlobShape():
            return st.binary(max_size=min(shape.limit, 40))
        case EnumShape():
            return st.sampled_from(list(shape.members))
        case OptionalShape():
            return st.none() | values_of(shape.shape)
        case ListShape():
            return st.lists(values_of(shape.shape), max_size=3).map(frozenset if shape.is_set else tuple)
        case PairShape():
            return st.tuples(*(values_of(inner) for inner in shape.shapes))
        case ObjectShape():
            return st.builds(shape.cls, **{name: values_of(field) for name, field in shape.fields.items()})
    raise AssertionError(f"no strategy for {shape!r}")


def instances_of(cls: Any) -> st.SearchStrategy[Any]:
    """Instances whose document is whole: nothing in it is beyond its bound."""
    return values_of(shape_for(cls))


AGENT_SIDES = instances_of(AgentSide)
INSTANCES: st.SearchStrategy[Any] = st.one_of([instances_of(cls) for cls in CLASSES])
