"""Databases on the PostgreSQL server of the tests, each for one test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


@contextmanager
def database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a new copy of a template database, and drop the copy afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield f"{server_url}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
