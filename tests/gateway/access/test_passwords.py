"""What is accepted as a password, and what is kept of it."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import LoginBusy, PasswordUnfit
from gateway.access.passwords import AT_ONCE, Passwords, hashed, require_fit


def test_what_is_kept_is_argon2id_with_its_parameters() -> None:
    """OWASP's first set; salted, so that two of the same password are not the same."""
    one, other = hashed("four words make one"), hashed("four words make one")

    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert "four" not in one


@pytest.mark.parametrize(
    ("tried", "fits"),
    [
        ("vier Wörter, ein Satz", True),
        ("vier Wo\u0308rter, ein Satz", True),  # a keyboard that composes it of two
        ("vier Worter, ein Satz", False),
        ("vier Wörter, ein Satz ", False),
        ("", False),
        ("x" * 100_000, False),
        ("\ud800", False),
    ],
)
def test_only_the_same_password_fits(tried: str, fits: bool) -> None:
    """However it was typed, and whatever else comes over the wire."""
    assert Passwords().verify(tried, hashed("vier Wörter, ein Satz")) is fits


def test_nobody_s_password_never_fits() -> None:
    """There is nothing to compare with; the same function has worked as long."""
    assert Passwords().verify("four words make one", None) is False


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 15 characters"),
        ("aaaaaaaaaaaaaaaaaaaa", "first that are guessed"),
        ("passwordpassword", "first that are guessed"),
        ("PasswordPassword1!", "first that are guessed"),
        ("password-password", "first that are guessed"),
        ("qwertyuiopasdfgh", "first that are guessed"),
        ("1q2w3e4r5t6y7u8i", "first that are guessed"),
        ("123456789012345", "first that are guessed"),
        ("Welcome2026Welcome", "first that are guessed"),
        ("iloveyouiloveyou", "first that are guessed"),
        ("abcdefghijklmnop", "first that are guessed"),
        ("xkqxkqxkqxkqxkqx", "first that are guessed"),
        ("fieldgate-backup-2026", "first that are guessed"),
        ("correct horse battery staple", "first that are guessed"),
        ("annabellaannabella!", "more than the user's name"),
        ("ä1b2c3" * 400, "at most 1024 bytes"),
    ],
)
def test_what_guessing_begins_with_is_refused(password: str, why: str) -> None:
    """Each refusal says what it takes, and does not repeat the password."""
    with pytest.raises(PasswordUnfit, match=why) as caught:
        require_fit(password, user="Annabella")
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    [
        "four words make one",
        "password of the old harbour",
        "vier Wörter, ein Satz",
        "another four words",
        "wz8!kq2#mv5$xt" + "1",
    ],
)
def test_what_only_has_a_common_word_in_it_is_taken(password: str) -> None:
    """What else is there has to be guessed, too."""
    require_fit(password, user="Annabella")


@given(
    st.text(min_size=15, max_size=100).filter(lambda text: len(set(text)) >= 10),
    st.text(min_size=1, max_size=5),
)
def test_length_is_all_that_is_asked_for(password: str, user: str) -> None:
    """No rules of composition: they make passwords worse. Everything is either accepted or refused with a reason."""
    try:
        require_fit(password, user=user)
    except PasswordUnfit as unfit:
        assert "user's name" in str(unfit) or "guessed" in str(unfit)  # noqa: PT017  # both ways are right


def test_only_so_many_are_verified_at_once() -> None:
    """Each takes memory; those who wait must not hold the threads that answer everybody else."""
    passwords = Passwords()
    inside, leave = threading.Barrier(AT_ONCE + 1), threading.Event()

    def stay() -> None:
        with passwords.room():
            inside.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=stay) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    with pytest.raises(LoginBusy) as caught, passwords.room():
        pytest.fail("one too many was let in")
    assert caught.value.retry_after_s == 1
    leave.set()
    for thread in threads:
        thread.join()
    with passwords.room():
        pass
