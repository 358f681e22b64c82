"""The checks `schema` and `duplicates`, which judge the table that loads have made."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rest_source.load.destination import CommittedLoad, DuplicateReport
from rest_source.load.key_remarks import again, key_remarks, written_key
from rest_source.load.relation import Table
from rest_source.orchestrate.markdown import as_text, code_span
from rest_source.orchestrate.verdict import NOTHING_LOADED, Case, Verdict, named
from rest_source.spec.endpoint import EndpointSpec

RECENT = timedelta(days=1)
"""For how long a change of columns is warned of; the last load's is, however old."""
_TOLD = 20


def judge_schema(case: Case) -> Verdict:
    """The columns of the table are as they were: none was added or got another type in the last loads or day."""
    if not case.loads:
        return NOTHING_LOADED
    since = min(*(load.at for load in case.loads), datetime.now(UTC) - RECENT)
    changes = [(at, key, [case.mask(text) for text in texts]) for at, key, texts in case.schema.changes]
    recent = [(at, f" ({key})" if key else "", ", ".join(texts)) for at, key, texts in changes if at >= since]
    told = "; ".join(f"since {at:%Y-%m-%d %H:%M} UTC{place}: {texts}" for at, place, texts in recent)
    missing = [case.mask(name) for name in _missing(case.loads)]
    right = "No column was added or got another type."
    if missing:
        right += f" Without a value in the last load: {', '.join(missing)}."
    figures = {
        "changes": {f"{at:%Y-%m-%dT%H:%M:%SZ}": texts for at, _, texts in changes[-_TOLD:]},
        "columns_missing": missing,
    }
    wrong = f"The columns of the table have changed, {told}. If a change is not wanted, see `schema_change`."
    return Verdict(wrong if recent else None, right, figures)


def _missing(loads: Sequence[CommittedLoad]) -> list[str]:
    """The columns for which no load had a value."""
    first, *others = (load.result.columns_missing for load in loads)
    return [name for name in first if all(name in other for other in others)]


def judge_duplicates(case: Case) -> Verdict:
    """No key is null or twice in the table, no record stands in several rows, and the key has merged no others."""
    table, endpoint, mask = Table.of(case.source.name, case.endpoint.name), case.endpoint, case.mask
    report = case.destination.duplicates(table, endpoint.primary_key)
    report = replace(report, sample=tuple((mask(value), rows) for value, rows in report.sample))
    remarks = [
        (load.partition, remark) for load in case.loads for remark in key_remarks(load.result, endpoint, code_span)
    ]
    wrong, soft = ([(key, r.text) for key, r in remarks if r.is_wrong == is_wrong] for is_wrong in (True, False))
    figures = {
        "rows": report.rows,
        "keys in several rows": report.repeated_keys,
        "rows without a key": report.null_keys,
        "records in several rows": report.entities,
        "fields that tell records apart": list(report.identity),
        "sample": dict(report.sample),
        "rows_merged": sum(load.result.rows_merged for load in case.loads),
        "rows_moved": sum(load.result.rows_moved for load in case.loads),
    }
    found = " ".join(filter(None, (mask(named(wrong, len(case.loads))), duplicates_found(report, endpoint))))
    right = " ".join(filter(None, (f"{report.rows} rows, no duplicates.", mask(named(soft, len(case.loads))))))
    return Verdict(found or None, right, figures)


def duplicates_found(report: DuplicateReport, endpoint: EndpointSpec) -> str | None:
    """What is wrong and what to do about it, or None; no advice takes a record away that has no other row."""
    key = as_text(", ".join(endpoint.primary_key) or "__hevo_id")
    sample = ", ".join(f"{as_text(value)} ({rows} rows)" for value, rows in report.sample)
    if report.null_keys == report.rows and report.rows:
        return f"No row has a value for {key}. Write a field that every record has as `primary_key`."
    if report.null_keys:
        return (
            f"{report.null_keys} rows have no {key}: they were loaded before it was the key, and no load will change "
            "them. Look at them in SQL, and delete those whose record has another row."
        )
    if report.repeated_keys:
        told = f"{report.repeated_keys} values of {key} stand in more than one row: {sample}."
        return f"{told} {_of_repeated(report, endpoint, key)}"
    return _of_entities(report, endpoint, sample) if report.entities else None


def _of_repeated(report: DuplicateReport, endpoint: EndpointSpec, key: str) -> str:
    if report.alike:
        told = f"{key} does not identify a record: {report.alike} of these rows were read by one load beside another. "
        if report.identity:
            return f"{told}Write {code_span(written_key(endpoint, report.identity))}, which tells them apart."
        return f"{told}Without `primary_key` each of them stays a row; leave it out."
    if endpoint.write == "append":
        return (
            "`write: append` keeps every read; where that is wanted write `checks: {duplicates: off}`, else "
            "`write: merge`, which keeps the newest."
        )
    return f"To make one row, the newest, of each that the API still returns, {again(endpoint)}."


def _of_entities(report: DuplicateReport, endpoint: EndpointSpec, sample: str) -> str:
    names = as_text(", ".join(report.identity))
    told = f"{report.entities} records stand in more than one row: {names} = {sample}."
    remedy = code_span(written_key(endpoint, report.identity))
    sure = "" if report.is_sure else f"If {names} identifies a record, "
    write = "write" if sure else "Write"
    if endpoint.write == "append":
        return (
            f"{told} `write: append` keeps every read; where that is wanted write `checks: {{duplicates: off}}`. "
            f"{sure}{write} {remedy} and `write: merge` to keep the newest."
        )
    why = "The records change between reads, and __hevo_id, the default key, changes with them."
    if endpoint.partitions_def:
        why = "They change between reads, or stand in several partitions."
    return (
        f"{told} {why} {sure}{write} {remedy}, so that a changed record updates its row, and {again(endpoint)} to "
        "drop the old rows of what is read again."
    )
