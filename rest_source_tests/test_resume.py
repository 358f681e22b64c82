"""A load that was interrupted is gone on with: no page is read twice, none is missed, nothing is committed twice."""

import json
import os
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.recovery import recover
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load
from rest_source.load.state import Retention
from rest_source_tests.loading import Warehouse, open_stream, source_spec

PAGES = 10
LIMITS = {"retries": 0, "concurrency": 1}


class Api:
    """Ten pages of two records by a cursor, of which one fails as long as `broken` names it."""

    def __init__(self) -> None:
        self.broken: int | None = None
        self.status = 500
        self.first = 0
        self.total: Any = None
        self.asked: list[int] = []

    def __call__(self, call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        self.asked.append(page)
        if page == self.broken:
            return Reply({"message": "no"}, status=self.status)
        records = [{"id": self.first + 2 * page + number, "since": call.arg("since")} for number in (0, 1)]
        follows = {"next": page + 1} if page < PAGES else {}
        return Reply({"records": records if page <= PAGES else [], "total": self.total, **follows})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def interrupted(warehouse: Warehouse, url: str, api: Api, page: int, **spec: Any) -> None:
    """Run a load until the page at which the API breaks, then mend the API."""
    api.broken = page
    with pytest.raises(RestSourceError):
        warehouse.load_from(url, **spec)
    api.broken = None
    api.asked.clear()


def ids(warehouse: Warehouse) -> list[int]:
    return [row[0] for row in warehouse.rows("SELECT id FROM shop.orders ORDER BY ALL")]


ALL = [2 * page + number for page in range(1, PAGES + 1) for number in (0, 1)]
COUNTED = {"type": "page_number", "total_records": "$.total"}


@pytest.mark.parametrize("page", [1, 2, 7, 10])
@pytest.mark.parametrize("pagination", [{}, {"pagination": {"type": "page_number"}}], ids=["cursor", "page_number"])
def test_the_next_run_goes_on_at_the_page_that_failed(
    warehouse: Warehouse, api: Api, page: int, pagination: dict[str, Any]
) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, page, write="append", **pagination)
        outcome = warehouse.load_from(server.url, write="append", **pagination)
    assert min(api.asked) == page  # a request that looked ahead may still come from the run before
    assert outcome.resumed_from_page == (page if page > 1 else None)
    assert outcome.result.rows_read == len(ALL)
    assert ids(warehouse) == ALL
    assert list(warehouse.state.glob("spool/*/*/*/*/")) == []


def test_another_plan_starts_afresh(warehouse: Warehouse, api: Api) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5)
        outcome = warehouse.load_from(server.url, params={"since": "x"})
    assert outcome.resumed_from_page is None
    assert api.asked == list(range(1, PAGES + 1))


@pytest.mark.parametrize("change", [{"primary_key": "id"}, {"write": "append"}, {"nested": "string"}])
def test_keys_writes_and_types_are_not_part_of_the_plan(warehouse: Warehouse, api: Api, change: Any) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5)
        assert warehouse.load_from(server.url, **change).resumed_from_page == 5


def test_a_full_refresh_forgets_the_spool(warehouse: Warehouse, api: Api) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5)
        with open_stream(source_spec(server.url)) as stream:
            stream.full_refresh = True
            outcome = run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
    assert outcome.resumed_from_page is None
    assert api.asked == list(range(1, PAGES + 1))


def grown_older(warehouse: Warehouse, by: timedelta) -> None:
    """The interrupted load's journal as if it had been written earlier."""
    (journal,) = warehouse.state.glob("spool/*/*/*/*/journal.ndjson")
    lines = journal.read_text().splitlines()
    older = [json.loads(line) for line in lines]
    for line in older:
        line["at"] -= int(by.total_seconds() * 1000)
    journal.write_text("".join(json.dumps(line) + "\n" for line in older))


