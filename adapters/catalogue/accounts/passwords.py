"""Passwords by argon2id, as argon2-cffi recommends it (RFC 9106, low memory)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from manifests.errors import ReelmillError

LEAST_LENGTH = 10
LONGEST = 1000


class InvalidPasswordError(ReelmillError):
    """The password is too short."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody's password")


def hash_password(password: str) -> str:
    """Return the hash of a new password.

    Raises:
        InvalidPasswordError: shorter than LEAST_LENGTH, or absurdly long.
    """
    if not LEAST_LENGTH <= len(password) <= LONGEST:
        raise InvalidPasswordError(f"The password is too short or too long. Enter at least {LEAST_LENGTH} characters (at most {LONGEST}).")
    return _hasher().hash(password)


def fits(password: str, password_hash: str | None) -> bool:
    """True where it is the password; without a hash as much work is done, so that time tells no name."""
    try:
        return _hasher().verify(password_hash or _nobodys(), password[:LONGEST]) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """True where it was made with less work than is asked today."""
    return _hasher().check_needs_rehash(password_hash)
