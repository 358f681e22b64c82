"""What a commit does in any destination, in the order in which it does it."""

import time
from dataclasses import replace

from rest_source.load.children import Children, has_shape
from rest_source.load.destination import CommitResult, LoadFacts
from rest_source.load.dialect import Session
from rest_source.load.owners import refuse_endpoint
from rest_source.load.relation import Table
from rest_source.load.spellings import record_spellings
from rest_source.load.stage import Stage
from rest_source.load.system import record_load, record_progress, widenings
from rest_source.load.table import described, evolve
from rest_source.load.values import types_before_text
from rest_source.load.write import Writer


def write_load(session: Session, stage: Stage, load: LoadFacts) -> CommitResult:
    """Write a staged load and its record in the session's open transaction."""
    table, dialect = Table.of(load.source, load.endpoint), session.dialect
    refuse_endpoint(session, table)
    if not has_shape(session, table):  # the first records give it one, whatever the file forbids later
        load = replace(load, schema_change="evolve")
    keeps_rows = load.write != "replace" or bool(load.partition)
    evolution = evolve(session, table, stage.tables[0], load.schema_change, stage.key, keeps_rows, bool(load.partition))
    types = {sql: dialect.column_type(sql) for sql in dialect.types.values()}
    before = types_before_text([*widenings(session, table), *described(evolution, dialect)], types)
    staged = session.staged(stage, stage.tables[0], evolution.target, before)
    loaded_at = int(time.time() * 1000)
    result = Writer(session, table, stage, evolution, staged, loaded_at, load.partition).write(load)
    record_spellings(session, table, stage, evolution, before, load.asked_fields)
    suspects = result.suspects
    result = Children(session, table, stage, load, loaded_at).write(result).suspecting(suspects)
    record_load(session, load, stage, staged, result, loaded_at)
    record_progress(session, load, loaded_at)
    return result
