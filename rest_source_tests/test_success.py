"""Answers with a status of success: which hold records, which ask to wait, and which say that a part is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.fakes.reading import lines, source
from rest_source_tests.test_session import START, FakeClock, replies

GOOD = Reply({"data": [{"id": 1}]})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load came to, without a second being waited for."""

    ids: list[Any]
    slept: list[float]
    told: list[str]
    warnings: list[str]


def load(handler: Callable[[Call], Reply], **endpoint: Any) -> Outcome:
    clock, told, limits = FakeClock(), list[str](), endpoint.pop("limits", {"retries": 3})
    with LoopbackServer(handler) as api:
        spec = source(api.url, endpoint, limits=limits)
        with ApiSession(spec, Environment({}), clock, report=told.append) as session:
            stream = PageStream(spec, spec.endpoints[0], session, Environment({}))
            ids = [record.get("id") for page in stream for record in lines(page.records.data)]
    return Outcome(ids, clock.slept, told, stream.warnings)


def fails(handler: Callable[[Call], Reply], **endpoint: Any) -> RestSourceError:
    with pytest.raises(RestSourceError) as caught:
        load(handler, **endpoint)
    return caught.value


@pytest.mark.parametrize(
    ("body", "root"),
    [
        ([], "$"),
        ("", "$"),
        (None, "$"),
        ({}, "$"),
        ("<html><title>Just a moment</title></html>", "$"),
        ({"status": "PENDING"}, "$"),
        ({"id": 7, "state": "in progress"}, "$"),
        ({"jobId": "a1", "message": "Your report is being generated"}, "$"),
        ({"job": {"id": 7, "reportStatus": "queued"}}, "$.job"),
        ({"status": "PENDING"}, "$.data"),
        ({"status": "PENDING", "data": []}, "$.data"),
        ({"data": None}, "$.data"),
        ({"data": [None]}, "$.data[*]"),
        ({"data": []}, "$.data[?(@.id > 0)]"),
        ({"error": {"message": "not yet"}}, "$.*"),
    ],
    ids=str,
)
def test_a_202_without_records_is_waited_for_and_then_an_error(body: Any, root: str) -> None:
    records = [{"id": 1}]
    good = {"$.*": {"a": {"id": 1}}, "$.job": {"job": {"id": 1}}}.get(
        root, records if root == "$" else {"data": records}
    )
    slow = Reply(body, 202, {"Retry-After": "25"})
    came = load(replies(slow, Reply(body, 202), Reply(good)), data_root=root)
    assert came.ids == [1] and came.slept[0] == 25 and 1 <= came.slept[1] <= 1.25
    assert [text.partition(";")[0] for text in came.told] == [
        "fake.records: The API asks to wait 25 s (202, Retry-After)"
    ]
    error = fails(replies(slow), data_root=root)
    assert (error.id, error.status, error.retryable) == ("not_ready", 202, True)
    assert "asks to wait 25 s" in error.message and "fake.records, page 1" in error.where


def test_the_remedy_for_a_202_waits_longer() -> None:
    pages = [Reply({"status": "RUNNING"}, 202)] * 20
    remedy = fails(replies(*pages, GOOD)).remedy.split("`")
    came = load(replies(*pages, GOOD), **yaml.safe_load(remedy[1]), **yaml.safe_load(remedy[3]))
    assert (came.ids, sum(came.slept)) == ([1], 20 * 60)


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"data": [{"id": 1}]}, {}),
        ({"status": "done", "data": [{"id": 1}]}, {}),
        ({"data": {"id": 1}}, {}),
        ([{"id": 1, "status": "PENDING"}], {"data_root": "$"}),
        ({"id": 1, "name": "x"}, {"data_root": "$"}),
        ({"no": 1, "id": 1}, {"data_root": "$", "primary_key": "no"}),
        ({"data": {"a": {"id": 1}}}, {"data_root": "$.data.*"}),
        ({"data": [{"id": 1}, {"id": 0}]}, {"data_root": "$.data[?(@.id > 0)]"}),
    ],
    ids=str,
)
def test_a_202_with_records_is_data(body: Any, keys: dict[str, Any]) -> None:
    came = load(replies(Reply(body, 202)), **keys)
    assert (came.ids, came.slept, came.warnings) == ([1], [], [])


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_api_that_answers_all_with_202_ends_with_an_empty_page(concurrency: int) -> None:
    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        return Reply({"data": [{"id": page}] if page < 4 else []}, 202)

    came = load(handler, pagination={"type": "page_number"}, limits={"retries": 1, "concurrency": concurrency})
    assert (came.ids, came.warnings) == ([1, 2, 3], [])


