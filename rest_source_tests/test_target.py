"""What stands in the request line: URLs as they are written, parameters encoded, nothing written anew on the way."""

from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.http.request import Request, Tally
from rest_source.http.target import target
from rest_source_tests.fakes.reading import read
from rest_source_tests.test_request import build
from rest_source_tests.test_session import open_session
from rest_source_tests.test_spec import errors

AS_WRITTEN = [
    "/a?b=c",
    "/a/%7euser?sig=%2b%2B%2f&x=%7E",
    "/a?q=a+b%20c",
    "/a?ids=List((a:b),(c:d))&f=id,name",
    "/a?filter[status]=open&fields=a|b",
    "/a?x=~!$&'()*+,;=:@/?-._",
    '/a?q={"a":1}'.replace('"', "'"),
    "/a?empty=&flag&&x=1",
    "/a//b/./c/../d;v=1?x",
    "/a?X-Amz-Signature=abc%3D&X-Amz-Date=20260101T000000Z",
    "/a?sig=aB%2bc%3d%3D",
    "/a?",
    "/%41%2f",
]
ENCODED = [
    ("/a b?c d", "/a%20b?c%20d"),
    ("/größe?ü=ü", "/gr%C3%B6%C3%9Fe?%C3%BC=%C3%BC"),
    ('/a?q="x"<y>', "/a?q=%22x%22%3Cy%3E"),
    ("/100%?p=100%&q=%zz", "/100%25?p=100%25&q=%25zz"),
    ("/{x}", "/%7Bx%7D"),
    ("/a\r\nHost: x?b\tc", "/a%0D%0AHost:%20x?b%09c"),
    ("", "/"),
    ("?a=1", "/?a=1"),
    ("/a#part", "/a"),
]


@pytest.mark.parametrize(("written", "sent"), [*((text, text) for text in AS_WRITTEN), *ENCODED])
def test_a_target_is_sent_as_it_is_written_where_http_can_carry_it(written: str, sent: str) -> None:
    assert target(f"http://user@h:1{written}") == sent
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url) as session:
        session.send(Request("GET", f"{api.url}{written}"), Tally())
    assert api.calls[0].target == sent


@pytest.mark.parametrize("written", AS_WRITTEN)
@pytest.mark.parametrize("is_relative", [True, False])
def test_a_next_url_is_asked_for_byte_for_byte(written: str, is_relative: bool) -> None:
    if is_relative and written in ("/a?", "/a//b/./c/../d;v=1?x"):
        pytest.skip("a relative URL is resolved (RFC 3986, 5.2)")

    def answer(call: Call) -> Reply:
        base = "" if is_relative else f"http://{call.headers['Host']}"
        first = call.path == "/records"
        return Reply({"data": [{"id": 1 if first else 2}], "next": f"{base}{written}" if first else None})

    with LoopbackServer(answer) as api:
        endpoint = {"pagination": {"type": "next_url", "path": "$.next"}, "params": {"own": 1}}
        assert read(api.url, endpoint).ids == [1, 2]
    assert api.calls[1].target in (written, written.removesuffix("?"))


def test_a_redirect_is_followed_byte_for_byte() -> None:
    def answer(call: Call) -> Reply:
        if call.path == "/records":
            return Reply("", 307, {"Location": "/files/%7ea?sig=%2b%2B&x=[1]|2"})
        return Reply({"data": [{"id": 1}]})

    with LoopbackServer(answer) as api:
        assert read(api.url, {}).ids == [1]
    assert api.calls[1].target == "/files/%7ea?sig=%2b%2B&x=[1]|2"