@pytest.mark.parametrize(
    ("pagination", "resumes"), [({}, True), ({"pagination": {"type": "page_number"}}, False)], ids=["cursor", "counted"]
)
def test_counted_pages_start_afresh_when_rows_may_have_moved(
    warehouse: Warehouse, api: Api, pagination: dict[str, Any], resumes: bool
) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5, **pagination)
        grown_older(warehouse, timedelta(hours=2))
        outcome = warehouse.load_from(server.url, **pagination)
    assert outcome.resumed_from_page == (5 if resumes else None)
    assert ids(warehouse) == ALL


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_cursor_that_is_refused_starts_afresh_once(warehouse: Warehouse, api: Api, status: int) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5)
        api.broken, api.status = 5, status
        with pytest.raises(RestSourceError) as failure:
            warehouse.load_from(server.url)
        assert api.asked == [5, 1, 2, 3, 4, 5]
        assert failure.value.status == status
        api.broken = None
        assert warehouse.load_from(server.url).resumed_from_page == 5
    assert ids(warehouse) == ALL


def load_at(warehouse: Warehouse, url: str, now: datetime, run_id: str = "", **spec: Any) -> LoadOutcome:
    with open_stream(source_spec(url, **spec)) as stream:
        return run_load(
            replace(stream, now=now),
            warehouse.destination,
            warehouse.state,
            report=warehouse.said.append,
            run_id=run_id,
        )


def test_now_is_frozen_and_the_current_time_is_loaded_after_it(warehouse: Warehouse, api: Api) -> None:
    params: dict[str, Any] = {"params": {"since": "{now:%Y-%m-%d}"}}
    monday, tuesday = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 2, 12, tzinfo=UTC)
    with LoopbackServer(api) as server:
        api.broken = 5
        with pytest.raises(RestSourceError):
            load_at(warehouse, server.url, monday, **params)
        api.broken = None
        api.asked.clear()
        outcome = load_at(warehouse, server.url, tuesday, **params)
    assert api.asked == [*range(5, PAGES + 1), *range(1, PAGES + 1)]
    assert outcome.resumed_from_page == 5
    assert outcome.result.rows_read == 2 * len(ALL)
    counts = "SELECT since::VARCHAR, count(*) FROM shop.orders GROUP BY ALL ORDER BY ALL"
    assert warehouse.rows(counts) == [("2024-01-01", len(ALL)), ("2024-01-02", len(ALL))]
    assert warehouse.rows("SELECT count(*) FROM _rest_source.loads") == [(2,)]


def test_a_retry_between_the_two_loads_still_loads_the_current_time(warehouse: Warehouse, api: Api) -> None:
    params: dict[str, Any] = {"params": {"since": "{now:%Y-%m-%d}"}}
    monday, tuesday = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 2, 12, tzinfo=UTC)
    with LoopbackServer(api) as server:
        api.broken = 5
        with pytest.raises(RestSourceError):
            load_at(warehouse, server.url, monday, "run-1", **params)
        api.broken = 1  # the interrupted load ends and is committed, the current one fails at its first page
        with pytest.raises(RestSourceError):
            load_at(warehouse, server.url, tuesday, "run-2", **params)
        api.broken = None
        load_at(warehouse, server.url, tuesday, "run-2", **params)
    assert warehouse.rows("SELECT run_id FROM _rest_source.loads ORDER BY committed_at") == [("run-1",), ("run-2",)]
    counts = "SELECT since::VARCHAR, count(*) FROM shop.orders GROUP BY ALL ORDER BY ALL"
    assert warehouse.rows(counts) == [("2024-01-01", len(ALL)), ("2024-01-02", len(ALL))]


def test_the_same_day_is_loaded_once(warehouse: Warehouse, api: Api) -> None:
    params: dict[str, Any] = {"params": {"since": "{now:%Y-%m-%d}"}}
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    with LoopbackServer(api) as server:
        api.broken = 5
        with pytest.raises(RestSourceError):
            load_at(warehouse, server.url, noon, **params)
        api.broken = None
        api.asked.clear()
        load_at(warehouse, server.url, noon + timedelta(hours=1), **params)
    assert api.asked == list(range(5, PAGES + 1))


def failing_commit(warehouse: Warehouse) -> Callable[[], None]:
    """Make the destination refuse, as a folder in the place of its file does; returns the cure."""
    warehouse.path.mkdir(parents=True)
    return lambda: shutil.rmtree(warehouse.path)


