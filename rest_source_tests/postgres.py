"""A real PostgreSQL for tests: the server named by REST_SOURCE_TEST_POSTGRES, or one from a pip wheel."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg.types.string import TextLoader

from rest_source.demo.postgres import embedded_postgres

_SCHEMAS = "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a database on a running server, made for the tests."""
    if url := os.environ.get("REST_SOURCE_TEST_POSTGRES"):
        yield from _database(url)
        return
    with embedded_postgres(durable=False) as server:
        yield from _database(server.url)


def _database(url: str) -> Iterator[str]:
    name = f"rest_source_test_{uuid4().hex[:8]}"
    made = make_database(url, name)
    try:
        yield made
    finally:
        with psycopg.connect(url, autocommit=True) as con:
            con.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def make_database(url: str, name: str) -> str:
    """The URL of an empty database beside another."""
    with psycopg.connect(url, autocommit=True) as con:
        con.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        con.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def clear(url: str) -> None:
    """Remove all that loads have made."""
    with psycopg.connect(url, autocommit=True) as con:
        for (schema,) in con.execute(_SCHEMAS.encode()).fetchall():
            con.execute(f"DROP SCHEMA {schema} CASCADE".encode())


class _CompactJson(TextLoader):
    """JSON as DuckDB shows it."""

    def load(self, data: Any) -> str:
        return re.sub(r'("(?:[^"\\]|\\.)*")|([,:]) ', r"\1\2", bytes(data).decode())


def rows(url: str, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query whose parameters are marked by `?`, with JSON as text."""
    with psycopg.connect(url) as con:
        con.adapters.register_loader("jsonb", _CompactJson)
        con.adapters.register_loader("json", _CompactJson)
        con.adapters.register_loader("numeric", TextLoader)  # as DuckDB holds what is too long for a number
        con.execute("SET TimeZone = 'UTC'")
        query = (sql.replace("?", "%s").encode(), parameters) if parameters else (sql.encode(), None)
        return con.execute(*query).fetchall()


def execute(url: str, sql: str) -> None:
    """Run a statement as another program would."""
    with psycopg.connect(url, autocommit=True) as con:
        con.execute(sql.encode())
