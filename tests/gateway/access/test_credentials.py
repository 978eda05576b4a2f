"""The form of keys and tokens: what was made is recognized, what was mistyped is told."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.access import CredentialKind, CredentialMistyped, digest_of, kind_of, new_credential


@pytest.mark.parametrize("kind", CredentialKind)
def test_a_new_one_is_recognized_and_is_one_word(kind: CredentialKind) -> None:
    """It is known by its prefix, no two are alike, and a double click takes all of it."""
    one, other = new_credential(kind), new_credential(kind)

    assert kind_of(one) is kind
    assert one != other
    assert one.startswith(kind)
    assert set(one) <= {*string.ascii_letters, *string.digits, "_"}
    assert len(digest_of(one)) == 32


@given(st.sampled_from(CredentialKind), st.integers(0, 53), st.characters())
def test_one_wrong_character_is_a_typing_mistake(kind: CredentialKind, place: int, wrong: str) -> None:
    """Wherever it stands, the check sum or the form tells: nobody is asked whether such a key exists."""
    right = new_credential(kind)
    assume(wrong != right[place])
    mistyped = right[:place] + wrong + right[place + 1 :]

    with pytest.raises(CredentialMistyped):
        kind_of(mistyped)


@given(st.integers(0, 53))
def test_one_cut_off_is_a_typing_mistake(length: int) -> None:
    """A terminal that folded it, a copy that ended early."""
    with pytest.raises(CredentialMistyped):
        kind_of(new_credential(CredentialKind.API_KEY)[:length])


@given(st.text())
def test_garbage_raises_one_exception(text: str) -> None:
    """Whatever comes in a header is recognized or refused; nothing else happens."""
    with pytest.raises(CredentialMistyped) as caught:
        kind_of(text)
    assert str(caught.value.told) == "FG-6052"
    assert len(text) < 20 or text not in str(caught.value)
