"""What a destination is to the rest of the program."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from rest_source.extract.page import FailedRequest
from rest_source.load.dialect import Session
from rest_source.load.relation import Table, TableColumn
from rest_source.load.stage import Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from rest_source.load.frames import Frame, Stored

Announce = Callable[[str], None]


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class TableView:
    """A table as a commit left it: all its columns, and as texts the first characters of the rows read last."""

    columns: tuple[TableColumn, ...] = ()
    preview: tuple[tuple[str | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What is to be written, how, and what the extraction did; the stage holds the rows.

    `marks_deleted` says that rows which are not among them have gone from the API; of `suspects` only, by `__hevo_id`,
    if they are given. A load that `seeks_suspects` finds them for a second look. `siblings` names the tables of the
    source's endpoints. With `retries_rejected` the stage holds all records of the endpoint, or of its `partition`, that
    were rejected so far, which give way to rows that were read later. A load of a `partition` takes the place of the
    partitions it `covered`. `cursors` are to be kept by their scopes, those of `forgotten` scopes no longer, and
    `failed` requests until their parents are among the `asked_parents` of a later load (None asks for all).
    `asked_fields` are those that the requests of its children name. `records_returned` counts what the API returned, of
    which the data root may select a part, and `shortfall` says what it announced beyond that.
    """

    load_id: str
    source: str
    endpoint: str
    write: Literal["merge", "append", "replace"]
    schema_change: Literal["evolve", "freeze", "ignore"] = "evolve"
    marks_deleted: bool = False
    suspects: frozenset[str] | None = None
    seeks_suspects: bool = False
    siblings: tuple[str, ...] = ()
    retries_rejected: bool = False
    partition: str = ""
    covered: tuple[str, ...] = ()
    cursors: Mapping[str, Any] = field(default_factory=dict)
    forgotten: tuple[str, ...] = ()
    failed: tuple[FailedRequest, ...] = ()
    asked_parents: tuple[Mapping[str, Any], ...] | None = None
    asked_fields: tuple[str, ...] = ()
    run_id: str = ""
    started_at: int = 0
    pages: int = 0
    requests: int = 0
    bytes: int = 0
    stop_reason: str = ""
    total_reported: int | None = None
    records_returned: int | None = None
    shortfall: str | None = None


COUNTS = (
    *("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_deleted", "rows_rejected"),
    *("rows_merged", "rows_moved", "rows_united", "rows_shared"),
)
"""The counts of a commit that add up over the loads of a table."""


@dataclass(frozen=True)
class CommitResult:
    """What a commit did to its table.

    `row_count` is the table's size afterwards, `partition_rows` that of its partition; child tables have theirs.
    `rows_merged` counts records that gave way to a newer one of their key though they differ, with some of these keys
    as `merged_sample` and the fields that would tell them apart as `identity`; `rows_moved` rows that were taken out of
    other partitions, `rows_united` rows of the table that are gone as another one has their key,
    `rows_shared` records that are no rows of their own as another parent gave an equal one.

    `view`, the table itself, and `suspects`, the ids of rows that may be gone, are no fields: the fields are reported
    as they are.
    """

    view = TableView()
    suspects = frozenset[str]()

    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_deleted: int = 0
    rows_rejected: int = 0
    rows_merged: int = 0
    rows_moved: int = 0
    rows_united: int = 0
    rows_shared: int = 0
    row_count: int = 0
    partition_rows: int | None = None
    columns_added: tuple[str, ...] = ()
    columns_widened: tuple[str, ...] = ()
    columns_ignored: tuple[str, ...] = ()
    columns_missing: tuple[str, ...] = ()
    reject_reasons: tuple[str, ...] = ()
    merged_sample: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    child_tables: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage) -> "CommitResult":
        """What is known of a load before it is committed."""
        return cls(
            rows_read=stage.read,
            rows_rejected=stage.rejected,
            rows_merged=stage.merged.rows,
            rows_shared=stage.merged.shared,
            reject_reasons=stage.reasons,
            merged_sample=stage.merged.sample,
            identity=stage.merged.identity,
        )

    def plus(self, later: "CommitResult") -> "CommitResult":
        """This commit and a later one to the same table, counted together."""
        together = replace(
            later,
            columns_added=(*self.columns_added, *later.columns_added),
            columns_widened=(*self.columns_widened, *later.columns_widened),
            columns_ignored=tuple(dict.fromkeys((*self.columns_ignored, *later.columns_ignored))),
            reject_reasons=tuple(dict.fromkeys((*self.reject_reasons, *later.reject_reasons))),
            merged_sample=(*self.merged_sample, *later.merged_sample),
            identity=later.identity or self.identity,
            **{count: getattr(self, count) + getattr(later, count) for count in COUNTS},
        )
        return together.showing(later.view)

    def showing(self, view: TableView) -> "CommitResult":
        """This result with a view of the table."""
        result = replace(self)
        object.__setattr__(result, "view", view)
        object.__setattr__(result, "suspects", self.suspects)
        return result

    def suspecting(self, ids: frozenset[str]) -> "CommitResult":
        """This result with rows that were not returned."""
        object.__setattr__(self, "suspects", ids)
        return self


