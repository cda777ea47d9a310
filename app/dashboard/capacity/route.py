"""Routes whose functions run in the threads of their kind of work, not in the threads that all routes share."""

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.dashboard.auth.login_rate_limit import IPV6_SITE, network_of
from app.dashboard.auth.roles import Person
from app.dashboard.capacity.work import Work, work_of

_request: ContextVar[Request] = ContextVar("request")


class LimitedRoute(APIRoute):
    """A route that waits for a thread of its kind of work. Every router of the dashboard uses it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not iscoroutinefunction(endpoint):
            endpoint = _in_threads(endpoint, work_of(endpoint, set(options.get("methods") or {"GET"})))
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which keeps the request for the endpoint: not every endpoint has it as a parameter."""
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            _request.set(request)
            return await handle(request)

        return handling


def person_key(request: Request) -> str:
    """Return the account of a request; without one, its network."""
    person: Person | None = getattr(request.state, "person", None)
    if person:
        return person.actor
    return f"network:{network_of(request.client.host) if request.client else ''}"


def site_key(request: Request) -> str:
    """Return the network of a visitor, as wide as one customer of a provider can have it."""
    return network_of(request.client.host, IPV6_SITE) if request.client else ""


def _in_threads(endpoint: Callable[..., Any], work: Work) -> Callable[..., Any]:
    @wraps(endpoint)
    async def limited(**values: Any) -> Any:
        request = _request.get()
        limit = request.app.state.deps.limits[work]
        return await limit.run(person_key(request), partial(endpoint, **values))

    return limited