def test_a_plain_proxy_gets_the_same_target(monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackServer(lambda call: Reply({})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        with open_session("http://api.example") as session:
            session.send(Request("GET", "http://api.example/%7ea?x=[1]|%2b"), Tally())
    assert proxy.calls[0].target == "http://api.example/%7ea?x=[1]|%2b"


def test_parameters_have_blanks_of_rfc_3986_and_forms_have_plus() -> None:
    params = {"q": "a b+c", "r": "x/y~z", "date": "2026-01-01T00:00:00+02:00", "ü": ["é", ","]}
    with LoopbackServer(lambda call: Reply({"data": []})) as api:
        read(api.url, {"method": "POST", "path": "/x?w=a%20b", "params": params, "form": {"q": "a b+c"}})
    assert api.calls[0].target == (
        "/x?w=a%20b&q=a%20b%2Bc&r=x%2Fy~z&date=2026-01-01T00%3A00%3A00%2B02%3A00&%C3%BC=%C3%A9&%C3%BC=%2C"
    )
    assert api.calls[0].body == b"q=a+b%2Bc"


RAW = "ids=List((urn:li:{env.TOKEN}),(b:c))&fields=id,name&since={now:%Y-%m-%d %H:%M}&odd=a b#c"


def test_a_raw_query_is_sent_as_written_and_its_values_encoded() -> None:
    sent = build({"query": RAW}, base="http://h/v1?k=1").full_url
    query = "ids=List((urn:li:s3%2Fc%3Fr%3Dt),(b:c))&fields=id,name&since=2026-03-29%2022%3A30&odd=a b%23c"
    assert sent == f"http://h/v1/x?k=1&{query}"


@pytest.mark.parametrize("query", ["?a=(1,2)&page=9&b", "a=(1,2)&b&page=9"])
def test_the_pagination_follows_a_raw_query_and_wins_over_it(query: str) -> None:
    pages: list[list[dict[str, int]]] = [[{"id": 1}], [{"id": 2}], []]
    with LoopbackServer(lambda call: Reply({"data": pages[int(call.arg("page") or 0) - 1]})) as api:
        endpoint = {"query": query, "pagination": {"type": "page_number"}}
        assert read(api.url, endpoint, limits={"concurrency": 1}).ids == [1, 2]
    assert [call.target for call in api.calls] == [f"/records?a=(1,2)&b&page={number}" for number in (1, 2, 3)]


def test_values_of_a_batch_are_encoded_one_by_one() -> None:
    parent = {"values": {"id": ["a/b", 2, "c,d"]}, "batch": 3}
    endpoint = {"path": "/x/{parent.id:join(;)}?in={parent.id:join(,)}", "query": "ids=List({parent.id:join(,)})"}
    with LoopbackServer(lambda call: Reply({"data": []})) as api:
        read(api.url, {**endpoint, "parent": parent})
        read(api.url, {"path": "/y", "params": {"ids": "{parent.id:join(,)}"}, "parent": parent})
    assert [call.target for call in api.calls] == [
        "/x/a%2Fb;2;c%2Cd?in=a%2Fb,2,c%2Cd&ids=List(a%2Fb,2,c%2Cd)",
        "/y?ids=a%2Fb%2C2%2Cc%2Cd",
    ]


def test_a_query_in_the_path_stays_but_for_what_params_say() -> None:
    endpoint = {"path": "/x?sel=a,b:(c)&Q=1&q%5B%5D=%7e&drop=1", "params": {"drop": None, "q[]": [3]}}
    assert build(endpoint).full_url == "http://h/v1/x?sel=a,b:(c)&Q=1&q%5B%5D=3"


@pytest.mark.parametrize(("value", "sent"), [(".", "/x?a=."), ("..", "/x?a=..")])
def test_a_step_on_the_way_is_a_value_in_a_query(value: str, sent: str) -> None:
    endpoint = {"path": "/x?a={parent.v}", "parent": {"values": {"v": [value]}}}
    with LoopbackServer(lambda call: Reply({"data": []})) as api:
        read(api.url, endpoint)
    assert [call.target for call in api.calls] == [sent]


@pytest.mark.parametrize(
    ("endpoint", "place", "told"),
    [
        ({"query": "a=1", "params": {"b": 1}}, "query", "`query` and `params` exclude each other"),
        ({"query": "a={cursr}"}, "query", "Did you mean {cursor}?"),
        ({"query": "a={cursor}"}, "query", "needs `incremental`"),
        ({"query": ["a"]}, "query", "should be text"),
        ({"query": {"a": 1}}, "query", "write a mapping of parameters as `params`"),
        ({"query_string": "a=1"}, "query_string", "Did you mean `query`?"),
    ],
)
def test_a_query_that_cannot_be(endpoint: dict[str, Any], place: str, told: str) -> None:
    [(found, message)] = errors(endpoint)
    assert (found, told in message) == (f"endpoints.0.{place}", True), message
