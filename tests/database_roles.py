"""A PostgreSQL server whose administrator is not the owner of the catalogue, with the roles of infra/postgresql."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from infra_files import INFRA
from services import missing_service

from benchmarks.harness import postgres

SQL = INFRA / "postgresql"
OWNER, RENDERER = "reelmill", "reelmill_renderer"
PASSWORDS = {"CATALOGUE_PASSWORD": "of-the-owner", "RENDERER_PASSWORD": "of-the-renderer"}


class Roles(NamedTuple):
    """The server's URL for each role, with the catalogue's database."""

    psql: Path
    administrator: str
    owner: str
    renderer: str

    def run(self, url: str, file: Path, **environment: str) -> None:
        """Run a file with psql."""
        done = subprocess.run(
            [self.psql, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", file, url],
            env={"PATH": os.environ["PATH"], **environment},
            text=True,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def create(self) -> None:
        """Create the roles and the database."""
        self.run(f"{self.administrator}/postgres", SQL / "roles.sql", **PASSWORDS)

    def grant(self) -> None:
        """Grant the renderers what they need, as the owner."""
        self.run(self.owner, SQL / "renderer.sql")

    def grant_as_before(self, file: Path) -> None:
        """Grant what a version without device use and provider jobs granted.

        Args:
            file: where to write its statements.
        """
        before, _, rest = (SQL / "renderer.sql").read_text().partition("-- Device use is only added")
        before, _, between = before.partition("-- A renderer submits no provider jobs.")
        between = between[between.index("GRANT UPDATE (waiting") :]
        file.write_text(before + between + rest[rest.index("-- The driver reads these columns") :])
        self.run(self.owner, file)


@contextmanager
def server() -> Iterator[Roles]:
    """Start a server with the roles and an empty catalogue database."""
    binaries = postgres.find_binaries()
    if binaries is None or not (binaries / "psql").is_file():
        missing_service("PostgreSQL with psql (Debian's package postgresql)")
    with postgres.running(binaries, administrator="postgres") as running:
        place = running.url.partition("@")[2]
        urls = [f"postgresql://{role}@{place}/reelmill" for role in (OWNER, RENDERER)]
        roles = Roles(binaries / "psql", running.url, *urls)
        roles.create()
        yield roles
