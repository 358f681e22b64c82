"""The frozen models: what goes together, what the defaults do, and quantities as people write them."""

import math
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rest_source.spec.base import mistakes
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.pagination import OffsetLimit, PageNumber
from rest_source.spec.places import HeaderValue
from rest_source.spec.schedule import Schedule, ticks
from rest_source.spec.source import SourceSpec, merge
from rest_source.spec.units import parse_duration, parse_rate, parse_size


def source(*endpoints: dict[str, Any], **keys: Any) -> SourceSpec:
    listed = [{"name": f"e{n}", "path": "/x", **endpoint} for n, endpoint in enumerate(endpoints or ({},))]
    return SourceSpec.model_validate({"name": "shop", "base_url": "http://h", "endpoints": listed, **keys})


def errors(*endpoints: dict[str, Any], **keys: Any) -> list[tuple[str, str]]:
    """Each mistake as place and message."""
    with pytest.raises(ValidationError) as caught:
        source(*endpoints, **keys)
    return [(".".join(map(str, loc)), message) for loc, message, _ in mistakes(caught.value)]


# What does not go together

CURSOR = {"type": "cursor", "value": "$.next"}
AT = {"cursor": "$.at"}


@pytest.mark.parametrize(
    ("endpoint", "place", "message"),
    [
        ({"form": {}}, "form", "`form` needs `method: POST`"),
        ({"method": "post", "body": {}, "form": {}}, "form", "`body` and `form` exclude each other"),
        ({"pagination": {"type": "page_number", "in": "body"}}, "pagination.in", "`in: body` needs `method: POST`"),
        ({"pagination": {**CURSOR, "in": "body"}}, "pagination.in", "`in: body` needs `method: POST`"),
        ({"method": "POST", "body": [1], "pagination": {**CURSOR, "in": "body"}}, "body", "needs a mapping as `body`"),
        ({"method": "POST", "body": "x", "pagination": {**CURSOR, "in": "body"}}, "body", "needs a mapping as `body`"),
        ({"pagination": {"type": "page_number", "size_param": "n"}}, "pagination.size_param", "needs `size`"),
        (
            {"pagination": {**CURSOR, "value": {"header": "X"}, "from": "last_record"}},
            "pagination.value",
            "a record has no headers",
        ),
        ({"pagination": {**CURSOR, "size": 5}}, "pagination.size", "unknown key `size`"),
        ({"pagination": {"type": "page_number", "limit": 5}}, "pagination.limit", "unknown key `limit`"),
        ({"pagination": {"type": "cursor"}}, "pagination.value", "the key `value` is required"),
        ({"pagination": {"type": "next_url"}}, "pagination.path", "the key `path` is required"),
        ({"path": "/{partition.key}"}, "path", "`{partition.key}` needs a partitioned asset"),
        ({"params": {"a": ["x", "{window.start}"]}}, "params.a.1", "`{window.start}` needs `incremental`"),
        ({"headers": {"A": "{parent.id}"}}, "headers.A", "`{parent.id}` needs `parent`"),
        ({"method": "POST", "body": {"a": [{"b": "{cursor}"}]}}, "body.a.0.b", "`{cursor}` needs `incremental`"),
        (
            {"incremental": AT, "params": {"q": "since:{cursor}"}},
            "params.q",
            "`{cursor}` within a text needs `initial`",
        ),
        ({"incremental": AT, "path": "/since/{cursor-1d:%Y}"}, "path", "`{cursor}` within a text needs `initial`"),
        ({"incremental": AT, "headers": {"A": ">{window.start}"}}, "headers.A", "`{window.start}` within a text needs"),
    ],
)
def test_an_impossible_combination(endpoint: dict[str, Any], place: str, message: str) -> None:
    [(found_place, found)] = errors({}, endpoint)
    assert found_place == f"endpoints.1.{place}"
    assert message in found


@pytest.mark.parametrize(
    "pagination",
    [
        {"type": "page_number", "size": 0},
        {"type": "page_number", "size": True},
        {"type": "page_number", "size": "10"},
        {"type": "page_number", "size": 2.5},
        {"type": "page_number", "step": 0},
        {"type": "page_number", "stop_on_short_page": "yes"},
        {"type": "page_number", "total_pages": "$["},
        {"type": "page_number", "in": "header"},
        {"type": "page_number", "repeated_pages": "ignore"},
        {"type": "offset_limit", "limit": -1},
        {"type": "none", "end_statuses": [99]},
        {"type": "none", "end_statuses": 404},
        {"type": "none", "end_statuses": ["404"]},
        {**CURSOR, "in": "cookie"},
        {**CURSOR, "has_more": 5},
        {**CURSOR, "from": "record"},
        {"type": None},
        {"type": 5},
        [],
        "page_number",
    ],
)
def test_a_pagination_that_is_none(pagination: Any) -> None:
    for place, _ in errors({"pagination": pagination}):
        assert place.startswith("endpoints.0.pagination")


