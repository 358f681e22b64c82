"""The paginator IO manager: drains a lazy PageStream page by page into the spool, then commits it."""

import os
import re
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field

from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.errors import Mask
from rest_source.load.destination import Destination
from rest_source.load.destinations import DEFAULT_URL, POSTGRES, open_destination
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load
from rest_source.load.relation import Table
from rest_source.load.state import state_directory
from rest_source.orchestrate.computed import in_run, store_computed
from rest_source.orchestrate.failures import explained, shown_on, terminable
from rest_source.orchestrate.metadata import load_metadata
from rest_source.orchestrate.partitioned import load_partitions
from rest_source.orchestrate.unjudged import checks_keep_their_verdicts
from rest_source.orchestrate.upstream import upstream_partitions

IO_MANAGER_KEY = "paginator_io_manager"


class PaginatorIOManager(dg.ConfigurableIOManager):
    """Stores the pages of an endpoint, or the DataFrame of another asset, as a table, and hands it downstream.

    Downstream, `load_input` gives a pandas DataFrame, or a `pyarrow.Table` where the parameter is annotated so, of the
    partitions that the asset depends on; `AssetIn(metadata={"columns": [...]})` selects columns.
    """

    destination: Annotated[str | None, Field(description="URL; REST_SOURCE_DESTINATION if left out.")] = None
    come_back: Annotated[
        bool, Field(description="Whether a step whose API asks to wait longer than `max_wait` starts again after that.")
    ] = True

    @property
    def url(self) -> str:
        """The destination configured, else REST_SOURCE_DESTINATION, else a DuckDB file in `data/`."""
        return self.destination or os.environ.get("REST_SOURCE_DESTINATION") or DEFAULT_URL

    @property
    def storage_kind(self) -> str:
        """`duckdb` or `postgresql`, told from the URL without opening anything."""
        scheme = self.url.partition(":")[0]
        return "postgresql" if scheme in POSTGRES else scheme

    @property
    def shown_url(self) -> str:
        """The URL as it may be shown: without a password."""
        return without_password(self.url)

    def open(self) -> Destination:
        """The destination itself."""
        return open_destination(self.url)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Load a stream, or write the DataFrame or Arrow table of an asset that is no endpoint.

        Nothing is visible in the destination before all of it is. Of a partitioned endpoint each partition is a load
        of its own.
        """
        if isinstance(obj, PageStream):
            self._load(context, obj)
        else:
            with explained(say=context.log.error):
                store_computed(context, obj, self.open(), _run_id(context) if in_run(context) else "")

    def _load(self, context: dg.OutputContext, stream: PageStream) -> None:
        failed: dict[str, Any] = {}
        known, say = (lambda: {**stream.facts(), **failed}), context.log.error
        where = f"{stream.source.name}.{stream.endpoint.name}"
        as_failure = explained(known, self.come_back, stream.session.clean, say, where)
        step = context.step_context
        unjudged = checks_keep_their_verdicts(step, context.asset_key)
        shown = shown_on(context.asset_key, context.log_event)
        with unjudged, shown, terminable(step, stream.session.stop), as_failure:
            if context.has_asset_partitions and stream.endpoint.partitions_def is None:
                raise _partitions_elsewhere(stream)
            destination = self.open()
            load = partial(
                run_load,
                destination=destination,
                state=state_directory(),
                report=context.log.info,
                run_id=_run_id(context),
            )
            table = Table.of(stream.source.name, stream.endpoint.name)
            describe = partial(told, context, destination, table, stream.session.mask)
            if stream.endpoint.partitions_def is None:
                context.add_output_metadata(describe(load(stream)))
            else:
                load_partitions(context, stream, load, describe, failed)

    def load_input(self, context: dg.InputContext) -> Any:
        """The table of the upstream asset, or its rows of the partitions that are asked for."""
        columns = (context.definition_metadata or {}).get("columns")
        with explained(say=context.log.error):
            destination, table = self.open(), Table.of_key(context.asset_key.path)
            rows = destination.read(table, columns, upstream_partitions(context, destination, table))
        import pyarrow as pa

        return rows if context.dagster_type.typing_type is pa.Table else to_pandas(rows)


def told(
    context: dg.OutputContext, destination: Destination, table: Table, mask: Mask, outcome: LoadOutcome
) -> dict[str, Any]:
    """The metadata of a load, whose warnings go to the log."""
    for warning in outcome.warnings:
        context.log.warning(mask(f"{outcome.partition}: {warning}" if outcome.partition else warning))
    return load_metadata(outcome, destination, table, mask)


def _run_id(context: dg.OutputContext) -> str:
    return attempt_id(context.step_context.dagster_run, context.step_context.instance)


def _partitions_elsewhere(stream: PageStream) -> RestSourceError:
    name = f"{stream.source.name}.{stream.endpoint.name}"
    return RestSourceError(
        "partitions_elsewhere",
        f"{name} is partitioned in Dagster, but not in its file: each partition would load the same.",
        cause="`partitions_def` was added to the asset by `post_processing`, `get_asset_spec` or `map_asset_specs`.",
        remedy="Write `partitions_def` in the endpoint instead, with {partition.start} or the like in its request.",
    )


def without_password(url: str) -> str:
    """A URL with `***` for its password, which may itself hold `@`, `/`, `?` or `#`; parameters are left out."""
    parts = urlsplit(url)
    if not parts.netloc:  # a path may hold any of these too
        return url
    credentials, at, place = url.partition("://")[2].rpartition("@")
    user, colon, _ = credentials.partition(":")
    # An @ may stand in a parameter too, beside one that holds the password.
    user, place = (re.split("[?&]", text)[0] for text in (user, place))
    return f"{parts.scheme}://{user}{colon and ':***'}{at}{place}"


def attempt_id(run: dg.DagsterRun, instance: dg.DagsterInstance) -> str:
    """The id that all attempts at one run share: that of the run which is no retry of another.

    A run that a person starts again from a run that succeeded is no retry.
    """
    while run.parent_run_id and _is_retry(run):
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            return run.parent_run_id
        run = parent
    return run.run_id


def _is_retry(run: dg.DagsterRun) -> bool:
    resumes = ("dagster/is_resume_retry", "dagster/is_asset_resume_retry")
    return "dagster/retry_number" in run.tags or any(run.tags.get(tag) == "true" for tag in resumes)


def to_pandas(table: Any) -> Any:
    """An Arrow table as a DataFrame whose integers and booleans survive nulls."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=nullable.get)


PAGINATOR_IO_MANAGER = PaginatorIOManager()
"""One object for all sources: Definitions merge only where equal keys hold the same object."""
