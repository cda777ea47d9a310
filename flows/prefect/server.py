"""Prefect's server on a socket that the parent process listens on: ``python -m flows.prefect.server --fd N``.

``prefect server start`` binds its port itself, seconds after it starts. Another user who binds the port in this time
would receive the password (docs/decisions/0058).
"""

import argparse
import sys

import uvicorn
from prefect.logging.configuration import setup_logging
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from adapters.listener import inherited

START_FAILED = 3


def server() -> uvicorn.Server:
    """Return the HTTP server that ``prefect server start`` would run, with the settings of the environment."""
    settings = get_current_settings().server
    return uvicorn.Server(
        uvicorn.Config(
            create_app(final=True),
            timeout_keep_alive=settings.api.keepalive_timeout,
            ws_ping_interval=settings.api.websocket_ping_interval,
            ws_ping_timeout=settings.api.websocket_ping_timeout,
            log_level=settings.logging_level.lower(),
        )
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    listener = inherited(parser.parse_args().fd)
    setup_logging()
    running = server()
    running.run(sockets=[listener])
    if not running.started:
        sys.exit(START_FAILED)


if __name__ == "__main__":
    main()