def test_a_load_that_only_misses_its_commit_asks_for_nothing_again(warehouse: Warehouse, api: Api) -> None:
    with LoopbackServer(api) as server:
        cure = failing_commit(warehouse)
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url)
        cure()
        api.asked.clear()
        outcome = warehouse.load_from(server.url)
    assert api.asked == []
    assert (outcome.result.rows_inserted, outcome.stop_reason) == (len(ALL), "no_cursor")


def test_a_load_is_not_committed_twice_if_its_spool_outlives_the_commit(warehouse: Warehouse, api: Api) -> None:
    kept = warehouse.folder / "kept"
    with LoopbackServer(api) as server:
        cure = failing_commit(warehouse)
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, write="append")
        cure()
        shutil.copytree(warehouse.state, kept)
        warehouse.load_from(server.url, write="append")
        shutil.rmtree(warehouse.state)
        kept.rename(warehouse.state)
        api.first = 1000
        outcome = warehouse.load_from(server.url, write="append")
    assert outcome.resumed_from_page is None
    assert ids(warehouse) == [*ALL, *(1000 + id for id in ALL)]


def test_a_retry_of_a_committed_run_does_nothing(warehouse: Warehouse, api: Api) -> None:
    def attempt(run_id: str) -> LoadOutcome:
        with open_stream(source_spec(server.url, write="append")) as stream:
            return run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append, run_id=run_id)

    with LoopbackServer(api) as server:
        first = attempt("run-1")
        api.asked.clear()
        again = attempt("run-1")
        assert api.asked == []
        assert (again.load_id, again.result.rows_inserted) == (first.load_id, len(ALL))
        attempt("run-2")
    assert len(ids(warehouse)) == 2 * len(ALL)


def test_drift_is_read_once_more_and_then_told(warehouse: Warehouse, api: Api) -> None:
    api.total = len(ALL) + 3
    with LoopbackServer(api) as server:
        spec: dict[str, Any] = {"pagination": {**COUNTED, "repeated_pages": "allow"}, "write": "append"}
        outcome = warehouse.load_from(server.url, **spec)
    assert api.asked.count(1) == 2
    assert ids(warehouse) == ALL
    (warning,) = [warning for warning in outcome.warnings if "two full passes" in warning]
    assert f"{api.total} records" in warning
    assert f"gave {len(ALL)} and {len(ALL)}" in warning


def test_a_total_that_is_right_the_second_time_is_no_drift(warehouse: Warehouse, api: Api) -> None:
    totals = iter([len(ALL) + 1] * (PAGES + 4))
    with LoopbackServer(
        lambda call: (
            replace(reply, body={**reply.body, "total": next(totals, len(ALL))})
            if isinstance((reply := api(call)).body, dict)
            else reply
        )
    ) as server:
        outcome = warehouse.load_from(server.url, pagination=COUNTED)
    assert outcome.result.row_count == len(ALL)
    assert not any("two full passes" in warning for warning in outcome.warnings)


@settings(max_examples=25)
@given(kept=st.tuples(st.floats(0, 1), st.floats(0, 1)), garbage=st.binary(max_size=30))
def test_a_torn_spool_is_cut_back_to_its_last_whole_page(
    tmp_path_factory: pytest.TempPathFactory, kept: tuple[float, float], garbage: bytes
) -> None:
    warehouse, api = Warehouse(tmp_path_factory.mktemp("torn")), Api()
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 8, write="append")
        (spool,) = warehouse.state.glob("spool/*/*/*/*/")
        for name, share in zip(("records-000001.tsv", "journal.ndjson"), kept, strict=True):
            file = spool / name
            os.truncate(file, round(file.stat().st_size * share))
            with file.open("ab") as end:
                end.write(garbage)
        outcome = warehouse.load_from(server.url, write="append")
    assert ids(warehouse) == ALL
    assert api.asked == list(range(outcome.resumed_from_page or 1, PAGES + 1))


def test_garbage_is_no_spool(tmp_path: Path) -> None:
    assert recover(tmp_path / "nowhere") is None
    (tmp_path / "manifest.json").write_text("{")
    (tmp_path / "journal.ndjson").write_text("")
    assert recover(tmp_path) is None


