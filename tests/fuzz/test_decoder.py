"""The fuzz target, run for as long as a test may take."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import decoder


@pytest.mark.parametrize("index", range(len(decoder.corpus())))
def test_every_input_of_the_corpus_passes(index: int) -> None:
    """No input that is known shows a fault."""
    decoder.check(decoder.corpus()[index])


def test_damaged_inputs_pass() -> None:
    """Neither do damaged ones; the seed is new each time and stands in a failure's message by way of the input."""
    decoder.run(3_000, random.SystemRandom().getrandbits(32))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_garbage_raises_only_remote_protocol_error(garbage: bytes) -> None:
    """Whatever a peer sends, in whatever state, only its own fault is reported."""
    decoder.check(garbage)


@settings(max_examples=300)
@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=200))
def test_framed_garbage_raises_only_remote_protocol_error(selector: int, tag: int, payload: bytes) -> None:
    """The same with a frame around it, so that it gets as far as the decoder."""
    decoder.check(bytes([selector]) + len(payload).to_bytes(4, "big") + bytes([tag]) + payload)
