"""Loads for tests: records served over HTTP and loaded end to end, or spooled and committed directly."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.extract.columns import Columns
from rest_source.extract.document import parse
from rest_source.extract.page import Next, Page, PageRequest, Stop, journalled
from rest_source.extract.records import encode
from rest_source.extract.spool import Spool, SpooledLoad
from rest_source.extract.stream import PageStream
from rest_source.http.request import Answer
from rest_source.http.session import ApiSession
from rest_source.load.destination import CommitResult, Destination, LoadFacts
from rest_source.load.destinations import open_destination
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load
from rest_source.load.relation import Table
from rest_source.load.schema import Shape
from rest_source.load.stage import Stage
from rest_source.load.stager import Stager
from rest_source.load.staging import build_stage
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec
from rest_source_tests import postgres

METADATA = {
    "__hevo_id": "VARCHAR",
    "__hevo__ingested_at": "BIGINT",
    "__hevo__loaded_at": "BIGINT",
    "__hevo__marked_deleted": "BOOLEAN",
}
PageBody = Sequence[Any] | bytes | Reply
"""A page: its records, their JSON text as the API sends it, or the whole answer."""


def page_reply(page: PageBody, number: int, last: bool) -> Reply:
    """The answer that holds a page and the number of the next one."""
    if isinstance(page, Reply):
        return page
    body = page if isinstance(page, bytes) else json.dumps(page).encode()
    following = b"null" if last else b"%d" % (number + 1)
    return Reply(b'{"records":' + body + b',"next":' + following + b"}", headers={"Content-Type": "application/json"})


@contextmanager
def serve(*pages: PageBody) -> Iterator[LoopbackServer]:
    """An API whose endpoint has these pages."""

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        return page_reply(pages[number - 1], number, number == len(pages))

    with LoopbackServer(answer) as server:
        yield server


def source_spec(url: str, *, source: dict[str, Any] | None = None, **endpoint: Any) -> SourceSpec:
    """A source `shop` with one endpoint `orders`, both as the given keys change them."""
    given = {
        "name": "orders",
        "path": "/orders",
        "data_root": "$.records",
        "pagination": {"type": "cursor", "value": "$.next", "param": "page"},
        **endpoint,
    }
    keys = {"name": "shop", "base_url": url, "limits": {"retries": 0}, **(source or {})}
    return SourceSpec.model_validate({**keys, "endpoints": [given]})


@contextmanager
def open_stream(spec: SourceSpec, environment: Environment | None = None) -> Iterator[PageStream]:
    """The stream of the first endpoint, with a session of its own."""
    environment = environment or Environment({})
    with ApiSession(spec, environment) as session:
        yield PageStream(spec, spec.endpoints[0], session, environment)


@dataclass(slots=True)
class Warehouse:
    """A DuckDB file, or the PostgreSQL database of a URL, and a state directory; remembers what was reported."""

    folder: Path
    file_name: str = "warehouse.duckdb"
    said: list[str] = field(default_factory=list)
    postgres: str = ""

    @property
    def path(self) -> Path:
        return self.folder / self.file_name

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def destination(self) -> Destination:
        return open_destination(self.url)

    @property
    def url(self) -> str:
        return self.postgres or f"duckdb:///{self.path}"

    def beside(self, name: str) -> "Warehouse":
        """Another warehouse of the same kind, with the same state directory."""
        if not self.postgres:
            return Warehouse(self.folder, f"{name}.duckdb")
        own = f"{self.postgres.rpartition('/')[2]}_{name}"  # on a server that other processes of the tests may use
        return Warehouse(self.folder, postgres=postgres.make_database(self.postgres, own))

    def load(self, *pages: PageBody, **spec: Any) -> LoadOutcome:
        """Load an endpoint end to end, over HTTP."""
        with serve(*pages) as server:
            return self.load_from(server.url, **spec)

    def load_from(self, url: str, *, full_refresh: bool = False, **spec: Any) -> LoadOutcome:
        with open_stream(source_spec(url, **spec)) as stream:
            stream.full_refresh = full_refresh
            return run_load(stream, self.destination, self.state, report=self.said.append)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if self.postgres:
            return postgres.rows(self.postgres, sql, list(parameters))
        with duckdb.connect(str(self.path), read_only=True) as con:
            con.execute("SET TimeZone = 'UTC'")
            return con.execute(sql, list(parameters)).fetchall()

    def execute(self, sql: str) -> None:
        """What another program does to the tables."""
        if self.postgres:
            postgres.execute(self.postgres, sql)
        else:
            with duckdb.connect(str(self.path)) as con:
                con.execute(sql)

    def table(self, table: str = "shop.orders") -> list[tuple[Any, ...]]:
        """Every row with every column, in a stable order."""
        schema, _, name = table.partition(".")
        order = ", ".join(str(number) for number, _ in enumerate(self.types(schema, name), 1))
        return self.rows(f"SELECT * FROM {table} ORDER BY {order}")

    def values(self, column: str, table: str = "shop.orders") -> list[Any]:
        row_id = "ctid" if self.postgres else "rowid"
        return [row[0] for row in self.rows(f'SELECT "{column}" FROM {table} ORDER BY __hevo__loaded_at, {row_id}')]

    def types(self, schema: str = "shop", table: str = "orders") -> dict[str, str]:
        """Every column with its type as DuckDB calls it, in the table's order."""
        sql = (
            "SELECT column_name, upper(data_type) FROM information_schema.columns "
            "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position"
        )
        return {name: _IN_DUCKDB.get(type_, type_) for name, type_ in self.rows(sql, schema, table)}

    def columns_widened(self, *changes: str) -> tuple[str, ...]:
        """Changes of types, told in DuckDB's words, as this destination tells them."""
        if not self.postgres:
            return changes
        return tuple(change.replace("DOUBLE", "DOUBLE PRECISION").replace("VARCHAR", "TEXT") for change in changes)

    def business_types(self, schema: str = "shop", table: str = "orders") -> dict[str, str]:
        return {name: type_ for name, type_ in self.types(schema, table).items() if name not in METADATA}

    def comments(self, table: str = "orders") -> dict[str, str]:
        """The original name of every business column."""
        if self.postgres:
            sql = (
                "SELECT a.attname, replace(col_description(c.oid, a.attnum), '(empty name)', '') FROM pg_attribute a "
                "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname = ? "
                "AND col_description(c.oid, a.attnum) IS NOT NULL "
                "ORDER BY a.attnum"
            )
        else:
            sql = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? AND comment IS NOT NULL"
        return dict(self.rows(sql, table))

    def children(self, table: str) -> list[tuple[str, str]]:
        """The child tables right below a table, each with the field that held the array."""
        if self.postgres:
            sql = (
                "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
                "WHERE relkind = 'r' AND obj_description(oid, 'pg_class') LIKE '%: elements of %' ORDER BY oid"
            )
        else:
            sql = "SELECT table_name, comment FROM duckdb_tables() WHERE comment IS NOT NULL"
        paths = {name: json.loads(comment.partition(": elements of ")[2]) for name, comment in self.rows(sql)}
        return [(name, path[-1]) for name, path in paths.items() if path[:-1] == paths.get(table, [])]


