"""Where the position of a page goes in its request, and what a next URL becomes."""

from typing import Any

import pytest
from pydantic import ValidationError

from rest_source.demo.server import Call, Reply
from rest_source.errors import RestSourceError
from rest_source.spec.endpoint import EndpointSpec
from rest_source_tests.fakes import Api, scripted
from rest_source_tests.fakes.reading import read


def page(*ids: int, **around: Any) -> dict[str, Any]:
    return {"data": [{"id": number} for number in ids], **around}


def asked(api: Api, endpoint: dict[str, Any], *replies: Any, **source: Any) -> list[Call]:
    api.serve(scripted(*replies))
    read(api.url, endpoint, limits={"concurrency": 1}, **source)
    return list(api.calls)


def targets(calls: list[Call]) -> list[str]:
    return [call.target for call in calls]


# Templates


def test_positions_in_a_longer_text(api: Api) -> None:
    pagination = {"type": "offset_limit", "limit": 2, "in": "template"}
    params = {"q": "SELECT * FROM Account STARTPOSITION {offset} MAXRESULTS {limit}", "v": 65}
    calls = asked(api, {"pagination": pagination, "params": params}, page(1, 2), page(3, 4), page())
    assert [call.arg("q") for call in calls] == [
        f"SELECT * FROM Account STARTPOSITION {offset} MAXRESULTS 2" for offset in (0, 2, 4)
    ]
    assert {call.arg("v") for call in calls} == {"65"}


def test_a_page_in_the_path_and_a_header(api: Api) -> None:
    pagination = {"type": "page_number", "size": 2, "in": "template"}
    endpoint = {"path": "/records/{page}", "headers": {"X-Range": "{page}/{limit}"}, "pagination": pagination}
    calls = asked(api, endpoint, page(1, 2), page())
    assert [(call.path, call.headers["X-Range"]) for call in calls] == [("/records/1", "1/2"), ("/records/2", "2/2")]


def test_a_position_in_a_body_keeps_its_type_and_other_braces_stay(api: Api) -> None:
    body = {
        "query": "{items(after: $after) {next}}",
        "variables": {"n": "{limit}", "at": "{offset}", "x": ["{offset}"]},
    }
    pagination = {"type": "offset_limit", "limit": 2, "in": "template"}
    calls = asked(api, {"method": "POST", "body": body, "pagination": pagination}, page(1, 2), page())
    assert [call.json["variables"] for call in calls] == [{"n": 2, "at": at, "x": [at]} for at in (0, 2)]
    assert {call.json["query"] for call in calls} == {"{items(after: $after) {next}}"}


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ({"params": {"after": "{next}", "a": 1}}, ["/records?a=1", "/records?after=t%2F1&a=1"]),
        ({"path": "/records/{next}"}, ["/records", "/records/t%2F1"]),
        ({"path": "/records?after={next}&b=2"}, ["/records?b=2", "/records?after=t%2F1&b=2"]),
        ({"params": {"q": "id>{next}"}}, ["/records?q=id%3E", "/records?q=id%3Et%2F1"]),
    ],
)
def test_a_token_that_is_not_there_yet_is_left_out(api: Api, endpoint: dict[str, Any], expected: list[str]) -> None:
    pagination = {"type": "cursor", "value": "$.next", "in": "template"}
    assert targets(asked(api, {"pagination": pagination, **endpoint}, page(1, next="t/1"), page(2))) == expected


def test_a_token_that_is_not_there_yet_is_left_out_of_a_body(api: Api) -> None:
    pagination = {"type": "cursor", "value": "$.next", "in": "template"}
    body = {"page": {"cursor": "{next}", "size": 2}, "list": ["{next}", 1]}
    calls = asked(api, {"method": "POST", "body": body, "pagination": pagination}, page(1, next={"a": 1}), page(2))
    assert [call.json for call in calls] == [
        {"page": {"size": 2}, "list": [1]},
        {"page": {"cursor": {"a": 1}, "size": 2}, "list": [{"a": 1}, 1]},
    ]


