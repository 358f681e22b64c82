"""Each message that names a change of the file, by making it: all records come, or another message."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rest_source.demo.server import Call, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.fakes import Api
from rest_source_tests.fakes.fitting import Case, fitting, without_idle_positions
from rest_source_tests.fakes.misfits import misfitting
from rest_source_tests.fakes.remedies import Keys, changes, mended
from rest_source_tests.faults.judging import are_all_different, checked, is_undetectable, load
from rest_source_tests.faults.test_never_wrong import EXAMPLES, FIXED
from rest_source_tests.loading import Warehouse, source_spec


@settings(max_examples=EXAMPLES, derandomize=FIXED)
@given(case=st.one_of(fitting(), misfitting()))
def test_no_remedy_of_paging_loses_records(case: Case, shared_api: Api) -> None:
    assume(case.misfit != "another template")
    before = load(shared_api, case)
    for text in before.told:
        for change, on_condition in changes(text):
            own = case.at_its_best if needs_pagination(case, change) else case.endpoint
            if needs_pagination(case, change) and own["pagination"]["type"] == "none":
                continue  # the API documents none
            endpoint = mended({}, own, change)[1]
            follower = replace(case, endpoint=without_idle_positions(endpoint), misfit="")
            after = load(shared_api, follower)
            best = load(shared_api, replace(case, endpoint=case.at_its_best))
            loses_nothing = {*after.rows} >= {*before.rows} or {*after.rows} >= {*best.rows} or are_all_different(case)
            excused = is_undetectable(follower, after.log) and (on_condition or loses_nothing)
            assert after.told or after.holds(case.records) or excused, f"green with {after.rows} after {change}: {text}"


def needs_pagination(case: Case, change: Keys) -> bool:
    """Whether a change is of the pagination that the file has yet to get."""
    return case.endpoint["pagination"]["type"] == "none" and not change.keys() & {"pagination", *case.endpoint}


@dataclass(frozen=True, slots=True)
class Trouble:
    """An API and an endpoint whose load says something; `before` is what the API answers to a load before it.

    `unfit` is a key that the message names for APIs of another kind.
    """

    answer: Callable[[Call], Reply]
    says: str
    endpoint: Keys = field(default_factory=dict)
    source: Keys = field(default_factory=dict)
    before: Callable[[Call], Reply] | None = None
    unfit: str = ""

    def after(self, api: Api, warehouse: Warehouse, changes: list[Keys]) -> tuple[str, list[int]]:
        """What the load says, and the table's ids, when the file is changed so and loaded after each change."""
        plain: Keys = {"data_root": "$.items", "pagination": {"type": "none"}}
        source, endpoint = self.source, {**plain, **self.endpoint}
        if self.before is not None:
            api.serve(self.before)
            loaded(warehouse, api.url, {}, plain)
        api.serve(self.answer)
        said = loaded(warehouse, api.url, source, endpoint)
        for change in changes:
            source, endpoint = mended(source, endpoint, change)
            said = loaded(warehouse, api.url, source, endpoint)
        holds_ids = warehouse.path.exists() and "id" in warehouse.types()
        ids = warehouse.values("id") if holds_ids else []
        return said, sorted(id_ for id_ in ids if id_ is not None)


def loaded(warehouse: Warehouse, url: str, source: Keys, endpoint: Keys) -> str:
    """What a load and its checks say; nothing where all is green."""
    try:
        outcome = warehouse.load_from(url, source=source, **endpoint)
    except RestSourceError as error:
        return f"{error.id}: {error.message} {error.remedy}"
    return " ".join([*outcome.warnings, *checked(warehouse, source_spec(url, source=source, **endpoint))])


def page(*ids: int, **around: Any) -> Reply:
    return Reply({"items": [{"id": id_} for id_ in ids], **around})


def paged(call: Call, **around: Any) -> Reply:
    """Page 1 and, where a token asks for it, page 2."""
    return page(2) if call.arg("cursor") else page(1, **around)


def wide(call: Call) -> Reply:
    return Reply({"items": [{"id": id_, "by": {f"k{id_}_{n}": n for n in range(900)}} for id_ in (1, 2)]})


def exported(call: Call) -> Reply:
    return page(1, 2) if call.arg("format") == "json" else Reply("id\n1\n2\n", headers={"Content-Type": "text/csv"})


def in_body(call: Call) -> Reply:
    return page(2) if b"after" in call.body else page(1, next=["a", 1])


def scrolled() -> Callable[[Call], Reply]:
    """The same token again and again, while its pages move on."""
    pages = {"": page(1, token="t")}
    taken: list[str] = []

    def answer(call: Call) -> Reply:
        if not call.arg("cursor"):
            taken.clear()
            return pages[""]
        taken.append("")
        return page(2, token="t") if len(taken) == 1 else page(**({"token": "t"} if len(taken) == 2 else {}))

    return answer