def test_a_202_in_the_middle_is_waited_for_on_its_page() -> None:
    slow = [Reply({"data": []}, 202, {"Retry-After": "9"})] * 2

    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        return slow.pop() if page == 2 and slow else Reply({"data": [{"id": page}] if page < 4 else []})

    came = load(handler, pagination={"type": "page_number"})
    assert came.ids == [1, 2, 3] and came.slept.count(9) == 2 and "page 2 follows at" in came.told[0]


def test_a_202_whose_records_are_not_all_is_told() -> None:
    reply = Reply({"status": "processing", "data": [{"id": 1}]}, 202)
    (warning,) = load(replies(reply)).warnings
    rule = yaml.safe_load(warning.split("add `")[1].rstrip(".`"))
    assert load(replies(reply, GOOD), **rule).slept == [30]


def test_a_post_that_is_accepted_is_not_sent_again() -> None:
    error = fails(
        replies(Reply({"id": 1, "status": "queued"}, 202, {"Location": "/jobs/1"}), GOOD), method="POST", body={}
    )
    assert (error.id, error.retryable) == ("not_ready", False)
    assert "It names another address: /jobs/1." in error.message and "do: retry" in error.remedy


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"on_error": [{"status": 202, "do": "end"}]}, 0),
        ({"on_error": [{"status": 202, "do": "retry", "wait": "7s"}]}, 1),
        ({"pagination": {"type": "page_number", "end_statuses": [202]}}, 0),
    ],
)
def test_what_the_file_says_of_202_wins(keys: dict[str, Any], count: int) -> None:
    came = load(replies(Reply(b"", 202), GOOD), **keys)
    assert (len(came.ids), came.slept) == (count, [7] * count)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("body", "headers", "pause"),
    [
        ({"error": {"code": 9}}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START) + 25)}, 25),
        ({"error": {"code": 9}, "data": []}, {"RateLimit": '"day";r=0;t=25'}, 25),
        ({"errors": [{"message": "Throttled"}], "data": None}, {"Retry-After": "25"}, 25),
        ({"ok": False, "message": "rate limited", "retry_after": 25}, {}, 25),
        ({"error": "API rate limit exceeded"}, {}, None),
        ("<title>Too many requests</title>", {"Retry-After": "25"}, 25),
    ],
    ids=str,
)
def test_a_200_that_says_that_a_limit_is_used_up_is_repeated_like_a_429(
    method: str, body: Any, headers: dict[str, str], pause: float | None
) -> None:
    refusal = Reply(body, 200, headers)
    came = load(replies(refusal, GOOD), method=method)
    assert came.ids == [1] and (came.slept == [pause] if pause else 0.5 <= came.slept[0] <= 0.75)
    error = fails(replies(refusal), method=method)
    assert (error.id, error.retryable) == ("rate_limited", True)
    assert "limits: {rate: 5/s}" in error.remedy


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"data": [{"id": 1}], "limit": 100}, {}),
        ({"data": [{"id": 1, "error": "rate limit exceeded"}]}, {}),
        ([{"id": 1, "message": "rate limit exceeded"}], {"data_root": "$"}),
        ({"id": 1, "error": "rate limit exceeded"}, {"data_root": "$"}),
        ({"data": {"id": 1}, "error": None, "message": "too many requests are no error"}, {}),
    ],
    ids=str,
)
def test_a_200_with_records_is_data_though_nothing_remains(body: Any, keys: dict[str, Any]) -> None:
    came = load(replies(Reply(body, 200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "25"})), **keys)
    assert (came.ids, came.slept, came.warnings) == ([1], [], [])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"data": [{"id": 1, "status": 200}, {"id": 2, "status": 500}]},
            "2 parts at $.data, of which 1 failed (`status`: 500)",
        ),
        ({"data": [{"id": 1}], "meta": {"parts": [{"code": "404"}] * 3}}, "3 parts at $.meta.parts, of which 3 failed"),
        ({"data": [{"id": 1, "status": "HTTP/1.1 503 Busy"}]}, "of which 1 failed (`status`: HTTP/1.1 503 Busy)"),
        ({"data": [{"id": 1, "status": 200}, {"id": 2, "status": "active"}]}, ""),
        ({"data": [{"id": 1, "status": 201}]}, ""),
    ],
)
def test_parts_of_a_207_that_failed_are_told(body: Any, told: str) -> None:
    came = load(replies(Reply(body, 207)))
    assert told in "".join(came.warnings) and len(came.warnings) == bool(told)
    if told:
        rule = yaml.safe_load(came.warnings[0].split("add `")[1].rstrip(".`"))
        assert load(replies(Reply(body, 207), GOOD), **rule).ids == [1]