@pytest.mark.parametrize(
    ("endpoint", "place", "said"),
    [
        ({"pagination": {"type": "page_number", "in": "template"}}, "pagination.in", "needs `{page}`"),
        ({"params": {"p": "{page}"}, "pagination": {"type": "page_number"}}, "params.p", "`in: template`"),
        ({"params": {"p": "{next}"}}, "params.p", "`in: template`"),
        (
            {"params": {"p": "{offset}", "q": "{page}"}, "pagination": {"type": "page_number", "in": "template"}},
            "params.p",
            "`page_number` has page, limit",
        ),
        ({"pagination": {"type": "page_number", "param": ["a", 0]}}, "pagination.param", "needs `in: body`"),
        ({"pagination": {"type": "cursor", "value": {}}}, "pagination.value", "at least one"),
        ({"pagination": {"type": "cursor", "value": {"a": "b"}}}, "pagination.value.a", "no JSONPath"),
        ({"pagination": {"type": "cursor", "value": {"a": "$.a"}, "param": "x"}}, "pagination.param", "no meaning"),
        ({"pagination": {"type": "cursor", "value": {"a": "$.a"}, "in": "path"}}, "pagination.value", "one token"),
        ({"pagination": {"type": "next_url", "path": "$.n", "base": "rot"}}, "pagination.base", "Did you mean `root`"),
    ],
)
def test_a_mistake_in_the_file(endpoint: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EndpointSpec.model_validate({"name": "records", "path": "/records", **endpoint})
    (line,) = caught.value.errors()
    assert ".".join(map(str, line["loc"])) == place
    assert said in line["msg"]


# Bodies


def test_a_list_of_steps_replaces_only_that_place_in_the_body(api: Api) -> None:
    body = {"filterGroups": [{"filters": [{"name": "id", "value": 0}, {"name": "x"}]}], "a.b": 1}
    steps = ["filterGroups", 0, "filters", 0, "value"]
    pagination = {"type": "cursor", "value": "$.id", "from": "last_record", "in": "body", "param": steps}
    calls = asked(api, {"method": "POST", "body": body, "pagination": pagination}, page(7), page())
    assert calls[1].json == {
        "filterGroups": [{"filters": [{"name": "id", "value": 7}, {"name": "x"}]}],
        "a.b": 1,
    }


@pytest.mark.parametrize(
    ("param", "sent"),
    [
        ("filters.0.value", {"filters": [{"value": 1}], "a.b": 0}),
        (["a.b"], {"filters": [{"value": 0}], "a.b": 1}),
        (["new", 1, "x"], {"filters": [{"value": 0}], "a.b": 0, "new": [None, {"x": 1}]}),
    ],
)
def test_places_in_a_body(api: Api, param: Any, sent: dict[str, Any]) -> None:
    pagination = {"type": "page_number", "in": "body", "param": param}
    body = {"filters": [{"value": 0}], "a.b": 0}
    calls = asked(api, {"method": "POST", "body": body, "pagination": pagination}, page())
    assert calls[0].json == sent


# Tokens


def test_a_token_that_must_be_alone(api: Api) -> None:
    pagination = {"type": "cursor", "value": "$.next", "param": "token", "alone": True}
    auth = {"type": "api_key", "name": "key", "value": "k", "in": "query"}
    endpoint = {"path": "/records?v=1", "params": {"since": "2024"}, "pagination": pagination}
    calls = asked(api, endpoint, page(1, next="x"), page(2), auth=auth)
    assert targets(calls) == ["/records?v=1&since=2024&key=k", "/records?token=x&key=k"]


def test_a_token_that_must_be_alone_in_a_body(api: Api) -> None:
    pagination = {"type": "cursor", "value": "$.next", "param": "token", "in": "body", "alone": True}
    endpoint = {"method": "POST", "params": {"v": 1}, "body": {"since": "2024"}, "pagination": pagination}
    calls = asked(api, endpoint, page(1, next="x"), page(2))
    assert [(call.target, call.json) for call in calls] == [
        ("/records?v=1", {"since": "2024"}),
        ("/records?v=1", {"token": "x"}),
    ]


def test_several_tokens_at_once(api: Api) -> None:
    value = {"NextPartitionKey": {"header": "x-partition"}, "NextRowKey": {"header": "x-row"}, "more": "$.more"}
    replies = [
        Reply(page(1), headers={"x-partition": "p", "x-row": "r"}),
        Reply(page(2, more=3), headers={"x-partition": "q"}),
        page(3),
    ]
    calls = asked(api, {"pagination": {"type": "cursor", "value": value}}, *replies)
    assert targets(calls) == [
        "/records",
        "/records?NextPartitionKey=p&NextRowKey=r",
        "/records?NextPartitionKey=q&more=3",
    ]


def test_a_last_record_without_the_cursor_is_told(api: Api) -> None:
    api.serve(scripted(page(1, 2)))
    result = read(api.url, {"pagination": {"type": "cursor", "value": "$.idd", "from": "last_record"}})
    assert result.reason == "no_cursor"
    assert "The last record of a page has no value at $.idd" in result.warnings[0]


def test_a_cursor_that_the_api_ignores_is_an_error(api: Api) -> None:
    api.serve(lambda call: Reply(page(1, 2, next=f"t{len(api.calls)}")))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"pagination": {"type": "cursor", "value": "$.next", "param": "crsr"}})
    assert (caught.value.id, len(api.calls)) == ("parameter_ignored", 11)
    assert "`crsr`" in caught.value.message