CURSOR = {"type": "cursor", "value": "$.next"}
TROUBLES = {
    "frozen columns": Trouble(
        lambda call: Reply({"items": [{"id": 1, "new": 1}, {"id": 2}]}),
        "schema_frozen",
        {"schema_change": "freeze", "primary_key": "id"},
        before=lambda call: page(1),
    ),
    "records that change": Trouble(
        lambda call: Reply({"items": [{"id": 1, "at": 2}, {"id": 2, "at": 2}]}),
        "stand in more than one row",
        before=lambda call: Reply({"items": [{"id": 1, "at": 1}, {"id": 2, "at": 1}]}),
    ),
    "append": Trouble(
        lambda call: page(1, 2), "`write: merge`", {"write": "append", "primary_key": "id"}, before=lambda call: page(1)
    ),
    "an answer too large": Trouble(
        lambda call: Reply({"pad": "x" * 5000, "items": [{"id": 1}, {"id": 2}]}),
        "response_too_large",
        source={"limits": {"retries": 0, "max_response": "1kB"}},
    ),
    "csv": Trouble(exported, "csv_instead_of_json"),
    "another method": Trouble(
        lambda call: page(1, 2) if call.method == "POST" else Reply({"error": "no"}, 405), "http_405"
    ),
    "too many columns": Trouble(wide, "too_many_columns", {"nested": "flatten"}),
    "a root that is not there": Trouble(
        lambda call: page(1, 2), "data_root_not_found", {"data_root": "$.itms"}, unfit="data_root_optional"
    ),
    "a wrapper": Trouble(lambda call: page(1, 2), "`data_root: $.items`", {"data_root": "$"}),
    "a token that is a list": Trouble(
        in_body,
        "cursor_not_scalar",
        {"method": "POST", "pagination": {"type": "cursor", "value": "$.next", "param": "after"}},
    ),
    "a scroll": Trouble(scrolled(), "pagination_loop", {"pagination": {"type": "cursor", "value": "$.token"}}),
    "an address that is not the final one": Trouble(
        lambda call: page(1, 2) if call.path == "/v2/orders" else Reply(status=301, headers={"Location": "/v2/orders"}),
        "redirect_changes_request",
        {"method": "POST"},
    ),
    "a token beside other parameters": Trouble(
        lambda call: Reply(status=400) if len(call.query) > 1 else paged(call, next="a"),
        "http_400",
        {"params": {"kind": "all"}, "pagination": CURSOR},
    ),
    "a link to an internal host": Trouble(
        lambda call: page(2) if call.arg("at") else page(1, next="http://internal.invalid/orders?at=2"),
        "keep_origin",
        {"pagination": {"type": "next_url", "path": "$.next"}},
    ),
    "pages from 1": Trouble(
        lambda call: page(*{"1": [1], "2": [2]}.get(call.arg("page") or "", [])),
        "`start: 1`",
        {"pagination": {"type": "page_number", "start": 0}},
    ),
    "empty pages without end": Trouble(
        lambda call: (
            page(*[2] if call.arg("cursor") == "1" else [], next=str(int(call.arg("cursor") or 0) + 1))
            if call.arg("cursor")
            else page(1, next="1")
        ),
        "max_pages",
        {"pagination": CURSOR},
        {"limits": {"retries": 0, "max_pages": 150}},
    ),
    "digits beyond the microsecond": Trouble(
        lambda call: Reply({"items": [{"id": id_, "at": f"2024-01-0{id_}T00:00:00.123456789Z"} for id_ in (1, 2)]}),
        "lost digits",
        {"columns": {"at": "TIMESTAMPTZ"}},
    ),
    "another charset": Trouble(
        lambda call: Reply(
            '{"items": [{"id": 1, "name": "Zoë"}, {"id": 2}]}'.encode(
                "utf-8" if call.headers["Accept-Charset"] == "utf-8" else "latin-1"
            ),
            headers={"Content-Type": "application/json"},
        ),
        "not_utf8",
    ),
    "an announced token": Trouble(lambda call: paged(call, next_cursor="a"), "$.next_cursor is set"),
    "an announced token elsewhere": Trouble(
        lambda call: paged(call, next_cursor="a"),
        "$.next_cursor is set",
        {"pagination": {"type": "cursor", "value": "$.meta.next"}},
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_remedy_brings_every_record(name: str, api: Api, tmp_path: Path) -> None:
    trouble, good = TROUBLES[name], 0
    said, _ = trouble.after(api, Warehouse(tmp_path), [])
    assert trouble.says in said
    ways = [[change] for change, _ in changes(said) if trouble.unfit not in change]
    while ways:
        way = ways.pop()
        said, ids = trouble.after(api, Warehouse(tmp_path / str(way)), way)
        assert said or ids == [1, 2], f"green with {ids} after {way}"
        good += not said
        further = [change for change, _ in changes(said)] or [{}]  # nothing to change: the same once more
        ways += [[*way, change] for change in further if said and len(way) == 1 and change not in way]
    assert good
