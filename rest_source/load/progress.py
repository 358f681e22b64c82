"""What a load starts from: how far its endpoint has been read, and the rows of its parent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from rest_source.extract.slices import Known, parent_fields
from rest_source.extract.stream import PageStream
from rest_source.load.destination import Destination
from rest_source.load.dialect import Session
from rest_source.load.parents import rows_of_query, rows_of_table
from rest_source.load.past_loads import loaded_partitions
from rest_source.load.relation import Table
from rest_source.load.spellings import spellings
from rest_source.load.system import cursors
from rest_source.load.view import chosen_columns, newest
from rest_source.spec.parent import Parent

_TOLD = 5
PARENTS = "__parents"
"""The scope under which the cursors have when the newest parent was loaded that was asked for (epoch ms)."""


def known_of(stream: PageStream, destination: Destination) -> Known:
    """What the destination knows; a full refresh starts from nothing."""
    endpoint = stream.endpoint
    if not (endpoint.incremental or endpoint.parent):
        return Known({}, only=stream.known.only)
    keeps = endpoint.incremental is not None or (endpoint.parent is not None and endpoint.parent.changed)
    with destination.reading() as session:
        kept = cursors(session, stream.source.name, endpoint.name) if keeps and not stream.full_refresh else {}
        known = replace(_freed(stream, kept), only=stream.known.only)
        return _with_parents(stream, session, known, endpoint.parent) if endpoint.parent else known


def _freed(stream: PageStream, kept: Mapping[str, tuple[Any, datetime]]) -> Known:
    """The cursors; instead of one in the future, which an earlier release would keep, the time of its load."""
    increments, known, stuck = stream.increments, {}, {}
    for scope, (cursor, loaded_at) in kept.items():
        known[scope] = cursor
        if increments is not None and scope != PARENTS and increments.is_stuck(cursor, stream.now):
            known[scope], stuck[scope] = increments.values.rewritten(cursor, loaded_at), cursor
    return Known(known, stuck=stuck)


def _with_parents(stream: PageStream, session: Session, known: Known, parent: Parent) -> Known:
    asked, scope = parent_fields(stream.endpoint), stream.scope
    if parent.query is not None:
        return replace(known, parents=rows_of_query(session, parent.query, asked, parent.include, scope))
    if parent.endpoint is None:
        return known
    table = Table.of(stream.source.name, parent.endpoint)
    since = int(known.cursors.get(PARENTS, 0)) if parent.changed and known.only is None else 0
    last = newest(session, table) if parent.changed else None  # before the rows: what comes between comes again
    keys = _shared_partitions(stream, session, table, parent.endpoint)
    rows = rows_of_table(session, table, asked, parent.include, parent.where, scope, since, keys)
    columns = zip(asked, chosen_columns(session.columns(table), asked), strict=True) if asked and rows else ()
    spelled = {field: spellings(session, table, column.name) for field, column in columns}
    return replace(known, parents=rows, newest_parent=last, spelled=spelled)


def _shared_partitions(stream: PageStream, session: Session, table: Table, parent: str) -> tuple[str, ...] | None:
    """The partitions of a parent that has the same as its child: those of this load, as the child's rows go by them.

    None, for the rows of all, where some were loaded for a range at once and belong to none of its partitions alone.
    Partitions of the parent that were never loaded are told.
    """
    own = stream.endpoint.partitions_def
    theirs = next((other.partitions_def for other in stream.source.endpoints if other.name == parent), None)
    loaded = loaded_partitions(session, table) if stream.partition and own and own == theirs else ()
    if stream.partition is None or own is None or own != theirs or any("..." in key for key in loaded):
        return None
    keys = stream.partition.covered or (stream.partition.key,)
    if missing := [key for key in keys if key not in loaded]:
        told = ", ".join(missing[:_TOLD]) + (", …" if len(missing) > _TOLD else "")
        stream.warnings.append(
            f"Partitions of the parent `{parent}` were never loaded, so nothing was asked for there: {told}."
        )
    return keys
