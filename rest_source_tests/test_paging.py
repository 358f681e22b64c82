"""Paging against real HTTP: every pager brings each record once, and every rule of how a series ends."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.demo.server import Call, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.fakes import Api, after_tokens, by_number, by_offset, scripted
from rest_source_tests.fakes.reading import read
from rest_source_tests.fakes.scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=30)
@given(data=st.data())
def test_every_record_once_and_in_order(name: str, data: st.DataObject, shared_api: Api) -> None:
    scenario = data.draw(SCENARIOS[name]())
    shared_api.serve(scenario.handler)
    result = read(shared_api.url, scenario.endpoint)
    assert result.records == scenario.records
    told = ("The server returns at most", "A page was shorter than asked for")
    assert [warning for warning in result.warnings if not warning.startswith(told)] == []


def rows(*ids: Any) -> list[dict[str, Any]]:
    return [{"id": id_} for id_ in ids]


def page(*ids: Any, **meta: Any) -> dict[str, Any]:
    return {"data": rows(*ids), **meta}


def numbered(**keys: Any) -> dict[str, Any]:
    return {"pagination": {"type": "page_number", **keys}}


def offset(**keys: Any) -> dict[str, Any]:
    return {"pagination": {"type": "offset_limit", **keys}}


def cursor(value: Any = "$.next", **keys: Any) -> dict[str, Any]:
    return {"pagination": {"type": "cursor", "value": value, **keys}}


_NO_URL: list[dict[str, Any]] = [
    {}, {"next": ""}, {"next": False}, {"next": "  "}, {"next": 0}, {"next": {}}, {"next": "null"}
]  # fmt: skip
NEXT_URL = {"pagination": {"type": "next_url", "path": "$.next"}}


# How counted series end


@pytest.mark.parametrize(
    ("pagination", "replies", "ids", "reason"),
    [
        pytest.param(numbered(), [page(1, 2), page(3), page()], [1, 2, 3], "empty_page", id="empty page"),
        pytest.param(numbered(), [page()], [], "empty_page", id="nothing at all"),
        pytest.param(numbered(), [page(1), Reply(status=204)], [1], "empty_page", id="204"),
        pytest.param(numbered(), [page(1), {"data": None}], [1], "empty_page", id="null"),
        pytest.param(numbered(), [page(1), {"message": "no more"}], [1], "empty_page", id="no data root on page 2"),
        pytest.param(
            numbered(size=2, stop_on_short_page=True), [page(1, 2), page(3)], [1, 2, 3], "short_page", id="short page"
        ),
        pytest.param(
            offset(limit=2, stop_on_short_page=True), [page(1, 2), page(3)], [1, 2, 3], "short_page", id="short window"
        ),
        pytest.param(
            numbered(end_statuses=[400, 404]), [page(1), Reply({"e": 1}, 400)], [1], "end_status", id="end status"
        ),
        pytest.param(numbered(end_statuses=[404]), [Reply(status=404)], [], "end_status", id="end status on page 1"),
        pytest.param(numbered(end_statuses=[200]), [page(1), Reply(b"")], [1], "end_status", id="200 without a body"),
        pytest.param(numbered(size=2), [page(1), Reply(status=404)], [1], "not_found_after_short_page", id="404"),
        pytest.param(
            offset(limit=2), [page(1, 2), page(3), Reply(status=416)], [1, 2, 3], "not_found_after_short_page", id="416"
        ),
        pytest.param(
            numbered(total_records="$.n"), [page(1, n=2), page(2, n=2)], [1, 2], "total_reached", id="total of records"
        ),
        pytest.param(
            numbered(total_pages="$.p"), [page(1, p="2"), page(2, p="2")], [1, 2], "total_reached", id="total as text"
        ),
        pytest.param(
            numbered(total_pages="$.p"), [page(1, p=2.0), page(2, p=2.0)], [1, 2], "total_reached", id="total as float"
        ),
        pytest.param(numbered(total_records="$.n"), [page(n=0)], [], "total_reached", id="total of nothing"),
        pytest.param(
            numbered(total_records="$.n"), [page(1, n=None), page(2), page()], [1, 2], "empty_page", id="null total"
        ),
        *[
            pytest.param(
                numbered(total_records="$.n"), [page(1, n=n), page(2, n=n), page()], [1, 2], "empty_page", id=f"n={n!r}"
            )
            for n in ("many", "", -1, True, [1], {"a": 1}, 1.5, "9" * 5000)
        ],
        pytest.param(
            numbered(total_records="$.n"), [page(1, 2, n=9), page(3, n=3)], [1, 2, 3], "total_reached", id="it shrinks"
        ),
        pytest.param(
            numbered(total_records="$.n"),
            [page(1, n=2), page(2, n=3), page(3, n=3)],
            [1, 2, 3],
            "total_reached",
            id="it grows",
        ),
        pytest.param(
            numbered(total_records="$.n"), [page(1, n=2), page(2)], [1, 2], "total_reached", id="it is said once"
        ),
        pytest.param(
            numbered(total_records="$.n"),
            [page(1, n=3), page(1, n=3), page(2, n=3), page(3, n=3)],
            [1, 1, 2, 3],
            "total_reached",
            id="with a total repeated records do not count",
        ),
        pytest.param(
            numbered(total_records="$.n"),
            [page(1, n=2), page(n=2), page(n=2), page(n=2), page(2, n=2)],
            [1, 2],
            "total_reached",
            id="three empty pages are passed over",
        ),
        pytest.param(
            numbered(repeated_pages="allow"),
            [page(1), page(1), page(1), page()],
            [1, 1, 1],
            "empty_page",
            id="repetition is data",
        ),
    ],
)
def test_a_counted_series_ends(
    api: Api, pagination: dict[str, Any], replies: list[Any], ids: list[Any], reason: str
) -> None:
    api.serve(scripted(*replies))
    result = read(api.url, pagination, limits={"concurrency": 1})
    assert (result.ids, result.reason, result.warnings) == (ids, reason, [])


@pytest.mark.parametrize(
    ("pagination", "replies", "status"),
    [
        (numbered(size=2), [page(1, 2), Reply(status=404)], 404),
        (numbered(), [page(1), Reply(status=404)], 404),
        (numbered(size=2), [Reply(status=404)], 404),
        (numbered(size=2), [page(1), Reply(status=400)], 400),
        (numbered(size=2, end_statuses=[404]), [page(1, 2), Reply(status=410)], 410),
        (NEXT_URL, [page(1, next="/2"), Reply(status=404)], 404),
    ],
)
def test_an_error_that_is_not_the_end(api: Api, pagination: dict[str, Any], replies: list[Any], status: int) -> None:
    api.serve(scripted(*replies))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, pagination)
    assert caught.value.status == status
    assert caught.value.where.startswith(f"fake.records, page {len(replies)}, ")
    told = f"past its last page: `pagination: {{end_statuses: [{status}]}}`" in caught.value.remedy
    assert told == (len(replies) > 1 and status != 410 and pagination is not NEXT_URL)


@pytest.mark.parametrize(
    "pagination", [numbered(size=2), numbered(), numbered(size=3), offset(limit=2), offset(limit=3)]
)
def test_an_ignored_parameter_is_an_error(api: Api, pagination: dict[str, Any]) -> None:
    api.serve(scripted(page(1, 2)))
    with pytest.raises(RestSourceError, match="page 1") as caught:
        read(api.url, pagination)
    assert caught.value.id == "parameter_ignored"
    assert "repeated_pages: allow" in caught.value.remedy


@pytest.mark.parametrize("keys", [{"exclude": ["age"]}, {"primary_key": "id"}])
def test_pages_that_differ_only_in_what_changes_at_each_request_are_equal(api: Api, keys: dict[str, Any]) -> None:
    api.serve(lambda call: Reply({"data": [{"id": n, "age": len(api.calls)} for n in (1, 2)]}))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {**numbered(), **keys}, limits={"concurrency": 1})
    assert caught.value.id == "parameter_ignored"


@pytest.mark.parametrize("key", ["state", "rank", "nothing", "id"])
def test_a_key_that_does_not_tell_records_apart_makes_no_pages_equal(api: Api, key: str) -> None:
    pages = [[{"id": 2 * n + m, "state": "on", "rank": [n, m]} for m in range(2)] for n in range(3)]
    api.serve(by_number(pages))
    result = read(api.url, {**numbered(), "primary_key": key}, limits={"concurrency": 1})
    assert result.ids == list(range(6))


@pytest.mark.parametrize("again", [[1, 2], [3, 4]])
def test_a_series_that_begins_anew_ends(api: Api, again: list[int]) -> None:
    api.serve(scripted(page(1, 2), page(3, 4), page(5, 6), page(*again), page(9)))
    result = read(api.url, numbered(), limits={"concurrency": 1})
    assert (result.ids, result.reason) == ([1, 2, 3, 4, 5, 6], "repeated_page")
    assert f"Page 4 held the same records as page {1 if again == [1, 2] else 2}" in result.warnings[0]


@pytest.mark.parametrize(
    ("pagination", "pages", "ids"),
    [
        (numbered(size=2), [(1, 2), (3, 4), (5,)], [1, 2, 3, 4, 5]),
        (numbered(), [(1, 2), (3, 4), (5,)], [1, 2, 3, 4, 5]),
    ],
)
def test_a_server_that_clamps_to_its_last_page(
    api: Api, pagination: dict[str, Any], pages: list[Any], ids: list[int]
) -> None:
    api.serve(scripted(*[page(*ids) for ids in pages]))
    result = read(api.url, pagination, limits={"concurrency": 1})
    assert (result.ids, result.reason, result.stop.keep) == (ids, "repeated_page", False)
    assert result.stream.tally.requests == len(pages) + 1
    assert "repeated_pages: allow" in result.warnings[0]


def test_the_fourth_empty_page_in_a_row_ends_a_series_with_a_total(api: Api) -> None:
    api.serve(scripted(page(1, 2, n=9), page(n=9)))
    result = read(api.url, numbered(total_records="$.n"), limits={"concurrency": 1})
    assert (result.ids, result.reason, result.stream.tally.requests) == ([1, 2], "empty_pages", 5)
    assert result.stream.total_reported == 9
    assert "after 4 empty pages in a row with 2 records, though the API announced 9" in result.warnings[0]


def test_max_pages_is_an_error(api: Api) -> None:
    api.serve(by_number([rows(n) for n in range(9)]))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, numbered(), limits={"max_pages": 4})
    assert (caught.value.id, caught.value.where) == ("max_pages", "fake.records, page 4")
    assert read(api.url, numbered(), limits={"max_pages": 10}).ids == list(range(9))


@pytest.mark.parametrize("total", [None, "$.meta.records"])
@pytest.mark.parametrize("count", [11, 20, 25])
def test_a_server_that_caps_the_limit(api: Api, total: str | None, count: int) -> None:
    records = rows(*range(count))
    api.serve(by_offset(records, cap=10, records_in="body"))
    result = read(api.url, offset(limit=100, total_records=total))
    assert result.ids == list(range(count))
    assert [warning.partition(" a page")[0] for warning in result.warnings] == ["The server returns at most 10 records"]
    assert "Write `limit: 10`" in result.warnings[0]


@pytest.mark.parametrize("total", [None, "$.total"])
def test_a_record_that_comes_in_front_while_a_capped_series_is_read_loses_none(api: Api, total: str | None) -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 0)
        records = list(range(200)) if start < 50 else [999, *range(200)]
        return Reply(page(*records[start : start + 10], total=len(records)))

    api.serve(answer)
    result = read(api.url, offset(limit=100, total_records=total), limits={"concurrency": 1})
    assert set(result.ids) == set(range(200))
    assert not [warning for warning in result.warnings if "advance: limit" in warning]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_one_short_page_is_no_cap(api: Api, count: int) -> None:
    api.serve(by_offset(rows(*range(count)), cap=10))
    result = read(api.url, offset(limit=100))
    assert (result.ids, result.warnings) == (list(range(count)), [])


def test_numbers_are_sent_as_the_file_says(api: Api) -> None:
    api.serve(scripted(page(1), page(2), page()))
    pagination = numbered(param="p", start=0, step=10, size_param="n", size=1)
    read(api.url, {"params": {"p": 99, "q": "x"}, **pagination}, limits={"concurrency": 1})
    assert [call.target for call in api.calls] == [f"/records?q=x&p={p}&n=1" for p in (0, 10, 20)]


# How series that follow end


@pytest.mark.parametrize(
    ("pagination", "replies", "ids", "reason"),
    [
        *[
            pytest.param(cursor(), [page(1, next="a"), {**page(2), **last}], [1, 2], "no_cursor", id=f"cursor {last}")
            for last in ({}, {"next": None}, {"next": ""}, {"next": False}, {"next": "None"}, {"next": "null"})
        ],
        *[
            pytest.param(NEXT_URL, [page(1, next="/2"), {**page(2), **last}], [1, 2], "no_next_url", id=f"url {last}")
            for last in _NO_URL
        ],
        pytest.param(
            cursor(), [page(next="a"), page(next="b"), page(1, next=0), page(2)], [1, 2], "no_cursor", id="empty pages"
        ),
        *[
            pytest.param(
                cursor(has_more="$.more"),
                [page(1, next="a", more=True), page(2, next="b", more=more)],
                [1, 2],
                "has_more_false",
                id=f"more {more!r}",
            )
            for more in (False, "false", 0, "0", "No")
        ],
        pytest.param(
            cursor(stop_on_empty_page=True), [page(1, next="a"), page(next="b")], [1], "empty_page", id="stop on empty"
        ),
        pytest.param(cursor(end_statuses=[410]), [page(1, next="a"), Reply(status=410)], [1], "end_status", id="410"),
        pytest.param(
            cursor(repeated_pages="allow"),
            [page(1, next="a"), page(2, next="a"), page(3, next="a"), page(4)],
            [1, 2, 3, 4],
            "no_cursor",
            id="a scroll keeps its token",
        ),
        pytest.param(
            {"pagination": {"type": "link_header"}, "data_root": "$"},
            [Reply(rows(1), headers={"link": "</2>; REL=Next"}), Reply(rows(2), headers={"Link": '</1>; rel="prev"'})],
            [1, 2],
            "no_link",
            id="link in any case",
        ),
        pytest.param(
            {"pagination": {"type": "link_header", "rel": "more"}, "data_root": "$"},
            [Reply(rows(1), headers={"Link": '</x>; rel="next", </y;v=1,2?a=b>; t="x; rel=z"; rel=more'}), rows(2)],
            [1, 2],
            "no_link",
            id="link with hostile punctuation",
        ),
    ],
)
def test_a_followed_series_ends(
    api: Api, pagination: dict[str, Any], replies: list[Any], ids: list[Any], reason: str
) -> None:
    api.serve(scripted(*replies))
    result = read(api.url, pagination)
    assert (result.ids, result.reason, result.warnings) == (ids, reason, [])


def test_more_without_a_cursor_is_doubtful(api: Api) -> None:
    api.serve(scripted(page(1, more=True)))
    result = read(api.url, cursor(has_more="$.more"))
    assert result.ids == [1]
    assert result.warnings[0].startswith("$.more says that there is more, but $.next holds no cursor")


@pytest.mark.parametrize("kind", ["cursor", "next_url", "link_header"])
@pytest.mark.parametrize("circle", ["a", "ab", "abc", "abcdefghijk"])
@pytest.mark.parametrize("lead", ["", "xyz"])
def test_circles_are_errors(api: Api, kind: str, circle: str, lead: str) -> None:
    path = [*lead, *circle]

    def answer(call: Call) -> Reply:
        at = call.arg("cursor")
        place = 0 if at is None else path.index(at) + 1
        following = path[place] if place < len(path) else circle[0]
        link = {"Link": f'<?cursor={following}>; rel="next"'}
        return Reply(page(at, token=following, next=f"?cursor={following}"), headers=link)

    api.serve(answer)
    pagination = {
        "cursor": cursor("$.token"),
        "next_url": NEXT_URL,
        "link_header": {"pagination": {"type": "link_header"}},
    }
    with pytest.raises(RestSourceError) as caught:
        read(api.url, pagination[kind])
    assert caught.value.id == "pagination_loop"
    assert len(api.calls) <= len(path) + 3 * len(circle) + 1
    if len(circle) <= 2:
        assert len(api.calls) <= len(path) + 2


def test_a_next_url_that_is_the_request_itself_is_an_error_at_once(api: Api) -> None:
    api.serve(lambda call: Reply(page(1, next=call.target)))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {**NEXT_URL, "params": {"a": 1}})
    assert (caught.value.id, len(api.calls)) == ("pagination_loop", 1)


def test_a_loop_does_not_give_away_a_key_that_the_server_repeats(api: Api) -> None:
    api.serve(lambda call: Reply(page(1, next=f"/records?token={call.headers['X-Key']}")))
    auth = {"type": "api_key", "name": "X-Key", "value": {"env": "KEY"}}
    with pytest.raises(RestSourceError) as caught:
        read(api.url, NEXT_URL, {"KEY": "sesame-open"}, auth=auth)
    assert "sesame" not in f"{caught.value} {caught.value.args}"


@pytest.mark.parametrize(
    ("following", "target"),
    [
        ("?page=2", "/v1/records?page=2"),
        ("page2", "/v1/page2"),
        ("/page2", "/page2"),
        ("../2", "/2"),
        (" /x?y=%20&&z ", "/x?y=%20&&z"),
        ("{now}", "/v1/%7Bnow%7D"),
        ("http://HOST/next?a=1#part", "/next?a=1"),
    ],
)
def test_a_next_url_is_sent_as_it_is(api: Api, following: str, target: str) -> None:
    host = api.url.removeprefix("http://")
    api.serve(scripted(page(1, next=following.replace("HOST", host)), page(2)))
    result = read(f"{api.url}/v1", {**NEXT_URL, "params": {"status": "any"}, "headers": {"X-Own": "yes"}})
    assert result.ids == [1, 2]
    assert [call.target for call in api.calls] == ["/v1/records?status=any", target]
    assert api.calls[1].headers["X-Own"] == "yes"


@pytest.mark.parametrize("following", [7, ["/2"], {"href": "/2"}, True])
def test_a_next_url_that_is_not_text(api: Api, following: Any) -> None:
    api.serve(scripted(page(1, next=following)))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, NEXT_URL)
    assert caught.value.id == "next_url_not_text"


def test_a_next_url_that_is_no_url(api: Api) -> None:
    api.serve(scripted(page(1, next="http://[oops/2")))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, NEXT_URL)
    assert caught.value.id == "next_url_invalid"


# Where a cursor goes


@pytest.mark.parametrize(
    ("token", "sent"),
    [
        ("a b&c=d/ü+", "a b&c=d/ü+"),
        (17, "17"),
        (2**70 + 1, str(2**70 + 1)),
        (1.5, "1.5"),
        (True, "true"),
        ("{env.SECRET}", "{env.SECRET}"),
        ("{now-1}", "{now-1}"),
    ],
)
@pytest.mark.parametrize("place", ["query", "header", "path", "form"])
def test_a_scalar_cursor_arrives_as_it_came(api: Api, token: Any, sent: str, place: str) -> None:
    if place == "header" and not sent.isascii():
        pytest.skip("headers are latin-1")
    api.serve(scripted(Reply(json.dumps(page(1, next=token))), page(2)))
    posted = {"method": "POST", "form": {"now": "{now:%Y}"}} if place == "form" else {}
    endpoint = cursor(param="at", **{"in": "body" if place == "form" else place})
    assert read(api.url, {**endpoint, **posted}, {"SECRET": "sesame"}).ids == [1, 2]
    call = api.calls[1]
    got = {
        "query": call.arg("at"),
        "header": call.headers["at"],
        "path": call.path.removeprefix("/records/"),
        "form": call.form.get("at", [None])[0],
    }
    assert got[place] == sent
    if place == "form":
        assert call.form["now"] == ["2026"]


@pytest.mark.parametrize(
    "token",
    ["7", 7, 1.25, True, ["2024-01-01", 17], {"after": {"id": 3}}, 2**70 + 1, [2**80], "{env.SECRET}", "\ud83d", ""],
)
def test_a_cursor_in_the_body_keeps_its_type(api: Api, token: Any) -> None:
    api.serve(scripted(Reply(json.dumps({**page(1), "sort": [token]})), page(2, sort=[])))
    endpoint = cursor("$.sort", param="search_after", **{"in": "body"})
    read(api.url, {**endpoint, "method": "POST", "body": {"size": 1}}, {"SECRET": "x"})
    assert [json.loads(call.body) for call in api.calls] == [{"size": 1}, {"size": 1, "search_after": [token]}]


@pytest.mark.parametrize(
    ("body", "first", "second"),
    [
        (None, None, {"page": {"cursor": "a"}}),
        ({}, {}, {"page": {"cursor": "a"}}),
        (
            {"page": {"size": 5}, "q": "*"},
            {"page": {"size": 5}, "q": "*"},
            {"page": {"size": 5, "cursor": "a"}, "q": "*"},
        ),
        ({"page": 5}, {"page": 5}, {"page": {"cursor": "a"}}),
        ({"page": {"cursor": "0"}}, {"page": {"cursor": "0"}}, {"page": {"cursor": "a"}}),
    ],
)
def test_a_dotted_name_in_the_body(api: Api, body: Any, first: Any, second: Any) -> None:
    api.serve(scripted(page(1, next="a"), page(2)))
    endpoint = cursor(param="page.cursor", **{"in": "body"})
    read(api.url, {**endpoint, "method": "POST", "body": body})
    assert [json.loads(call.body) if call.body else None for call in api.calls] == [first, second]


@pytest.mark.parametrize("token", [["a"], {"a": 1}])
def test_a_cursor_that_only_a_body_can_hold(api: Api, token: Any) -> None:
    api.serve(scripted(page(1, next=token)))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, cursor())
    assert caught.value.id == "cursor_not_scalar"


@pytest.mark.parametrize(
    ("path", "targets"),
    [
        ("/records", ["/records?a=1", "/records/x%2Fy?a=1"]),
        ("/records/?b=2", ["/records/?b=2&a=1", "/records/x%2Fy?b=2&a=1"]),
        ("/from/{cursor}/list", ["/from/list?a=1", "/from/x%2Fy/list?a=1"]),
    ],
)
def test_a_cursor_in_the_path(api: Api, path: str, targets: list[str]) -> None:
    api.serve(scripted(page(1, next="x/y"), page(2)))
    read(api.url, {**cursor(**{"in": "path"}), "path": path, "params": {"a": 1}})
    assert [call.target for call in api.calls] == targets


def test_excluded_fields_still_lead_to_the_next_page(api: Api) -> None:
    api.serve(after_tokens([rows(1, 2), rows(3)], token_in="last_record", more=True))
    endpoint = cursor("$.id", has_more="$.has_more", **{"from": "last_record"})
    result = read(api.url, {**endpoint, "exclude": ["id"]})
    assert result.records == [{}, {}, {}]


def test_an_excluded_wrapper_still_leads_to_the_next_page(api: Api) -> None:
    api.serve(scripted({"id": 1, "links": {"next": "/2"}}, {"id": 2, "links": {}}))
    endpoint = {"pagination": {"type": "next_url", "path": "$.links.next"}, "data_root": "$", "exclude": ["links"]}
    assert read(api.url, endpoint).records == [{"id": 1}, {"id": 2}]


# No pagination, though the answer announces more


@pytest.mark.parametrize(
    ("answer", "yaml"),
    [
        (page(1, next="https://x/2"), "{type: next_url, path: $.next}`"),
        (page(1, links={"next": "/2"}), "{type: next_url, path: $.links.next}`"),
        (page(1, _links={"next": {"href": "/2"}}), "{type: next_url, path: $._links.next.href}`"),
        ({**page(1), "@odata.nextLink": "https://x"}, "{type: next_url, path: \"$['@odata.nextLink']\"}`"),
        (page(1, meta={"next_cursor": "abc"}), "{type: cursor, value: $.meta.next_cursor, param: cursor}`"),
        (page(1, has_more=True), "has_more: $.has_more`"),
        (page(1, has_more="true"), "has_more: $.has_more`"),
        (page(1, meta={"total_pages": 3}), "{type: page_number, total_pages: $.meta.total_pages}`"),
        (page(1, meta={"total_pages": "3"}), "{type: page_number, total_pages: $.meta.total_pages}`"),
        (page(1, total=2), "{type: offset_limit, total_records: $.total}`"),
        (Reply(page(1), headers={"Link": "</2>; rel=next"}), "{type: link_header}`"),
    ],
)
def test_announced_pages_are_a_warning_with_the_yaml(api: Api, answer: Any, yaml: str) -> None:
    api.serve(scripted(answer))
    result = read(api.url, {})
    assert (result.ids, result.reason, len(api.calls)) == ([1], "single_request", 1)
    assert result.warnings[0].endswith(yaml)


@pytest.mark.parametrize(
    "answer",
    [
        page(1),
        page(1, next=None, has_more=False, total=1, total_pages=1, meta={"next_cursor": ""}),
        page(1, has_more="false", total="1", total_pages="1"),
        Reply(page(1), headers={"Link": '</1>; rel="first"'}),
    ],
)
def test_nothing_announced_nothing_said(api: Api, answer: Any) -> None:
    api.serve(scripted(answer))
    assert read(api.url, {}).warnings == []


def test_a_next_url_on_a_host_that_is_not_to_be_reached_names_the_key(api: Api) -> None:
    api.serve(scripted(page(1, next="http://127.0.0.2:9/records?page=2")))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, NEXT_URL)
    assert caught.value.id == "connection_refused"
    assert "`keep_origin: true`" in caught.value.remedy


# Ends that page 1 only seems to be

SIZED = {"type": "page_number", "size": 20, "size_param": "n"}


def windows(api: Api, size: int, last: int, **around: Any) -> list[int]:
    """Serve so many records in pages of a size; the numbers of the pages that are asked for."""
    asked = list[int]()

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        asked.append(number)
        ids = range((number - 1) * size + 1, min(last, number * size) + 1)
        return Reply({**page(*ids), **({"count": len(ids)} if around.get("own") else around)})

    api.serve(answer)
    return asked


@pytest.mark.parametrize(
    ("pagination", "around", "told"),
    [
        (SIZED | {"stop_on_short_page": True}, {}, "Write `size: 10` in the pagination"),
        ({"type": "page_number", "total_records": "$.count"}, {"own": True}, "leave out `total_records`"),
        ({"type": "page_number", "total_pages": "$.page"}, {"page": 1}, "leave out `total_pages`"),
    ],
)
def test_an_end_that_page_2_disproves_is_none(
    api: Api, pagination: dict[str, Any], around: dict[str, Any], told: str
) -> None:
    windows(api, 10, 35, **around)
    result = read(api.url, {"pagination": pagination}, limits={"concurrency": 1})
    assert result.ids == list(range(1, 36))
    (warning,) = result.warnings
    assert told in warning


@pytest.mark.parametrize(
    ("pagination", "size", "around", "requests"),
    [
        (SIZED | {"stop_on_short_page": True}, 7, {}, 2),
        (SIZED | {"total_records": "$.count"}, 10, {"count": 10}, 1),
        (SIZED | {"total_records": "$.count"}, 20, {"count": 20}, 2),
        (SIZED | {"total_records": "$.total"}, 20, {"total": 20}, 1),
    ],
)
def test_an_end_that_page_1_leaves_in_doubt_costs_a_request(
    api: Api, pagination: dict[str, Any], size: int, around: dict[str, Any], requests: int
) -> None:
    asked = windows(api, size, size, **around)
    result = read(api.url, {"pagination": pagination}, limits={"concurrency": 1})
    assert (result.ids, result.warnings, len(asked)) == (list(range(1, size + 1)), [], requests)


@pytest.mark.parametrize(
    ("counts", "requests"), [([2] * 9, 10), ([5, 4, 3, 2, 1, 0], 7), ([1, 2, 3], 6), ([10, 9, 8, 7, 2], 6)]
)
def test_short_pages_of_many_parents_are_settled_together(api: Api, counts: list[int], requests: int) -> None:
    api.serve(lambda call: Reply(page(*range(counts[int(call.arg("of") or 0)] if call.arg("page") == "1" else 0))))
    keys = {"params": {"of": "{parent.n}"}, "parent": {"values": {"n": [*range(len(counts))]}}}
    result = read(api.url, {"pagination": SIZED | {"stop_on_short_page": True}, **keys}, limits={"concurrency": 1})
    assert (len(result.ids), result.warnings, len(api.calls)) == (sum(counts), [], requests)


def test_a_last_page_of_which_nothing_is_selected_settles_nothing_for_others(api: Api) -> None:
    def answer(call: Call) -> Reply:
        first = 3 * (int(call.arg("page") or 1) - 1)
        places = range(first, min(first + 3, 8))
        return Reply({"data": [{"id": place, "kind": "b" if place >= 6 else "a"} for place in places]})

    api.serve(answer)
    keys = {
        "params": {"of": "{parent.n}"},
        "parent": {"values": {"n": [1, 2]}},
        "data_root": '$.data[?(@.kind == "a")]',
    }
    result = read(api.url, {"pagination": SIZED | {"stop_on_short_page": True}, **keys}, limits={"concurrency": 1})
    assert result.ids == [*range(6)] * 2


@pytest.mark.parametrize("rules", [[], [{"status": 403, "do": "skip"}, {"json": "$.error", "do": "fail"}]], ids=str)
@pytest.mark.parametrize(
    "beyond",
    [
        *(Reply({"detail": "one page only"}, 403), Reply(status=410), Reply("IndexError", 500), Reply("")),
        *({"data": None, "error": "no page"}, {"success": False, "message": "no page"}, {**page(), "last": False}),
        Reply(status=302, headers={"Location": "/records?page=1&size=10"}),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "pagination", [SIZED | {"stop_on_short_page": True}, {"type": "page_number", "total_records": "$.count"}], ids=str
)
def test_a_page_that_only_settles_a_doubt_fails_no_load(
    api: Api, pagination: dict[str, Any], beyond: Any, rules: list[Any]
) -> None:
    api.serve(lambda call: scripted(page(1, 2, count=2) if call.arg("page") == "1" else beyond)(call))
    result = read(api.url, {"pagination": pagination, "on_error": rules})
    assert (result.ids, result.warnings, result.stream.failed, len(api.calls)) == ([1, 2], [], [], 2)


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_page_that_settles_a_doubt_has_to_be_answered(api: Api, status: int) -> None:
    api.serve(scripted(page(1, 2), Reply(status=status)))
    with pytest.raises(RestSourceError, match=f"answered {status}"):
        read(api.url, {"pagination": SIZED | {"stop_on_short_page": True}})


def test_a_total_that_is_a_lower_bound_is_no_end(api: Api) -> None:
    bound = {"hits": {"value": 2, "relation": "gte"}}
    api.serve(scripted(page(1, 2, **bound), page(3, **bound), page(**bound)))
    assert read(api.url, numbered(total_records="$.hits.value")).ids == [1, 2, 3]


@pytest.mark.parametrize(("last", "ids"), [(5, list(range(1, 6))), (6, list(range(1, 7)))])
def test_a_cursor_of_the_last_record_may_include_it(api: Api, last: int, ids: list[int]) -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("from") or 1)
        return Reply(page(*range(start, min(last, start + 2) + 1)))

    api.serve(answer)
    result = read(api.url, cursor("$.id", **{"from": "last_record", "param": "from"}))
    assert (sorted(set(result.ids)), result.reason, result.warnings) == (ids, "no_cursor", [])


def test_more_records_with_one_cursor_than_a_page_holds_are_an_error(api: Api) -> None:
    api.serve(lambda call: Reply({"data": [{"id": n, "at": 7} for n in range(3)]}))
    with pytest.raises(RestSourceError, match="the page is a full one") as caught:
        read(api.url, cursor("$.at", **{"from": "last_record", "param": "from"}))
    assert caught.value.id == "pagination_loop"