_IN_DUCKDB = {
    "TEXT": "VARCHAR",
    "NUMERIC": "VARCHAR",
    "CHARACTER VARYING": "VARCHAR",
    "JSONB": "JSON",
    "DOUBLE PRECISION": "DOUBLE",
}


def spooled(folder: Path, load_id: str, pages: Sequence[PageBody], nested: str = "json") -> SpooledLoad:
    """A complete spool of these pages, without an API."""
    columns = Columns()
    with Spool.create(folder, load_id, {}) as spool:
        for number, page in enumerate(pages, 1):
            body = page if isinstance(page, bytes) else json.dumps(page).encode()
            document = parse(Answer(200, "http://api", {}, body), "", str)
            after = Stop("end") if number == len(pages) else Next(None, PageRequest())
            records = encode(document.value, columns, number, document.exact, nested)
            spool.append(Page(number, records, after, follows=journalled(after)), columns.take_changed())
        return spool.finish(columns)


def stage(load: SpooledLoad, **keys: Any) -> Stage:
    """The stage of a spool, by the defaults of an endpoint."""
    shape = Shape(keys.pop("nested", "json"), keys.pop("fixed", {}))
    options: dict[str, Any] = {"primary_key": (), "unique": True, "timezone": "UTC", **keys}
    return build_stage(load, **options, stager=Stager(load.directory, shape))


def commit(
    warehouse: Warehouse, number: int, pages: Sequence[PageBody], write: Any = "merge", **keys: Any
) -> CommitResult:
    """Spool, stage and commit pages to `shop.orders`; `number` sets apart the loads of one test."""
    load = spooled(warehouse.folder / "spool", f"load-{number}", pages, keys.get("nested", "json"))
    facts = LoadFacts(load.load_id, "shop", "orders", write)
    return warehouse.destination.commit(stage(load, unique=write != "append", **keys), facts, warehouse.said.append)


ORDERS = Table("shop", "orders")
