"""Password hashes: creation, comparison and minimum length."""

import pytest

from adapters.catalogue.accounts.passwords import (
    MIN_LENGTH,
    InvalidPasswordError,
    hash_password,
    is_outdated,
    verify_password,
)


def test_a_password_matches_only_its_own_hash():
    hashed = hash_password("correct horse é")
    assert hashed.startswith("$argon2id$")
    assert hashed != hash_password("correct horse é")
    assert verify_password("correct horse é", hashed)
    assert not verify_password("correct horse e", hashed)
    assert not verify_password("", hashed)
    assert not is_outdated(hashed)


def test_an_account_without_a_password_never_matches():
    assert not verify_password("any password", None)
    assert not verify_password("x", "not a hash")


def test_an_outdated_hash_is_detected():
    assert is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


@pytest.mark.parametrize("password", ["", "x" * (MIN_LENGTH - 1), "x" * 1001])
def test_invalid_passwords_are_refused(password: str):
    with pytest.raises(InvalidPasswordError, match=r"at least 10 characters|at most 1,000 characters"):
        hash_password(password)