# Next URLs


@pytest.mark.parametrize(
    ("keys", "document", "expected"),
    [
        ({}, {"next": "books?page=2"}, "/v1/authors(3)/books?page=2"),
        ({"base": "root"}, {"next": "authors(3)/books?page=2"}, "/v1/authors(3)/books?page=2"),
        ({"base": "root"}, {"next": "/v1/x?page=2"}, "/v1/x?page=2"),
        ({"base": "$['@odata.context']"}, {"next": "x?p=2", "@odata.context": "{url}/v2/$metadata#x"}, "/v2/x?p=2"),
        ({"base": "$['@odata.context']"}, {"next": "x?p=2"}, "/v1/authors(3)/x?p=2"),
        ({"keep_origin": True}, {"next": "http://10.0.0.1:9/v1/x?page=2#y"}, "/v1/x?page=2"),
        ({"keep_origin": True}, {"next": "https://internal/x?a=%2F&b"}, "/x?a=%2F&b"),
        ({"keep_origin": True, "base": "root"}, {"next": "https://internal/x?p=2"}, "/x?p=2"),
        ({"keep_origin": True, "base": "root"}, {"next": "authors(3)/books?page=2"}, "/v1/authors(3)/books?page=2"),
    ],
)
def test_what_a_next_url_becomes(api: Api, keys: dict[str, Any], document: dict[str, Any], expected: str) -> None:
    shown = {name: value.replace("{url}", api.url) for name, value in document.items()}
    pagination = {"type": "next_url", "path": "$.next", **keys}
    endpoint = {"path": "/authors(3)/books", "pagination": pagination}
    api.serve(scripted(page(1, **shown), page(2)))
    read(f"{api.url}/v1", endpoint)
    assert targets(list(api.calls))[1] == expected


def test_a_link_header_may_keep_the_origin_too(api: Api) -> None:
    pagination = {"type": "link_header", "keep_origin": True}
    calls = asked(
        api, {"pagination": pagination}, Reply(page(1), headers={"Link": "<https://x/y?p=2>; rel=next"}), page()
    )
    assert targets(calls)[1] == "/y?p=2"


# Ends


@pytest.mark.parametrize(
    ("pagination", "replies", "ids", "reason"),
    [
        ({"type": "page_number", "has_more": "$.m"}, [page(1, m=True), page(2, m=False)], [1, 2], "has_more_false"),
        ({"type": "page_number", "done": "$.last"}, [page(1, last=False), page(2, last="true")], [1, 2], "done"),
        ({"type": "page_number", "done": "$.last"}, [page(1, last="null"), page(2, last="true")], [1, 2], "done"),
        ({"type": "offset_limit", "limit": 1, "done": {"header": "X-Done"}}, [page(1)], [1], "done"),
        ({"type": "cursor", "value": "$.n", "done": "$.d"}, [page(1, n="a", d=0), page(2, n="b", d=1)], [1, 2], "done"),
        ({"type": "next_url", "path": "$.n", "same_url": "end"}, [page(1, n="/records")], [1], "same_url"),
        ({"type": "next_url", "path": "$.n", "has_more": "$.m"}, [page(1, n="/2", m=False)], [1], "has_more_false"),
        (
            {"type": "cursor", "value": "$.n", "stop_on_short_page": True},
            [page(1, 2, n="a"), page(3, 4, n="b"), page(5, n="c")],
            [1, 2, 3, 4, 5],
            "short_page",
        ),
        (
            {"type": "link_header", "stop_when": {"last": True}},
            [Reply(page(1), headers={"Link": "</2>; rel=next; last=true"})],
            [1],
            "link_ends",
        ),
        (
            {"type": "link_header", "stop_on_empty_page": True},
            [Reply(page(1), headers={"Link": "</2>; rel=next"}), Reply(page(), headers={"Link": "</3>; rel=next"})],
            [1],
            "empty_page",
        ),
        ({"type": "page_number", "has_more": "$.m"}, [page(1, m=1), page(m=1), page(2, m=0)], [1, 2], "has_more_false"),
    ],
)  # fmt: skip
def test_ends_that_the_file_names(
    api: Api, pagination: dict[str, Any], replies: list[Any], ids: list[int], reason: str
) -> None:
    if pagination.get("done") == {"header": "X-Done"}:
        replies = [Reply(replies[0], headers={"X-Done": "true"})]
    api.serve(scripted(*replies))
    result = read(api.url, {"pagination": pagination}, limits={"concurrency": 1})
    assert (result.ids, result.reason, result.warnings) == (ids, reason, [])


