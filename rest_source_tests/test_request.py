"""Requests as they leave: what the file says, rendered, merged and put on the wire."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.page import PageRequest
from rest_source.extract.request import RequestBuilder
from rest_source.http.request import Request
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec
from rest_source_tests.fakes import Api
from rest_source_tests.fakes.reading import opened, read
from rest_source_tests.strategies import documents

NOW = datetime(2026, 3, 29, 22, 30, 15, tzinfo=UTC)
VARIABLES = {"TOKEN": "s3/c?r=t", "HOST": "h.example", "URL": "https://x.example/y?z=1"}


def build(endpoint: dict[str, Any], page: PageRequest | None = None, base: str = "http://h/v1", **keys: Any) -> Request:
    spec = SourceSpec.model_validate(
        {"name": "s", "base_url": base, "endpoints": [{"name": "e", "path": "/x", **endpoint}], **keys}
    )
    return RequestBuilder(spec, spec.endpoints[0], Environment(VARIABLES), NOW).build(page or PageRequest())


def at(page: dict[str, Any]) -> tuple[tuple[tuple[str | int, ...], Any], ...]:
    """Values at dotted paths, as a pager places them."""
    return tuple((tuple(path.split(".")), value) for path, value in page.items())


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h", "/orders", "http://h/orders"),
        ("http://h", "orders", "http://h/orders"),
        ("http://h/", "/orders", "http://h/orders"),
        ("http://h/v1/", "/orders/", "http://h/v1/orders/"),
        ("http://h/v1", "", "http://h/v1"),
        ("http://h/v1/", "", "http://h/v1/"),
        ("http://h/v1", "?a=1", "http://h/v1?a=1"),
        ("http://h/v1", "//evil.example/x", "http://h/v1/evil.example/x"),
        ("http://h/v1", "https://other.example/x", "https://other.example/x"),
        ("http://h/v1", "https://other.example/x/{env.TOKEN}?a=1", "https://other.example/x/s3%2Fc%3Fr%3Dt?a=1"),
        ("http://h/v1", "{env.URL}", "https://x.example/y?z=1"),
        ("http://h/v1", "/to/{env.URL}", "http://h/v1/to/https%3A%2F%2Fx.example%2Fy%3Fz%3D1"),
        ("https://{env.HOST}/v1", "/x", "https://h.example/v1/x"),
        ("{env.URL}", "/x", "https://x.example/y/x?z=1"),
        ("http://h/api?api-version=7&k", "/x?b=2", "http://h/api/x?api-version=7&k&b=2"),
        ("http://h", "/a#part", "http://h/a"),
        ("http://h", "/a/{now:%Y-%m-%d}", "http://h/a/2026-03-29"),
        ("http://h", "/a/{now}?since={now}", "http://h/a/2026-03-29T22%3A30%3A15Z?since=2026-03-29T22%3A30%3A15Z"),
        ("http://h", "/a?q=a+b%20c&q=%C3%BC", "http://h/a?q=a+b%20c&q=%C3%BC"),
        ("http://h", "/a?c={d}", "http://h/a?c={d}"),
    ],
)
def test_urls(base: str, path: str, url: str) -> None:
    assert build({"path": path}, base=base).full_url == url


@pytest.mark.parametrize(
    ("path", "params", "query"),
    [
        ("/x?a=1", {"b": 2}, [("a", "1"), ("b", "2")]),
        ("/x?a=1&a=2&c=3", {"a": 9}, [("c", "3"), ("a", "9")]),
        ("/x?a=1", {"a": None}, []),
        (
            "/x",
            {"t": True, "f": False, "n": None, "e": "", "z": 0},
            [("t", "true"), ("f", "false"), ("e", ""), ("z", "0")],
        ),
        ("/x", {"id": [1, None, "b", True]}, [("id", "1"), ("id", "b"), ("id", "true")]),
        ("/x", {"ids[]": [1, 2], "none": []}, [("ids[]", "1"), ("ids[]", "2")]),
        ("/x", {"a": 1.5, "b": 10**20}, [("a", "1.5"), ("b", "100000000000000000000")]),
        ("/x", {"a": "{now:epoch}", "b": ["{now:%d}", "x"]}, [("a", "1774823415"), ("b", "29"), ("b", "x")]),
        ("/x", {"a b&": "ü +/=&#?"}, [("a b&", "ü +/=&#?")]),
        ("/x", {"k": "{env.TOKEN}", "l": {"env": "TOKEN"}}, [("k", "s3/c?r=t"), ("l", "s3/c?r=t")]),
        ("/x", {"q": '{"a": {"b": 1}}'}, [("q", '{"a": {"b": 1}}')]),
    ],
)
def test_params(path: str, params: dict[str, Any], query: list[tuple[str, str]]) -> None:
    sent = build({"path": path, "params": params}).full_url
    assert parse_qsl(urlsplit(sent).query, keep_blank_values=True) == query


def test_a_page_replaces_params_of_its_name() -> None:
    endpoint = {"path": "/x?page=7&a=1", "params": {"page": [8, 9], "b": 2}}
    assert build(endpoint, PageRequest(query={"page": 3})).full_url == "http://h/v1/x?a=1&b=2&page=3"


def test_a_next_url_takes_nothing_along() -> None:
    sent = build({"params": {"a": 1}}, PageRequest(url="https://h2/z?b=%20&b"), base="http://h/v1?k=1")
    assert sent.full_url == "https://h2/z?b=%20&b"


def test_text_stands_in_the_time_zone_of_the_source() -> None:
    sent = build({"params": {"day": "{now:%Y-%m-%d}", "at": "{now}", "s": "{now:epoch}"}}, timezone="Europe/Berlin")
    assert sent.params == (("day", "2026-03-30"), ("at", "2026-03-30T00:30:15+02:00"), ("s", "1774823415"))


@pytest.mark.parametrize(
    ("source", "endpoint", "page", "sent"),
    [
        ({"A": "1"}, {"B": "2"}, {}, {"A": "1", "B": "2"}),
        ({"A": "1"}, {"a": "2"}, {}, {"a": "2"}),
        ({"A": "1"}, {"a": "2"}, {"A": "3"}, {"A": "3"}),
        ({"A": "1", "B": "2"}, {"a": None}, {}, {"B": "2"}),
        ({"A": None}, {"A": "2"}, {}, {"A": "2"}),
        ({"A": None}, {}, {}, {}),
        ({"A": True, "B": 5, "C": 1.5, "D": ""}, {}, {}, {"A": "true", "B": "5", "C": "1.5", "D": ""}),
        (
            {"A": "Token token={env.TOKEN}", "B": {"env": "HOST"}},
            {},
            {},
            {"A": "Token token=s3/c?r=t", "B": "h.example"},
        ),
        ({"A": "{now:%Y}"}, {}, {"B": "{now:%Y}{env.TOKEN}"}, {"A": "2026", "B": "{now:%Y}{env.TOKEN}"}),
    ],
)
def test_headers(source: dict[str, Any], endpoint: dict[str, Any], page: dict[str, Any], sent: dict[str, str]) -> None:
    assert dict(build({"headers": endpoint}, PageRequest(headers=page), headers=source).headers) == sent


@pytest.mark.parametrize(
    ("body", "page", "sent"),
    [
        ({}, {}, {}),
        ([1, "{now:%Y}"], {}, [1, "2026"]),
        ("{now:epoch}", {}, 1774823415),
        ("text", {}, "text"),
        (False, {}, False),
        (0, {}, 0),
        ({"a": "{now:epoch_ms}", "b": "{env.TOKEN}"}, {}, {"a": 1774823415000, "b": "s3/c?r=t"}),
        ({"query": "{ orders { id cursor } }"}, {}, {"query": "{ orders { id cursor } }"}),
        ({"a": None, "b": [True]}, {}, {"a": None, "b": [True]}),
        (None, {"a.b.c": 1, "a.d": 2}, {"a": {"b": {"c": 1}, "d": 2}}),
        ({"a": {"x": 1}}, {"a.b": "{env.TOKEN}"}, {"a": {"x": 1, "b": "{env.TOKEN}"}}),
        ({"a": [1]}, {"a.b": 2}, {"a": {"b": 2}}),
        ({"ü": "é😀"}, {"c": "\ud800"}, {"ü": "é😀", "c": "\ud800"}),
        ({1: {2: 3}}, {}, {"1": {"2": 3}}),
    ],
)
def test_bodies(body: Any, page: dict[str, Any], sent: Any) -> None:
    endpoint = {"method": "POST", "body": body}
    for _ in range(2):  # the file's body stays as it is
        request = build(endpoint, PageRequest(body=at(page)))
        assert request.body is not None
        assert json.loads(request.body) == sent
        assert type(json.loads(request.body)) is type(sent)
        assert request.headers == (("Content-Type", "application/json"),)


@given(documents.filter(lambda value: value is not None and "{" not in repr(value).replace("{'", "").replace('{"', "")))
def test_any_body_arrives(body: Any) -> None:
    request = build({"method": "POST", "body": body})
    assert request.body is not None
    assert json.loads(request.body) == body


@pytest.mark.parametrize(
    ("form", "page", "sent"),
    [
        ({"a": 1, "b": None, "c": [True, "x y"]}, {}, {"a": ["1"], "c": ["true", "x y"]}),
        ({"a": "{now:%Y}", "b": "{env.TOKEN}"}, {"b": "{now}&=ü"}, {"a": ["2026"], "b": ["{now}&=ü"]}),
        ({}, {"page.number": 2}, {"page.number": ["2"]}),
    ],
)
def test_forms(form: dict[str, Any], page: dict[str, Any], sent: dict[str, list[str]]) -> None:
    request = build({"method": "POST", "form": form}, PageRequest(body=at(page)))
    assert parse_qs((request.body or b"").decode()) == sent
    assert request.headers == (("Content-Type", "application/x-www-form-urlencoded"),)


def test_a_content_type_of_ones_own_stays() -> None:
    request = build({"method": "POST", "body": {}, "headers": {"content-type": "application/vnd.api+json"}})
    assert request.headers == (("content-type", "application/vnd.api+json"),)


@pytest.mark.parametrize("endpoint", [{}, {"method": "POST"}])
def test_no_body_no_content_type(endpoint: dict[str, Any]) -> None:
    request = build(endpoint)
    assert (request.body, request.headers) == (None, ())


@given(st.text().filter(lambda token: token not in (".", "..")), st.text(max_size=5))  # which are refused
def test_no_cursor_leaves_its_place_in_the_path(token: str, name: str) -> None:
    param = name or "c"
    pagination = {"type": "cursor", "value": "$.n", "param": param, "in": "path"}
    base = "http://h/{env.HOST}/v1" if "{" not in name else "http://h/v1"
    url = urlsplit(build({"pagination": pagination}, PageRequest(path={param: token}), base=base).full_url)
    assert (url.netloc, url.query, url.fragment) == ("h", "", "")
    segments = url.path.split("/")
    assert segments[:-1] == [*urlsplit(base.replace("{env.HOST}", "h.example")).path.split("/"), "x"]
    assert unquote(segments[-1]) == token


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.lists(st.text(), max_size=3), max_size=4))
def test_any_param_arrives(params: dict[str, Any]) -> None:
    literal = {name: value for name, value in params.items() if "{" not in repr((name, value))}
    query = urlsplit(build({"params": literal}).full_url).query
    expected = [(k, str(item)) for k, v in literal.items() for item in (v if isinstance(v, list) else [v])]
    assert parse_qsl(query, keep_blank_values=True) == expected


def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(RestSourceError, match="NOT_THERE is not set") as caught:
        build({"params": {"a": "{env.NOT_THERE}"}})
    assert caught.value.id == "missing_env"


def test_a_variable_of_nearly_the_name_is_named() -> None:
    with pytest.raises(RestSourceError, match="Did you mean SHOP_TOKEN, which is"):
        Environment({"SHOP_TOKEN": "t0ken", "SHELL": "sh"})["SHOP_TOKN"]


Loopback = Callable[[Callable[[Call], Reply]], LoopbackServer]


def test_on_the_wire(api: Api) -> None:
    api.serve(lambda call: Reply({"data": []}))
    endpoint = {
        "method": "POST",
        "path": "/größe/{env.TOKEN}?a=1",
        "params": {"b": ["x y", True]},
        "headers": {"X-Key": {"env": "TOKEN"}},
        "body": {"since": "{now-1d:%Y-%m-%d}"},
    }
    read(f"{api.url}/v1", endpoint, VARIABLES, headers={"Accept": "text/json"})
    [call] = api.calls
    assert call.target == "/v1/gr%C3%B6%C3%9Fe/s3%2Fc%3Fr%3Dt?a=1&b=x%20y&b=true"
    assert (call.headers["X-Key"], call.headers["Accept"]) == ("s3/c?r=t", "text/json")
    assert call.json == {"since": "2026-03-28"}


def test_the_first_request_is_kept_without_secrets(api: Api) -> None:
    api.serve(lambda call: Reply({"data": []}))
    with opened(api.url, {"params": {"key": {"env": "TOKEN"}}}, VARIABLES) as stream:
        assert (stream.first_request, api.calls) == ("", [])
        list(stream)
        assert stream.first_request == f"GET {api.url}/records?key={{env.TOKEN}}"


def test_a_full_url_goes_to_its_own_host(api: Api, loopback: Loopback) -> None:
    other = loopback(lambda call: Reply({"data": [{"id": 1}]}))
    assert read(api.url, {"path": f"{other.url}/export?x=1", "params": {"y": 2}}).ids == [1]
    assert (other.calls[0].target, api.calls) == ("/export?x=1&y=2", [])


@pytest.mark.parametrize("is_written", [True, False])
def test_a_body_may_go_with_get(api: Api, is_written: bool) -> None:
    def answer(call: Call) -> Reply:
        page = call.json["page"]
        return Reply({"data": [{"id": page}] if page < 3 else []})

    api.serve(answer)
    pagination = {"type": "page_number", "in": "body"}
    endpoint = {"body": {"q": "{now:%Y}"}, "pagination": pagination, **({"method": "GET"} if is_written else {})}
    found = read(api.url, endpoint, limits={"concurrency": 1})
    assert found.ids == [1, 2]
    assert [(call.method, call.json["q"], call.headers["Content-Type"]) for call in api.calls] == [
        ("GET", "2026", "application/json")
    ] * 3
    assert ["`body` is sent with GET" in warning for warning in found.warnings] == ([] if is_written else [True])


def test_a_value_that_is_nothing_but_braces_is_told(api: Api) -> None:
    api.serve(lambda call: Reply({"data": [{"id": 1}]}))
    found = read(api.url, {"params": {"customer": "{customer_id}", "fields": "{id,name}"}, "headers": {"X": "{x.y}"}})
    assert ["params.customer" in found.warnings[0], "headers.X" in found.warnings[1]] == [True, True]
    assert len(found.warnings) == 2
    assert api.calls[0].query["customer"] == ["{customer_id}"]
