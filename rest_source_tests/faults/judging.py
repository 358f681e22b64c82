"""Loads of drawn cases, and the verdict on them: right, told, or wrong without a word."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from rest_source.demo.server import Reply
from rest_source.errors import RestSourceError
from rest_source.orchestrate import verdict
from rest_source.orchestrate.load_checks import judge_complete
from rest_source.orchestrate.table_checks import judge_duplicates
from rest_source.spec.source import SourceSpec
from rest_source_tests.fakes import Api
from rest_source_tests.fakes.drawn import Answered
from rest_source_tests.fakes.fitting import Case
from rest_source_tests.fakes.reading import read
from rest_source_tests.loading import Warehouse, source_spec

MAX_PAGES = 30
BROKEN = 503
_LOADS = count()


@dataclass(frozen=True, slots=True)
class Judged:
    """What a load came to: the ids in the rows of its table, and why it is not green, if it is not.

    `told` are its error with the remedy, its warnings, and what the checks `complete` and `duplicates` would say.
    """

    rows: list[Any]
    told: tuple[str, ...]
    log: list[Answered]

    def holds(self, records: Sequence[int]) -> bool:
        """Whether the table has these records, and each once."""
        return Counter(self.rows) == Counter(records)


def load(api: Api, case: Case, concurrency: int = 1) -> Judged:
    """Read a case as a run does, and put its records into a table as the destinations do."""
    return load_together(api, [case], concurrency)


def load_together(api: Api, cases: Sequence[Case], concurrency: int = 1) -> Judged:
    """Read the APIs of several cases by the file of the first: one series for each, if there are several."""
    path, log = _serve(api, cases)
    case, limits = cases[0], {"concurrency": concurrency, "max_pages": MAX_PAGES}
    parts = {"path": f"{path}/{{parent.part}}", "parent": {"values": {"part": [*range(len(cases))]}}}
    try:
        result = read(api.url, {**case.endpoint, **(parts if len(cases) > 1 else {"path": f"{path}/0"})}, limits=limits)
    except RestSourceError as error:
        return Judged([], _texts(path, str(error), error.remedy), log)
    stream, rows = result.stream, result.records
    differs = stream.total_reported is not None and stream.total_reported != stream.returned
    drifted = f"{stream.total_reported} records announced, {stream.returned} read" if differs else ""
    keys, doubled = [_key(case, record) for record in rows], ""
    if case.endpoint["write"] == "merge":
        rows = [*dict(zip(keys, rows, strict=True)).values()]
    elif len(set(keys)) < len(keys):
        doubled = "a key stands in more than one row"
    ids = [record.get("id", "no id") for record in rows]
    return Judged(ids, _texts(path, *stream.warnings, stream.shortfall, drifted, doubled), log)


def load_into(warehouse: Warehouse, api: Api, case: Case, breaks_after: int | None = None) -> Judged:
    """Load a case into a table of its own, and ask its checks; resumed where the API breaks after so many requests."""
    path, log = _serve(api, [case])
    keys = {**case.endpoint, "path": f"{path}/0", "name": path[1:].replace("-", "_")}
    source = {"limits": {"retries": 0, "max_pages": MAX_PAGES, "concurrency": 1}}
    whole = api.handler
    api.handler = lambda call: Reply(status=BROKEN) if len(log) == breaks_after else whole(call)
    try:
        try:
            outcome = warehouse.load_from(api.url, source=source, **keys)
        except RestSourceError as error:
            if error.status != BROKEN:
                raise
            api.handler = whole
            outcome = warehouse.load_from(api.url, source=source, **keys)
    except RestSourceError as error:
        return Judged([], _texts(path, str(error), error.remedy), log)
    said = checked(warehouse, source_spec(api.url, source=source, **keys))
    table = f"shop.{keys['name']}"
    ids = warehouse.values("id", table) if "id" in warehouse.types("shop", keys["name"]) else []
    ids += ["no id"] * (len(warehouse.table(table)) - len(ids))
    return Judged(["no id" if id_ is None else id_ for id_ in ids], _texts(path, *outcome.warnings, *said), log)


def checked(warehouse: Warehouse, source: SourceSpec) -> list[str]:
    """What the checks `complete` and `duplicates` find wrong after a load."""
    case = verdict.Case(warehouse.destination, source, source.endpoints[0], str)
    return [wrong for judge in (judge_complete, judge_duplicates) if (wrong := judge(case).wrong)]


def _serve(api: Api, cases: Sequence[Case]) -> tuple[str, list[Answered]]:
    """Serve cases below a path of their own: requests ahead that an earlier load has dropped may still come."""
    log, path = list[Answered](), f"/records-{next(_LOADS)}"
    handlers = {f"{path}/{place}": case.api.handler(log) for place, case in enumerate(cases)}
    nothing_there = Reply(status=404)
    api.serve(lambda call: handlers[call.path](call) if call.path in handlers else nothing_there)
    return path, log


def _texts(path: str, *texts: str | None) -> tuple[str, ...]:
    return tuple(text.replace(path[1:], "records") for text in texts if text)


def _key(case: Case, record: dict[str, Any]) -> Any:
    return record.get("id") if "primary_key" in case.endpoint else str(record)


def is_fine(case: Case, judged: Judged) -> bool:
    """Whether the table is right, or the load tells that it may not be, or nothing could have told it."""
    if judged.told or judged.holds(case.records):
        return True
    if case.misfit == "a higher root":  # given away by any list of objects in the place of a record
        return not any(item is not None for answered in judged.log for item in answered.items)
    if not {*judged.rows} <= {*case.records}:
        return False
    doubled = max(Counter(judged.rows).values(), default=0) > 1
    return are_all_different(case) if doubled else is_undetectable(case, judged.log)


def is_undetectable(case: Case, log: Sequence[Answered]) -> bool:
    """Whether nothing that the API has sent gives away that records are missing.

    It gives it away if it sent an error in the place of records, or a page again that the file does not allow; if the
    newest total that it announced is more than it was asked for; or if its last page said that more was to come.
    (Where that page is empty, and others were not or the file says that it is the end, a token or URL says nothing:
    some APIs never stop naming a next page; nor does it where the API then answers with no page at all.) Where nothing
    is at page 0, the program has to look at page 1.
    """
    sent = [item["id"] for answered in log for item in answered.items if item is not None]
    items = sent if are_all_different(case) else {*sent}
    nulls = sum(item is None for answered in log for item in answered.items)
    ends_when_empty = "stop_on_empty_page" in case.endpoint["pagination"]
    allows_twins = case.endpoint["pagination"].get("repeated_pages") == "allow"
    last = next((answered for answered in reversed(log) if answered.is_page), Answered())
    return not (
        any(answered.error for answered in log)
        or (_has_twins(log) and not are_all_different(case) and not allows_twins)
        or last.more
        or (last.leads and log[-1].is_page and (bool(last.items) or (not sent and not nulls and not ends_when_empty)))
        or _newest([answered.total for answered in log]) > len(items) + nulls
        or _newest([answered.pages for answered in log]) > len(log)
        or (case.begins_too_early and not items and set(case.api.slots[: case.api.size]) & {*"ab0"})
    )


def _newest(counts: Sequence[int | None]) -> int:
    return next((count for count in reversed(counts) if count is not None), 0)


def _has_twins(log: Sequence[Answered]) -> bool:
    pages = [str([item and item["id"] for item in answered.items]) for answered in log if any(answered.items)]
    return len(set(pages)) < len(pages)


def are_all_different(case: Case) -> bool:
    """Whether a record that is sent twice is another one to the program: a field of it changes, and it has no key."""
    return case.api.ticks and "primary_key" not in case.endpoint and "exclude" not in case.endpoint