def test_spools_that_nobody_came_back_for_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spool(name: str, age_days: float, size: int) -> Path:
        folder = tmp_path / "shop" / name / "place" / "load"
        folder.mkdir(parents=True)
        (folder / "records-000001.tsv").write_bytes(b"x" * size)
        moment = time.time() - age_days * 86400
        os.utime(folder / "records-000001.tsv", (moment, moment))
        return folder

    fresh, middle, old = spool("fresh", 0, 600), spool("middle", 1, 600), spool("old", 8, 10)
    Retention.from_environment().sweep(tmp_path)
    assert [path.exists() for path in (fresh, middle, old)] == [True, True, False]
    monkeypatch.setenv("REST_SOURCE_SPOOL_MAX_SIZE", "1KB")
    Retention.from_environment().sweep(tmp_path)
    assert [path.exists() for path in (fresh, middle)] == [True, False]


def test_a_full_disk_is_explained_and_the_next_run_goes_on(warehouse: Warehouse, api: Api) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LoopbackServer(api) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
        try:
            with pytest.raises(RestSourceError) as failure:
                warehouse.load_from(server.url, write="append")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert failure.value.id == "disk_full"
        assert not warehouse.path.exists()
        api.asked.clear()
        outcome = warehouse.load_from(server.url, write="append")
    assert outcome.resumed_from_page == min(api.asked) > 1
    assert ids(warehouse) == ALL


DATED: dict[str, Any] = {"params": {"since": "{now:%Y-%m-%d}"}}
MONDAY, TUESDAY = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 2, 12, tzinfo=UTC)
BY_DAY = "SELECT since::VARCHAR, count(*) FROM shop.orders GROUP BY ALL ORDER BY ALL"
BOTH_DAYS = [("2024-01-01", len(ALL)), ("2024-01-02", len(ALL))]


def fails_at(warehouse: Warehouse, url: str, api: Api, page: int, now: datetime, run_id: str = "", **spec: Any) -> None:
    api.broken = page
    with pytest.raises(RestSourceError):
        load_at(warehouse, url, now, run_id, **spec)
    api.broken = None


def test_a_refused_cursor_starts_afresh_with_its_own_time(warehouse: Warehouse, api: Api) -> None:
    with LoopbackServer(lambda call: refuse_once(api, call)) as server:
        fails_at(warehouse, server.url, api, 5, MONDAY, write="append", **DATED)
        api.status, api.total = 410, "refuse page 5 once"
        load_at(warehouse, server.url, TUESDAY, write="append", **DATED)
    assert warehouse.rows(BY_DAY) == BOTH_DAYS


def refuse_once(api: Api, call: Call) -> Reply:
    if api.total and call.arg("page") == "5":
        api.total = None
        return Reply({"error": "expired"}, status=410)
    return api(call)


def test_an_expired_cursor_is_not_the_end_of_the_data(warehouse: Warehouse, api: Api) -> None:
    pagination: dict[str, Any] = {"type": "cursor", "value": "$.next", "param": "page", "end_statuses": [410]}
    with LoopbackServer(lambda call: refuse_once(api, call)) as server:
        interrupted(warehouse, server.url, api, 5, write="replace", pagination=pagination)
        api.total = "refuse page 5 once"
        warehouse.load_from(server.url, write="replace", pagination=pagination)
    assert ids(warehouse) == ALL


def test_a_run_that_crosses_midnight_loads_both_days(warehouse: Warehouse, api: Api) -> None:
    with LoopbackServer(api) as server:
        fails_at(warehouse, server.url, api, 5, MONDAY, "run-1", **DATED)
        fails_at(warehouse, server.url, api, 1, TUESDAY, "run-1", **DATED)
        load_at(warehouse, server.url, TUESDAY, "run-1", **DATED)
    assert warehouse.rows(BY_DAY) == BOTH_DAYS


def test_an_old_counted_load_of_another_day_is_read_again_for_that_day(warehouse: Warehouse, api: Api) -> None:
    spec: dict[str, Any] = {**DATED, "pagination": {"type": "page_number"}}
    with LoopbackServer(api) as server:
        fails_at(warehouse, server.url, api, 5, MONDAY, **spec)
        grown_older(warehouse, timedelta(hours=2))
        load_at(warehouse, server.url, TUESDAY, **spec)
    assert warehouse.rows(BY_DAY) == BOTH_DAYS