def test_a_size_that_is_not_sent_makes_no_page_short(api: Api) -> None:
    pagination = {"type": "page_number", "size": 100, "stop_on_short_page": True}
    api.serve(scripted(page(1, 2), page(3, 4), page(5), page(9)))
    result = read(api.url, {"pagination": pagination}, limits={"concurrency": 1})
    assert (result.ids, result.reason) == ([1, 2, 3, 4, 5], "short_page")


def test_page_zero_of_an_api_that_counts_from_one_is_passed_over(api: Api) -> None:
    api.serve(scripted(page(), page(1), page()))
    result = read(api.url, {"pagination": {"type": "page_number", "start": 0}}, limits={"concurrency": 1})
    assert result.ids == [1]
    assert result.warnings == [
        "Page 0 is empty and page 1 is not: the API counts pages from 1. Write `start: 1` in the pagination."
    ]
    api.serve(scripted(page(), Reply(status=404)))
    assert (
        read(api.url, {"pagination": {"type": "page_number", "start": 0}}, limits={"concurrency": 1}).reason
        == "empty_page"
    )


def test_an_object_in_the_place_of_a_list_is_told(api: Api) -> None:
    for last, told in (({"message": "busy"}, True), ({}, False), ([], False)):
        api.serve(scripted([{"id": 1}], last))
        result = read(api.url, {"data_root": "$", "pagination": {"type": "page_number"}}, limits={"concurrency": 1})
        assert (result.ids, any("`message`" in w or '"message"' in w for w in result.warnings)) == ([1], told)


def test_empty_pages_without_end_are_told_with_the_keys(api: Api) -> None:
    api.serve(lambda call: Reply(page(*([1] if call.arg("at") is None else []), next=f"?at={len(api.calls)}")))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"pagination": {"type": "next_url", "path": "$.next"}}, limits={"max_pages": 20})
    assert caught.value.id == "max_pages"
    assert "The last 19 pages were empty" in caught.value.cause
    assert "stop_on_empty_page: true" in caught.value.remedy


# Offsets


def hidden(api: Api, visible: list[bool], limit: int, **pagination: Any) -> Any:
    """An API that counts rows which it does not show."""

    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 0)
        shown = [at for at in range(start, min(start + limit, len(visible))) if visible[at]]
        return Reply(page(*shown, total=sum(visible)))

    api.serve(answer)
    return read(
        api.url, {"pagination": {"type": "offset_limit", "limit": limit, **pagination}}, limits={"concurrency": 1}
    )


@pytest.mark.parametrize("total", [None, "$.total"])
def test_rows_that_are_counted_but_not_shown(api: Api, total: str | None) -> None:
    visible = [at % 10 < 7 for at in range(105)]
    result = hidden(api, visible, 10, total_records=total)
    assert result.ids == [at for at in range(105) if visible[at]]
    assert [warning for warning in result.warnings if "`advance: limit`" in warning] == result.warnings
    assert len(result.warnings) == 1
    again = hidden(api, visible, 10, total_records=total, advance="limit")
    assert (again.ids, again.warnings) == (result.ids, [])


def test_a_window_without_a_visible_row_is_not_the_end_where_rows_are_hidden(api: Api) -> None:
    visible = [True] * 5 + [False] * 32 + [True] * 5
    assert hidden(api, visible, 10, advance="limit").ids == [*range(5), *range(37, 42)]


def test_pages_of_varying_length_are_read_in_full(api: Api) -> None:
    """Some APIs end a page early, by its bytes."""
    lengths = {0: 10, 10: 4, 14: 10, 24: 7, 31: 10, 41: 3}

    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 0)
        return Reply(page(*range(start, start + lengths.get(start, 0))))

    api.serve(answer)
    result = read(api.url, {"pagination": {"type": "offset_limit", "limit": 10}}, limits={"concurrency": 1})
    assert (result.ids, result.warnings) == (list(range(44)), [])


def test_more_rows_than_asked_for_are_not_read_twice(api: Api) -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 0)
        return Reply(page(*range(start, min(start + 20, 50))))

    api.serve(answer)
    result = read(api.url, {"pagination": {"type": "offset_limit", "limit": 10}}, limits={"concurrency": 1})
    assert result.ids == list(range(50))


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("pagination", [{"type": "cursor", "value": "$.next"}, {"type": "next_url", "path": "$.next"}])
def test_a_page_that_comes_again_while_its_link_moves_on_is_told(
    api: Api, pagination: dict[str, Any], allow: bool
) -> None:
    pagination = pagination | ({"repeated_pages": "allow"} if allow else {})
    api.serve(scripted(page(1, next="/a"), page(2, next="/b"), page(2, next="/c"), page(4)))
    result = read(api.url, {"pagination": pagination})
    assert result.ids == [1, 2, 2, 4]
    told = [] if allow else ["Page 3 holds the same records as page 2"]
    assert [warning.partition(",")[0] for warning in result.warnings] == told