@dataclass(frozen=True, slots=True)
class CommittedLoad:
    """A row of `_rest_source.loads`; `at` is when it was committed, and a partition is `""` where none is told."""

    load_id: str
    result: CommitResult
    pages: int
    stop_reason: str
    total_reported: int | None
    records_returned: int | None = None
    shortfall: str | None = None
    partition: str = ""
    at: datetime = datetime.min


@dataclass(frozen=True, slots=True)
class LastLoad:
    """When an endpoint, or a partition of it, was loaded last; a partition is `""` where none is told."""

    endpoint: str
    partition: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record of `_rest_source.rejected_records`: its JSON, when it was read (epoch ms), and its partition, if any."""

    record: str
    ingested_at: int
    partition: str = ""


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """How a table has changed: what each load added or widened, oldest first, with its time and partition.

    The loads that made the table, those of one run, are left out.
    """

    changes: tuple[tuple[datetime, str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """What stands in a table more often than it should.

    `repeated_keys` and `null_keys` break the configured key. With the default key, `identity` names the
    columns that identify a record, by their names if it `is_sure`, `entities` how many records stand in more than one
    row, `sample` some of them with their number of rows. With a key of its own, `alike` counts rows that have the key
    of another of the same load, where so many do that it identifies no record, and `identity` names what would.
    """

    rows: int
    repeated_keys: int = 0
    null_keys: int = 0
    identity: tuple[str, ...] = ()
    entities: int = 0
    sample: tuple[tuple[str, int], ...] = field(default=())
    is_sure: bool = False
    alike: int = 0


class Destination(Protocol):
    """Where tables live. Every method opens and closes its own connection."""

    @property
    def kind(self) -> str:
        """The kind of storage, as Dagster calls it."""
        ...

    @property
    def uri(self) -> str:
        """What tells this destination from every other, without a password."""
        ...

    def commit(self, stage: Stage, load: LoadFacts, announce: Announce) -> CommitResult:
        """Write a staged load and its record in one transaction; `announce` tells for whom it waits.

        The time is taken once: `__hevo__loaded_at` of every row written is the load's `committed_at`, and tells
        the loads of a table apart. Nothing fails once the rows are in: a view that cannot be had is empty.
        """
        ...

    def find_load(
        self,
        source: str,
        endpoint: str,
        announce: Announce = silent,
        *,
        load_id: str | None = None,
        run_id: str | None = None,
        partition: str | None = None,
    ) -> CommittedLoad | None:
        """The newest committed load of an endpoint, of that id, that run or that partition if one is given."""
        ...

    def read(self, table: Table, columns: Sequence[str] | None, partitions: Sequence[str] | None = None) -> "pa.Table":
        """The rows of a table, in the given columns or all, those of some partitions or all."""
        ...

    def store(self, frame: "Frame", announce: Announce) -> "Stored":
        """Write the rows that an asset computed, and their record, in one transaction."""
        ...

    def duplicates(self, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
        """Repeated and null keys; with the default key, records that stand in several rows."""
        ...

    def rejected(self, source: str, endpoint: str) -> AbstractContextManager[Iterator[RejectedRecord]]:
        """The records of an endpoint that were rejected, partition by partition, those read first at the head."""
        ...

    def reading(self) -> AbstractContextManager[Session]:
        """A session for what is only read: system tables, tables and queries; without a load it finds none."""
        ...

    def full_name(self, table: Table) -> str:
        """The table's name with schema and database."""
        ...
