"""Whose a table is: its comment says so, unless it is the table of an endpoint."""

import json
from collections.abc import Sequence

from rest_source.errors import RestSourceError
from rest_source.load.dialect import Session
from rest_source.load.relation import Table
from rest_source.spec.base import shortened

OF_ASSET = "asset "
"""At the head of a comment, before the path of the key of an asset that is no endpoint."""
OF_ARRAY = ": elements of "
"""In a comment, between the table of an endpoint and the path of an array whose elements the table holds."""


def comment(session: Session, table: Table) -> str:
    """The comment of a table; empty where there is no table."""
    return dict(session.tables(table.schema)).get(shortened(table.name, session.dialect.longest_name), "")


def refuse_endpoint(session: Session, table: Table) -> None:
    """Refuse an endpoint a table that holds the elements of another one's arrays, or what an asset computed."""
    told = comment(session, table)
    holder, mark, _ = told.partition(OF_ARRAY)
    if mark:
        raise RestSourceError(
            "table_taken",
            f"The table {table.schema}.{table.name} holds elements of arrays of {holder}.",
            cause=f"`nested: split` of {holder} made it before this endpoint was there.",
            remedy="Give this endpoint another name, or drop the table and load both endpoints with --full-refresh.",
        )
    if told.startswith(OF_ASSET):
        raise _taken(table, _asset(told), "this endpoint")


def refuse_strangers(session: Session, table: Table, key: Sequence[str], writes: bool = False) -> None:
    """Refuse an asset the table of another one, whose key comes to the same names; one without an owner it may read."""
    told, asset = comment(session, table), f"the asset {'/'.join(key)}"
    if told == OF_ASSET + json.dumps(list(key)):
        return
    if told.startswith(OF_ASSET):
        raise _taken(table, _asset(told), asset)
    if writes and session.columns(table):
        raise _taken(table, "an endpoint or another program", asset)


def _asset(told: str) -> str:
    return f"the asset {'/'.join(json.loads(told.removeprefix(OF_ASSET)))}"


def _taken(table: Table, holder: str, other: str) -> RestSourceError:
    return RestSourceError(
        "table_taken",
        f"The table {table.schema}.{table.name} is that of {holder}, not of {other}.",
        cause="Both come to the same names in the destination.",
        remedy="Give one of the assets another key, or rename the table if nothing needs it any more.",
    )