@pytest.mark.parametrize(
    ("keys", "place", "message"),
    [
        ({"name": "_rest_source"}, "name", "which is a system"),
        ({"name": "_Rest_Source"}, "name", "which is a system"),
        ({"name": "a-b"}, "name", "letters, digits and _ only"),
        ({"name": "a\n"}, "name", "letters, digits and _ only"),
        ({"name": ""}, "name", "letters, digits and _ only"),
        ({"name": 5}, "name", "should be text"),
        ({"base_url": "ftp://h"}, "base_url", "is not a URL"),
        ({"base_url": "h.example"}, "base_url", "is not a URL"),
        ({"base_url": ""}, "base_url", "is not a URL"),
        ({"base_url": "http://h/{parent.id}"}, "base_url", "has no value in `base_url`"),
        ({"base_url": "http://h/{partition.key}"}, "base_url", "has no value in `base_url`"),
        ({"endpoints": []}, "endpoints", "at least one endpoint"),
        ({"endpoints": {"name": "a"}}, "endpoints", ""),
        ({"timezone": "Europe/Pari"}, "timezone", "is not a time zone"),
        ({"timezone": "../etc"}, "timezone", "is not a time zone"),
        ({"timezone": ""}, "timezone", "is not a time zone"),
        ({"limits": {"concurrency": 0}}, "limits.concurrency", "should be at least 1"),
        ({"limits": {"max_pages": True}}, "limits.max_pages", "should be a whole number"),
    ],
)
def test_a_source_that_cannot_be(keys: dict[str, Any], place: str, message: str) -> None:
    [(found_place, found)] = errors(**keys)
    assert found_place == place
    assert message in found


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        source().name = "other"  # type: ignore[misc]


# Defaults


@pytest.mark.parametrize(
    ("defaults", "own", "expected"),
    [
        ({"write": "append"}, {}, {"write": "append"}),
        ({"write": "append"}, {"write": "replace"}, {"write": "replace"}),
        ({"headers": {"A": "1", "B": "2"}}, {"headers": {"B": "3"}}, {"headers": {"A": "1", "B": "3"}}),
        ({"params": {"a": 1}}, {"params": {"a": None}}, {"params": {"a": None}}),
        ({"params": {"a": {"env": "X"}}}, {"params": {"a": {"env": "Y"}}}, {"params": {"a": "{env.Y}"}}),
        ({"params": {"a": {"env": "X"}}}, {"params": {"a": "y"}}, {"params": {"a": "y"}}),
        ({"exclude": ["a"]}, {"exclude": ["b"]}, {"exclude": ("b",)}),
        (
            {"method": "POST", "body": {"a": {"b": 1, "c": 2}}},
            {"body": {"a": {"c": 3}}},
            {"body": {"a": {"b": 1, "c": 3}}},
        ),
        ({"method": "POST", "body": {"a": 1}}, {"body": None, "form": {"a": 1}}, {"form": {"a": 1}, "body": None}),
        (
            {"pagination": {"type": "page_number", "size": 50}},
            {"pagination": {"param": "p"}},
            {"pagination": PageNumber(param="p", size=50)},
        ),
        (
            {"pagination": {"type": "page_number", "size": 50}},
            {"pagination": {"type": "offset_limit"}},
            {"pagination": OffsetLimit()},
        ),
        (
            {"pagination": {"size": 50}},
            {"pagination": {"type": "page_number"}},
            {"pagination": PageNumber(size=50)},
        ),
        (
            {"pagination": {"type": "page_number", "size_param": "n"}},
            {"pagination": {"size": 5}},
            {"pagination": PageNumber(size_param="n", size=5)},
        ),
        (
            {"schedule": {"enabled": True}},
            {"schedule": {"every": "1h"}},
            {"schedule": Schedule(every=timedelta(hours=1), enabled=True)},
        ),
    ],
)  # fmt: skip
def test_defaults(defaults: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]) -> None:
    endpoint = source(own, endpoint_defaults=defaults).endpoints[0]
    assert {key: getattr(endpoint, key) for key in expected} == expected


def test_a_mistake_in_the_defaults_is_told_once() -> None:
    found = errors({}, {}, {}, endpoint_defaults={"wirte": "merge", "limit": 5})
    assert [place for place, _ in found] == ["endpoint_defaults.wirte", "endpoint_defaults.limit"]


