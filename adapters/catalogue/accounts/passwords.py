"""Passwords: their strength, and argon2id hashes with argon2-cffi's parameters (RFC 9106, low memory)."""

import re
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from manifests.errors import ReelmillError

MIN_LENGTH = 10
MAX_LENGTH = 1000


MIN_SCORE = 3
"""Score of zxcvbn from 0 to 4; 3 means more than 10^8 guesses, 4 more than 10^10."""
MAX_ESTIMATED = 72
"""Characters that are estimated; zxcvbn takes quadratic time, and no password gets weaker by more characters."""
PRODUCT_WORDS = (
    *("reelmill", "dashboard", "campaign", "campaigns", "marketing", "advert", "video", "videos", "clip", "clips"),
    *("brand", "spring", "review", "reviewer", "viewer", "admin", "approve", "approved", "prefect", "postgresql"),
)
"""Words that a person who guesses passwords of this product tries first."""
EXAMPLES = (
    "correct horse battery staple",
    "four random words",
    "my voice is my passport",
    "the quick brown fox jumps over the lazy dog",
    "the quick brown fox",
    "to be or not to be that is the question",
    "to be or not to be",
    "may the force be with you",
    "lorem ipsum dolor sit amet",
    "mary had a little lamb",
    "twinkle twinkle little star",
    "tr0ub4dor&3",
)
"""Examples of good passwords, and quotations: everyone knows them, and the lists of zxcvbn do not contain them."""
SEPARATORS = ("", " ", ".", "-", "_", ",", "+")


class InvalidPasswordError(ReelmillError):
    """The password is too short, too long or too easy to guess."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _dummy_hash() -> str:
    return _hasher().hash("no password")


def check_password(password: str, name: str) -> None:
    """Check a new password; existing ones keep working.

    Args:
        name: account name, whose parts count as easy to guess.

    Raises:
        InvalidPasswordError: the length is wrong, or the password is easy to guess.
    """
    _check_length(password)
    from zxcvbn import zxcvbn  # loading its lists takes a moment, and few commands set a password

    easy = _easy_words(name)
    rest = _without_easy_words(password, easy)[:MAX_ESTIMATED]
    if not rest or zxcvbn(rest, user_inputs=easy)["score"] < MIN_SCORE:
        raise InvalidPasswordError(
            "The password is too easy to guess. Use several unrelated words, or a password manager's random "
            "characters. Names, dates, common passwords and keyboard patterns are guessed first."
        )


def _easy_words(name: str) -> list[str]:
    parts = [part for part in re.split(r"[\W_]+", name) if part]
    phrases = [parts, *(example.split() for example in EXAMPLES)]
    joined = [separator.join(words) for words in phrases for separator in SEPARATORS]
    return [each.lower() for each in (name, *joined, *parts, *PRODUCT_WORDS) if each]


def _without_easy_words(password: str, easy: list[str]) -> str:
    """Return what makes the password hard to guess; parts of names that have two or three letters occur in any text."""
    longest_first = sorted((word for word in easy if len(word) > 3), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), "", password[:MAX_LENGTH], flags=re.IGNORECASE)


def new_password_hash(password: str, name: str) -> str:
    """Check a new password of an account and return its hash.

    Raises:
        InvalidPasswordError: see ``check_password``.
    """
    check_password(password, name)
    return hash_password(password)


def hash_password(password: str) -> str:
    """Return the hash of a password without checking its strength, such as of an existing one.

    Raises:
        InvalidPasswordError: shorter than MIN_LENGTH or longer than MAX_LENGTH.
    """
    _check_length(password)
    return _hasher().hash(password)


def _check_length(password: str) -> None:
    if len(password) < MIN_LENGTH:
        raise InvalidPasswordError(f"The password is too short. Enter at least {MIN_LENGTH} characters.")
    if len(password) > MAX_LENGTH:
        raise InvalidPasswordError(f"The password is too long. Enter at most {MAX_LENGTH:,} characters.")


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return whether the password matches. Without a hash, take the same time, so that names cannot be guessed."""
    try:
        return _hasher().verify(password_hash or _dummy_hash(), password[:MAX_LENGTH]) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether the hash uses weaker parameters than today's."""
    return _hasher().check_needs_rehash(password_hash)
