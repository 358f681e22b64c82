"""What answers announce beyond themselves, in the words of real APIs, and what becomes of it at the end of a series."""

from pathlib import Path
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.extract.announced import Announced, announced, as_count
from rest_source.extract.links import link_with_rel, links
from rest_source.spec.jsonpath import compile_path
from rest_source_tests.fakes import Api, scripted
from rest_source_tests.fakes.reading import read
from rest_source_tests.loading import Warehouse


def heard(document: Any = None, lead: str = "data", status: int = 200, **headers: Any) -> Announced:
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return announced(status, named, document, lead.split(".") if lead else [])


@pytest.mark.parametrize(
    ("document", "sign"),
    [
        ({"next": "/x"}, ("url", "$.next")),
        ({"links": {"next": {"href": "/x"}}}, ("url", "$.links.next.href")),
        ({"links": [{"rel": "self", "href": "/a"}, {"rel": "next", "href": "/b"}]}, ("url", "next')].href")),
        ({"@links": {"next": [{"uri": "/b"}]}}, ("url", "$['@links'].next[0].uri")),
        ({"@odata.nextLink": "https://x"}, ("url", "$['@odata.nextLink']")),
        ({"nextRecordsUrl": "/q/01"}, ("url", "$.nextRecordsUrl")),
        ({"nextPageToken": "x"}, ("token", "$.nextPageToken")),
        ({"next_batch": "s1"}, ("token", "$.next_batch")),
        ({"next_batch": "2"}, ("token", "$.next_batch")),
        ({"NextContinuationToken": "u"}, ("token", "$.NextContinuationToken")),
        ({"response_metadata": {"next_cursor": "dXNlcg=="}}, ("token", "$.response_metadata.next_cursor")),
        ({"continue": {"gapcontinue": "X", "continue": "g||"}}, ("token", "$.continue.gapcontinue")),
        ({"offset": "itrABC"}, ("token", "$.offset")),
        ({"nextCursorMark": "AoE"}, ("token", "$.nextCursorMark")),
        ({"resumptionToken": "abc"}, ("token", "$.resumptionToken")),
        ({"LastEvaluatedKey": {"id": {"S": "2"}}}, ("token", "$.LastEvaluatedKey")),
        ({"additional_data": {"next_cursor": "eyJ"}}, ("token", "$.additional_data.next_cursor")),
        ({"pages": {"next": {"per_page": 2, "starting_after": "Wz"}}}, ("token", "$.pages.next.starting_after")),
        ({"next": {"page": "abc"}}, ("token", "$.next.page")),
        ({"hydra:view": {"hydra:next": "/x?page=2"}}, ("url", "$['hydra:view']['hydra:next']")),
        ({"more_topics_url": "/latest?page=1"}, ("url", "$.more_topics_url")),
        ({"link": [{"relation": "next", "url": "/b"}]}, ("url", "$.link[?(@.relation == 'next')].url")),
        ({"links": [{"rel": ["next"], "href": "/b"}]}, ("url", "$.links[?(@.rel[0] == 'next')].href")),
        ({"next_page": 2}, ("number", "$.next_page")),
        ({"meta": {"nextOffset": "100"}}, ("number", "$.meta.nextOffset")),
        ({"has_more": True}, ("flag", "$.has_more")),
        ({"meta": {"hasNextPage": "true"}}, ("flag", "$.meta.hasNextPage")),
        ({"IsTruncated": 1}, ("flag", "$.IsTruncated")),
        ({"more_items_in_collection": True}, ("flag", "$.more_items_in_collection")),
        ({"isLast": False}, ("flag", "$.isLast")),
        ({"hasmore": "yes"}, ("flag", "$.hasmore")),
        ({"page": {"last": False}}, ("flag", "$.page.last")),
        ({"done": False}, ("flag", "$.done")),
        ({"end_of_stream": 0}, ("flag", "$.end_of_stream")),
        ({"meta": {"pagination": {"pages": 26}}}, ("pages", "$.meta.pagination.pages")),
        ({"last_page": 4}, ("pages", "$.last_page")),
        ({"nbPages": "2"}, ("pages", "$.nbPages")),
        ({"page": "1 of 3"}, ("pages", "$.page")),
        ({"items_remaining": 20}, ("flag", "$.items_remaining")),
        ({"total": 640}, ("records", "$.total")),
        ({"page": {"totalElements": 40}}, ("records", "$.page.totalElements")),
        ({"total": {"value": 640, "relation": "gte"}}, ("records", "$.total.value")),
        ({"@odata.count": 640}, ("records", "$['@odata.count']")),
        ({"total_size": 9}, ("records", "$.total_size")),
        ({"totalSetSize": "9"}, ("records", "$.totalSetSize")),
        ({"totalcount": 9}, ("records", "$.totalcount")),
        ({"filter_count": 9}, ("records", "$.filter_count")),
        ({"numFound": 9}, ("records", "$.numFound")),
        ({"total_data": 9}, ("records", "$.total_data")),
    ],
)
def test_a_sign_in_the_body(document: dict[str, Any], sign: tuple[str, str]) -> None:
    (found,) = heard({"data": [], **document}).signs
    assert (found.kind, found.place[-len(sign[1]) :]) == sign


