"""Roles, and the dependency that checks them: every route declares the role it needs."""

from enum import IntEnum
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request

from manifests.errors import ReelmillError


class Role(IntEnum):
    """A role includes the permissions of the lower roles."""

    VIEWER = 1
    REVIEWER = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role as the catalogue stores it."""
        return self.name.lower()


class Person(NamedTuple):
    """A signed-in person; ``name`` is the account name."""

    name: str
    role: Role

    @property
    def actor(self) -> str:
        """The actor name in events and in the audit log."""
        return f"person:{self.name}"


class NotSignedInError(ReelmillError):
    """You are not signed in. Sign in and try again."""


class NotAllowedError(ReelmillError):
    """Your role does not allow this. Ask an admin for access."""


async def current_person(request: Request) -> Person:
    """Return the signed-in person that AuthenticationMiddleware found.

    Async because FastAPI runs a plain function in a thread.

    Raises:
        NotSignedInError: nobody is signed in.
    """
    person: Person | None = getattr(request.state, "person", None)
    if person is None:
        raise NotSignedInError
    return person


class _Needs:
    """The role dependency of a route; the tests read ``role`` to check every route."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, person: Annotated[Person, Depends(current_person)]) -> Person:
        if person.role < self.role:
            raise NotAllowedError(
                f"This action needs the role {self.role.word}. {person.name} has the role {person.role.word}. "
                "Ask an admin for access."
            )
        return person


def needs(role: Role) -> Any:
    """Return a dependency that admits only people with the role."""
    return Depends(_Needs(role))


Viewer = Annotated[Person, needs(Role.VIEWER)]
Reviewer = Annotated[Person, needs(Role.REVIEWER)]
Admin = Annotated[Person, needs(Role.ADMIN)]