@pytest.mark.parametrize("do", ["retry", "fail"])
def test_a_rule_that_ends_a_load_keeps_its_pages(warehouse: Warehouse, api: Api, do: str) -> None:
    rules: dict[str, Any] = {"on_error": [{"status": 500, "do": do}]}
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5, **rules)
        assert warehouse.load_from(server.url, **rules).resumed_from_page == 5


def test_a_skipped_load_does_not_hide_the_one_before_it(warehouse: Warehouse, api: Api) -> None:
    rules: dict[str, Any] = {"on_error": [{"status": 403, "do": "skip"}]}
    with LoopbackServer(api) as server:
        fails_at(warehouse, server.url, api, 5, MONDAY, **DATED, **rules)
        api.broken, api.status = 1, 403
        outcome = load_at(warehouse, server.url, TUESDAY, **DATED, **rules)
    assert (outcome.result.rows_inserted, outcome.stop_reason) == (len(ALL), "no_cursor")
    assert any("Skipped" in warning for warning in outcome.warnings)


def test_a_retried_full_refresh_goes_on_with_what_it_has_read(warehouse: Warehouse, api: Api) -> None:
    def attempt() -> LoadOutcome:
        with open_stream(source_spec(server.url)) as stream:
            stream.full_refresh = True
            report = warehouse.said.append
            return run_load(stream, warehouse.destination, warehouse.state, report=report, run_id="run-1")

    with LoopbackServer(api) as server:
        api.broken = 5
        with pytest.raises(RestSourceError):
            attempt()
        api.broken = None
        assert attempt().resumed_from_page == 5


@pytest.mark.parametrize("line", [b"7\n", b"{}\n", b'{"segment": 9}\n'])
def test_a_line_that_is_no_journal_is_no_obstacle(warehouse: Warehouse, api: Api, line: bytes) -> None:
    with LoopbackServer(api) as server:
        interrupted(warehouse, server.url, api, 5, write="append")
        (journal,) = warehouse.state.glob("spool/*/*/*/*/journal.ndjson")
        with journal.open("ab") as end:
            end.write(line)
        warehouse.load_from(server.url, write="append")
    assert ids(warehouse) == ALL


def test_pages_from_before_the_interruption_are_compared_with(warehouse: Warehouse) -> None:
    broken = [4]

    def answer(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        if page in broken:
            return Reply({"message": "no"}, status=500)
        return Reply({"records": [{"id": page if page <= 4 else 1}]})

    spec: dict[str, Any] = {"pagination": {"type": "page_number"}, "write": "append", "source": {"limits": LIMITS}}
    with LoopbackServer(answer) as server:
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, **spec)
        broken.clear()
        outcome = warehouse.load_from(server.url, **spec)
    assert (outcome.resumed_from_page, outcome.stop_reason) == (4, "repeated_page")
    assert "Page 5 held the same records as page 1" in outcome.warnings[0]
    assert sorted(warehouse.values("id")) == [1, 2, 3, 4]


@pytest.mark.parametrize("pagination", [{"type": "page_number"}, {"type": "offset_limit", "limit": 2}])
@pytest.mark.parametrize("named", [True, False])
def test_what_was_read_before_the_interruption_counts(
    warehouse: Warehouse, pagination: dict[str, Any], named: bool
) -> None:
    broken = [3, 4]

    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 2 * (int(call.arg("page") or 1) - 1))
        if start in broken:
            return Reply({"message": "no"}, status=500)
        return Reply({"records": [{"id": at} for at in range(start, min(start + 2, 9))], "total": 9})

    pagination = pagination | ({"total_records": "$.total"} if named else {})
    with LoopbackServer(answer) as server:
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, pagination=pagination, source={"limits": LIMITS})
        broken.clear()
        outcome = warehouse.load_from(server.url, pagination=pagination, source={"limits": LIMITS})
    assert (outcome.resumed_from_page, outcome.warnings) == (3, ())
    assert sorted(warehouse.values("id")) == list(range(9))
