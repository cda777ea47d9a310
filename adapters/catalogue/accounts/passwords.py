"""Password hashes: argon2id with the parameters that argon2-cffi recommends (RFC 9106, low memory)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from manifests.errors import ReelmillError

MIN_LENGTH = 10
MAX_LENGTH = 1000


class InvalidPasswordError(ReelmillError):
    """The password is too short."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _dummy_hash() -> str:
    return _hasher().hash("no password")


def hash_password(password: str) -> str:
    """Return the hash of a new password.

    Raises:
        InvalidPasswordError: shorter than MIN_LENGTH or longer than MAX_LENGTH.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidPasswordError(
            f"The password is too short or too long. Enter at least {MIN_LENGTH} characters (at most {MAX_LENGTH})."
        )
    return _hasher().hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return whether the password matches. Without a hash, take the same time, so that names cannot be guessed."""
    try:
        return _hasher().verify(password_hash or _dummy_hash(), password[:MAX_LENGTH]) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether the hash uses weaker parameters than today's."""
    return _hasher().check_needs_rehash(password_hash)