@pytest.mark.parametrize(
    "document",
    [
        {"next": None},
        {"next": ""},
        {"next": "null"},
        {"next": False},
        {"next_billing_date": "2024-01-01"},
        {"nextSyncToken": "x"},
        {"total_price": 900},
        {"total_time_ms": 9},
        {"page": 1, "per_page": 100, "limit": 50, "offset": 0},
        {"previous": "/x", "has_previous_page": True},
        {"facets": {"total": 900}},
        {"warnings": ["next"]},
        {"more": "https://shop.example/help"},
        {"learn_more_url": "https://shop.example/help"},
        {"moreInformationUrl": "https://shop.example/help"},
        {"next": {"id": 5}},
        {"pageskip": 3},
        {"next": {"id": 5, "title": "Of another"}},
        {"next": {"page": None, "limit": 50}},
        {"discount": 900, "history": 900},
    ],
)
def test_no_sign(document: dict[str, Any]) -> None:
    assert heard({"data": [{"next": "/x", "has_more": True, "total": 900}], **document}).signs == ()


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"Link": '<u>; rel="next"'}, "link"),
        ({"X_Next_Page": "2"}, "number"),
        ({"X_Next_Cursor": "abc"}, "token"),
        ({"x_ms_continuation_NextPartitionKey": "k"}, "token"),
        ({"x_ms_continuationtoken": "k"}, "token"),
        ({"X_Has_More": "true"}, "flag"),
        ({"X_Total_Pages": "4"}, "pages"),
        ({"X_WP_TotalPages": "4"}, "pages"),
        ({"X_Total_Count": "640"}, "records"),
        ({"X_Count_Total": "640"}, "records"),
        ({"Content_Range": "0-24/640"}, "records"),
        ({"Content_Range": "items 0-24/640"}, "records"),
        ({"Content_Range": "*/640"}, "records"),
        ({"X_Pagination": '{"TotalCount": 640}'}, "records"),
    ],
)
def test_a_sign_in_a_header(headers: dict[str, Any], kind: str) -> None:
    assert [sign.kind for sign in heard([], "", **headers).signs] == [kind]


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Next_Page": ""},
        {"X_RateLimit_Remaining": "3"},
        {"X_Total_Time": "4"},
        {"Content_Length": "300"},
        {"Link": '<u>; rel="prev"'},
        {"Link": '<u>; rel="next"; results="false"'},
        {"Content_Range": "0-2/*"},
    ],
)
def test_no_sign_in_a_header(headers: dict[str, Any]) -> None:
    assert heard([], "", **headers).signs == ()


def test_a_partial_answer_of_unknown_length_announces_more() -> None:
    for headers in ({"Content_Range": "0-2/*"}, {"Content_Range": "bytes 0-18/500"}, {}):
        assert [str(sign) for sign in heard([], "", 206, **headers).signs] == ["its status is 206, a part"]


