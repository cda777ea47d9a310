"""Who may do what: every route says which role it needs."""

from enum import IntEnum
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request

from manifests.errors import ReelmillError


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    REVIEWER = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """As it lies in the catalogue."""
        return self.name.lower()


class Person(NamedTuple):
    """Somebody signed in; ``name`` is the account's."""

    name: str
    role: Role

    @property
    def actor(self) -> str:
        """As events and the audit name them."""
        return f"person:{self.name}"


class NotSignedInError(ReelmillError):
    """Sign in first."""


class NotAllowedError(ReelmillError):
    """Your role does not allow this; ask an admin."""


async def current_person(request: Request) -> Person:
    """Return who asks, as the sign-in middleware found out; async, since a plain function would take a thread.

    Raises:
        NotSignedInError: nobody.
    """
    person: Person | None = getattr(request.state, "person", None)
    if person is None:
        raise NotSignedInError
    return person


class _Needs:
    """The dependency of a route; the route × role matrix of the tests reads ``role``."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, person: Annotated[Person, Depends(current_person)]) -> Person:
        if person.role < self.role:
            raise NotAllowedError(
                f"This needs the role {self.role.word}, and {person.name} is a {person.role.word}; ask an admin."
            )
        return person


def needs(role: Role) -> Any:
    """Return what a route's parameter depends on, so that only people with the role get in."""
    return Depends(_Needs(role))


Viewer = Annotated[Person, needs(Role.VIEWER)]
Reviewer = Annotated[Person, needs(Role.REVIEWER)]
Admin = Annotated[Person, needs(Role.ADMIN)]