def test_what_the_defaults_do_to_one_endpoint_is_told_there() -> None:
    found = errors({}, {"method": "POST"}, endpoint_defaults={"form": {"a": 1}})
    assert [place for place, _ in found] == ["endpoints.0.form"]


plain = st.recursive(
    st.integers() | st.none(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
maps = st.dictionaries(st.sampled_from("abcd"), plain, max_size=4)


@given(maps, maps)
def test_merging(defaults: dict[str, Any], own: dict[str, Any]) -> None:
    before = repr((defaults, own))
    merged = merge(defaults, own)
    assert repr((defaults, own)) == before
    assert merge(merged, own) == merged == merge({}, merged)
    assert set(merged) == set(defaults) | set(own)
    assert all(merged[key] == own[key] for key in own if not isinstance(own[key], dict))


# Quantities


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("6h", 21600),
        ("2d", 172800),
        ("1w", 604800),
        ("500ms", 0.5),
        (" 1.5 h ", 5400),
        (30, 30),
    ],
)
def test_durations(text: Any, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6",
        "h",
        "6 hours",
        "-5s",
        -5,
        "1h30m",
        True,
        None,
        [],
        "1e3s",
        math.inf,
        math.nan,
        "9" * 400 + "d",
        10**30,
        "6H",
    ],
)
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [(1000, 1000), ("10", 10), ("10B", 10), ("256MB", 256_000_000), ("1.5 kb", 1500), ("1GiB", 2**30), ("2mib", 2**21)],
)
def test_sizes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "5TB", "5IB", True, None, 0, "0.5B", "9" * 400 + "GB", math.inf])
def test_what_is_no_size(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("10/s", 10), ("100/m", 100 / 60), ("5000/h", 5000 / 3600), ("1/10s", 0.1), ("0.5 / s", 0.5)]
)
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    "text", ["", "10", 10, "0/s", "10/0s", "10/w", "10/", "/s", "-1/s", "9" * 400 + "/s", True, None]
)
def test_what_is_no_rate(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        parse_rate(text)


# Schedules


def scheduler_accepts(cron: str) -> bool:
    try:
        dg.ScheduleDefinition(name="test", job_name="test", cron_schedule=cron)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


EVERY = {"15m": "*/15 * * * *", "20m": "*/20 * * * *", "30m": "*/30 * * * *", "1h": "0 * * * *", "60m": "0 * * * *"}
EVERY |= {f"{hours}h": f"0 */{hours} * * *" for hours in range(2, 24)}
EVERY |= {"24h": "0 0 * * *", "1d": "0 0 * * *", "3600s": "0 * * * *"}


@pytest.mark.parametrize(("every", "cron"), EVERY.items())
def test_every(every: str, cron: str) -> None:
    schedule = Schedule.model_validate({"every": every})
    assert schedule.cron_line == cron
    assert scheduler_accepts(cron)
    assert schedule.cadence.removeprefix("every_").isalnum()


@pytest.mark.parametrize(
    "every", ["0s", "30s", "1m", "10m", "12m", "14m", "25m", "45m", "59m", "61m", "1.5h", "25h", "2d", "1w", "15.5m"]
)
def test_frequencies_that_fit_no_clock(every: str) -> None:
    [(place, message)] = errors(schedule={"every": every})
    assert (place, message[:17]) == ("schedule.every", "`every` is 15m, 2")


CRONS = [
    "* * * * *", "0 6 * * *", "30 6 * * 1-5", "*/15 8-18 * * mon-fri", "0 0 1,15 * *", "0 0 * JAN,jul sun",
    "5-55/10 * * * *", "0 0 * * 7", "0 0 31 12 6",
]  # fmt: skip


@pytest.mark.parametrize("cron", CRONS)
def test_cron(cron: str) -> None:
    schedule = Schedule.model_validate({"cron": f"  {cron.replace(' ', '   ')} "})
    assert schedule.cron_line == cron
    assert scheduler_accepts(cron)


@pytest.mark.parametrize("cron", [*CRONS, "15 3 29 2 *", "0 0 13 * 5", "0 0 */9 * 1", "7 */5 * 6 0-2"])
def test_ticks_are_those_of_dagster(cron: str) -> None:
    begun = datetime(2024, 1, 3, 6, 10)
    partitions = dg.TimeWindowPartitionsDefinition(
        begun, "%Y-%m-%d-%H:%M", cron_schedule=cron, end=datetime(2100, 1, 1)
    )
    window, moments = partitions.get_first_partition_window(), list[datetime]()
    while window and len(moments) < 30 and window.start.year < 2060:
        moments.append(window.start.replace(tzinfo=None))
        window = partitions.get_next_partition_window(window.end)
    assert list(islice(ticks(Schedule.model_validate({"cron": cron}).cron_line, begun), len(moments))) == moments


@pytest.mark.parametrize(
    ("fmt", "cron", "is_distinct"),
    [
        ("%Y-%m-%d", "0 6 * * *", True),
        ("%Y-%m", "0 0 1 * *", True),
        ("%Y-%m", "0 0 1,15 * *", False),
        ("%Y-%m-%d-%H", "30 * * * *", True),
        ("%Y-%m-%d-%H", "*/30 * * * *", False),
        ("%Y-%j", "0 0 * * *", True),
        ("%d-%H:%M", "0 0 * * *", False),
        ("%m-%d", "0 0 * * *", False),
        ("%H:%M", "* * * * *", False),
        ("%Y", "0 0 1 1 *", True),
    ],
)
def test_keys_of_windows_have_to_differ(fmt: str, cron: str, is_distinct: bool) -> None:
    start = datetime(2024, 1, 1).strftime(fmt)
    partitions = {"type": "time_window", "start_date": start, "fmt": fmt, "cron_schedule": cron}
    if is_distinct:
        assert source({}, {"partitions_def": partitions})
    else:
        [(place, message)] = errors({}, {"partitions_def": partitions})
        assert place == "endpoints.1.partitions_def.fmt"
        assert "alike" in message


@pytest.mark.parametrize(
    "cron",
    [
        "", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 * ",
        "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "* * * janfeb *", "* * * 1jan *", "* * * * sunday",
        "*/90 * * * *", "0/30 */30 * * *", "* * * * */8", "5-9/20 * * * *", "-1 * * * *", "1,,2 * * * *", "1, * * * *",
        "? * * * *",
    ],
)  # fmt: skip
def test_what_is_no_cron_expression(cron: str) -> None:
    [(place, message)] = errors(schedule={"cron": cron})
    assert place == "schedule.cron"
    assert cron.strip().split()[0:1] == [] or "cron expression" in message


numbers = st.integers(0, 62).map(str)
cron_fields = st.sampled_from(["*", "{}", "{}-{}", "{}/{}", "*/{}", "{}-{}/{}", "{},{}"])


cron_parts = st.builds(lambda form, three: form.format(*three), cron_fields, st.tuples(numbers, numbers, numbers))


@given(st.lists(st.just("*") | cron_parts, min_size=5, max_size=5))
def test_what_we_accept_the_scheduler_accepts(fields: list[str]) -> None:
    line = " ".join(fields)
    try:
        Schedule.model_validate({"cron": line})
    except ValidationError:
        return
    assert scheduler_accepts(line)


@pytest.mark.parametrize("keys", [{}, {"enabled": True}, {"every": "1h", "cron": "0 * * * *"}])
def test_a_schedule_has_one_frequency(keys: dict[str, Any]) -> None:
    [(place, message)] = errors(schedule=keys)
    assert (place, message[:22]) == ("schedule", "write either `every: 6")


@given(st.sampled_from(CRONS) | st.sampled_from(list(EVERY)), st.booleans())
def test_cadences_are_names(text: str, enabled: bool) -> None:
    key = "cron" if " " in text else "every"
    schedule = Schedule.model_validate({key: text, "enabled": enabled})
    assert schedule.cadence.replace("_", "").isalnum()
    assert schedule.cadence.isascii()


def test_two_cadences_have_two_names() -> None:
    crons = [
        *CRONS,
        "0 0 * 1-5 *",
        "0 0 * 1,5 *",
        "0 0 1 5 *",
        "0 0 1/5 * *",
        "0 0 */5 * *",
        "0 0 1-10/5 * *",
        "0 0 1,10,5 * *",
    ]
    names = [Schedule.model_validate({"cron": cron}).cadence for cron in crons]
    assert len(set(names)) == len(crons)


def test_values_from_headers() -> None:
    pagination = EndpointSpec.model_validate(
        {"name": "a", "path": "/", "pagination": {"type": "page_number", "total_pages": {"header": "X-Pages"}}}
    ).pagination
    assert isinstance(pagination, PageNumber)
    assert pagination.total_pages == HeaderValue(header="X-Pages")


def test_a_key_that_belongs_to_the_source_is_none_of_an_endpoints_and_the_reverse() -> None:
    own, source = set(EndpointSpec.model_fields), set(SourceSpec.model_fields)
    assert set(EndpointSpec.belongs) == source - own
    assert set(SourceSpec.belongs) == own
