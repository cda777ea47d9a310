"""Passwords."""

import pytest

from adapters.catalogue.accounts.passwords import LEAST_LENGTH, InvalidPasswordError, fits, hash_password, is_outdated


def test_a_password_fits_its_hash_alone():
    hashed = hash_password("correct horse é")
    assert hashed.startswith("$argon2id$")
    assert hashed != hash_password("correct horse é")
    assert fits("correct horse é", hashed)
    assert not fits("correct horse e", hashed)
    assert not fits("", hashed)
    assert not is_outdated(hashed)


def test_nobody_has_no_password():
    assert not fits("nobody's password", None)
    assert not fits("x", "no hash at all")


def test_an_older_hash_is_told():
    assert is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


@pytest.mark.parametrize("password", ["", "x" * (LEAST_LENGTH - 1), "x" * 1001])
def test_unfit_ones_are_refused(password: str):
    with pytest.raises(InvalidPasswordError, match="at least 10 characters"):
        hash_password(password)