def test_the_objects_on_the_way_to_the_records_are_looked_through() -> None:
    document = {"data": {"items": {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": "Y"}}}}
    assert {sign.kind for sign in heard(document, "data.items.edges").signs} == {"flag", "token"}


def test_an_index_on_the_way_is_followed() -> None:
    page = {"cursor": "c1", "items": [{"id": 1}]}
    way = compile_path("$.data.boards[0].items_page.items").way
    (found,) = announced(200, {}, {"data": {"boards": [{"items_page": page}]}}, way).signs
    assert (found.kind, found.place) == ("token", "$.data.boards[0].items_page.cursor")
    assert announced(200, {}, {"data": {"boards": []}}, way).signs == ()


def test_a_flag_that_says_no_outweighs_a_token() -> None:
    assert heard({"data": [], "pageInfo": {"hasNextPage": False, "endCursor": "Y"}}).more is None
    assert heard({"data": [], "isLast": True, "next": "/x"}).more is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (5, 5),
        ("5", 5),
        (5.0, 5),
        ("items 0-2/7", 7),
        ("0-2/*", None),
        (True, None),
        (-1, None),
        ("x", None),
        (1.5, None),
    ],
)
def test_counts(value: Any, count: int | None) -> None:
    assert as_count(value) == count


@pytest.mark.parametrize(
    "header",
    [
        '<u>; rel="next"',
        "<u>; rel='next'",
        "<u>;rel=next",
        "<u> ; rel = NEXT",
        'u; rel="next"',
        '<a>; rel="prev", <u>; rel="next"',
        '<a>; title="x, y; rel=next"; rel=prev, <u>; rel="last next"',
        '<u>; rel="next',
        "<b>;rel=prev;,<u>;rel=next",
        ", <u>; rel=next;foo;bar=1",
        "a; rel=prev, u; rel=next",
    ],
)
def test_links_as_servers_write_them(header: str) -> None:
    link = link_with_rel(header, "next")
    assert link is not None
    assert link.target == "u"


def test_parameters_of_a_link() -> None:
    (_, link) = links('<a>; rel="previous"; results="true", <b>; rel="next"; results="false"; cursor="0:3:0"')
    assert link.params == {"rel": "next", "results": "false", "cursor": "0:3:0"}


# What was announced and not read


def page(*ids: int, **around: Any) -> dict[str, Any]:
    return {"data": [{"id": number} for number in ids], **around}


def told(api: Api, pagination: dict[str, Any], *replies: Any, **endpoint: Any) -> list[str]:
    api.serve(scripted(*replies))
    return read(api.url, {"pagination": pagination, **endpoint}, limits={"concurrency": 1}).warnings


NUMBERED = {"type": "page_number"}
OFFSETS = {"type": "offset_limit", "limit": 2}
CURSOR = {"type": "cursor", "value": "$.next"}


@pytest.mark.parametrize("pagination", [NUMBERED, OFFSETS])
@pytest.mark.parametrize(
    "around",
    [{"total": 5}, {"meta": {"pagination": {"pages": 9}}}, {"has_more": True}, {"isLast": False}, {"last": "false"}],
)
def test_a_counted_series_that_ends_before_what_is_announced(
    api: Api, pagination: dict[str, Any], around: dict[str, Any]
) -> None:
    (warning,) = told(api, pagination, page(1, 2, **around), page(3, 4, **around), page(**around))
    assert warning.startswith("The answer announces more ")
    assert "but the series ended after 4 records in 3 pages." in warning


@pytest.mark.parametrize(
    ("pagination", "replies"),
    [
        (CURSOR, [page(1, next="a"), page(2, total=9)]),
        (CURSOR, [page(1, next="a"), page(2, links={"next": "/3"})]),
        ({"type": "next_url", "path": "$.next"}, [page(1, next="/2"), page(2, isLast=False)]),
        ({"type": "link_header"}, [Reply(page(1), headers={"X-Total-Count": "9"})]),
        ({"type": "page_number", "total_records": "$.n"}, [page(1, n=1, has_more=True)]),
        ({"type": "page_number", "total_records": "$.n"}, [page(1, n=1, pages=3)]),
        ({"type": "page_number", "total_records": "$.n", "total_pages": "$.pages"}, [page(1, n=1, pages=3)]),
        ({"type": "page_number", "total_records": "$.nothing"}, [page(total=3), page()]),
        ({"type": "link_header", "total_pages": "$.pages"}, [page(1, pages=3)]),
        ({**CURSOR, "total_pages": "$.meta.seiten"}, [page(1, meta={"seiten": 3})]),
        ({"type": "none", "total_pages": {"header": "X-Seiten"}}, [Reply(page(1), headers={"X-Seiten": "3"})]),
        (NUMBERED, [Reply(page(), headers={"Link": "</2>; rel=next"})]),
        ({"type": "page_number", "end_statuses": [400]}, [page(1, next_page=2), Reply(status=400)]),
        ({"type": "page_number", "has_more": "$.isLast"}, [page(1, isLast=False)]),
        ({**CURSOR, "done": "$.next"}, [page(1, next="true")]),
        ({**NUMBERED, "size": 2, "size_param": "n", "stop_on_short_page": True}, [page(1, total=9)]),
        (CURSOR, [page(1, total={"value": 2, "relation": "gte"}, next="a"), page(2)]),
        ({"type": "none"}, [Reply(page(1), headers={"Link": '</2>; rel="https://api.x/rels/next-page"'})]),
    ],
)
def test_whatever_announces_more_than_was_read_is_told(
    api: Api, pagination: dict[str, Any], replies: list[Any]
) -> None:
    (warning,) = told(api, pagination, *replies)
    assert warning.startswith("The answer announces more ")


@pytest.mark.parametrize(
    ("pagination", "replies"),
    [
        (CURSOR, [page(1, next="a", total=2), page(2, next=None, total=2)]),
        ({**CURSOR, "has_more": "$.more"}, [page(1, next="a", more=True), page(2, next="b", more=False)]),
        ({**CURSOR, "stop_on_empty_page": True}, [page(1, next="a"), page(next="b")]),
        (CURSOR, [page(1, next="a"), page(2, cursor="a")]),
        (NUMBERED, [page(1, count=1), page(2, count=1), page(count=0)]),
        (NUMBERED, [page(1, total=2, pages=2), page(2, total=2, pages=2), page(total=0, pages=0)]),
        (NUMBERED, [page(1, next="/2"), page(next="/3")]),
        (NUMBERED, [page(1, meta={"incomplete": 3, "first": True}, _shards={"failed": 0}), page()]),
        ({"type": "none"}, [page(1, total=1, pages=1, has_more=False, next=None)]),
        ({"type": "none"}, [{"data": {"id": 1, "total": 900, "has_more": True}, "total": 1}]),
    ],
)
def test_what_was_read_in_full_is_not_told(api: Api, pagination: dict[str, Any], replies: list[Any]) -> None:
    assert told(api, pagination, *replies) == []


@pytest.mark.parametrize(
    "around",
    [{"timed_out": True}, {"incomplete_results": "true"}, {"_shards": {"total": 5, "failed": 1}}, {"partial": True}],
)
@pytest.mark.parametrize("at", [1, 2])
def test_an_answer_that_says_that_it_is_not_whole_is_told(api: Api, around: dict[str, Any], at: int) -> None:
    replies = [page(1, **(around if at == 1 else {})), page(2, **(around if at == 2 else {})), page()]
    (warning,) = told(api, NUMBERED, *replies)
    assert warning.startswith("An answer says that it does not hold all that was asked for ($.")


@pytest.mark.parametrize("around", [{"first": False}, {"meta": {"has_previous_page": True}}])
def test_a_series_that_begins_behind_a_page_is_told(api: Api, around: dict[str, Any]) -> None:
    (warning,) = told(api, NUMBERED, page(1, **around), page())
    assert warning.endswith("Write `start: 0` in the pagination.")
    assert told(api, {**NUMBERED, "start": 0}, page(1), page(2, **around), page()) == []


@pytest.mark.parametrize(("param", "is_told"), [("page", True), ("pageNumber", True), ("page[offset]", False)])
def test_an_offset_that_is_named_as_the_number_of_a_page_is_told(api: Api, param: str, is_told: bool) -> None:
    warnings = told(api, {**OFFSETS, "offset_param": param}, page(1), page())
    assert ["type: page_number" in warning for warning in warnings] == [True] * is_told


@pytest.mark.parametrize("said", ["busy", False, {"error": "busy"}])
def test_what_is_no_list_where_others_are_is_told(api: Api, said: Any) -> None:
    (warning,) = told(api, NUMBERED, page(1, 2), {"data": said}, page())
    assert warning.startswith("A page holds ")
    assert told(api, NUMBERED, page(1, 2), {"data": {"id": 3, "error": "of a device"}}, page()) == []


@pytest.mark.parametrize(
    ("around", "key"), [({"has_more": True}, "has_more: $.has_more"), ({"isLast": False}, "done: $.isLast")]
)
def test_a_flag_is_named_in_its_sense(api: Api, around: dict[str, Any], key: str) -> None:
    (warning,) = told(api, {"type": "none"}, page(1, **around))
    assert warning.endswith(f"with `{key}`")


def test_the_answer_itself_may_be_the_record_whose_counts_are_data(api: Api) -> None:
    assert told(api, {"type": "none"}, {"id": 1, "total": 900, "has_more": True}, data_root="$") == []


@pytest.mark.parametrize("named", [True, False])
def test_each_series_of_a_load_is_judged_by_its_own_total(tmp_path: Path, named: bool) -> None:
    given = {"a": (3, 5), "b": (5, 3)}

    def answer(call: Call) -> Reply:
        rows, total = given[str(call.arg("of"))]
        own = range(rows) if int(call.arg("page") or 1) == 1 else ()
        return Reply({"records": [{"id": f"{call.arg('of')}{row}"} for row in own], "total": total})

    pagination = {"type": "page_number", **({"total_records": "$.total"} if named else {})}
    with LoopbackServer(answer) as server:
        outcome = Warehouse(tmp_path).load_from(
            server.url, parent={"values": {"of": ["a", "b"]}}, params={"of": "{parent.of}"}, pagination=pagination
        )
    assert outcome.result.rows_inserted == 8
    assert any("5" in warning and "3" in warning for warning in outcome.warnings)
