"""Templates: the few braces that are replaced, and all the others that stay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source.spec.environment import Environment
from rest_source.spec.template import Scope, instants, names, parse, render, render_json
from rest_source.spec.text import env_reference

NOW = datetime(2026, 3, 29, 12, 30, 15, 123456, tzinfo=UTC)
VALUES = {
    "env.TOKEN": "s3/c?r=t",
    "env.URL": "https://h.example/a?b=c",
    "cursor": "a b",
    "parent.id": "7/8",
    "parent.author.name": "Ann",
    "partition.key": "2026-01",
    "partition.region": "EU",
}


def scope(now: datetime = NOW) -> Scope:
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    instants = {"now": now, "partition.start": day, "partition.end": day + timedelta(days=1)}
    instants |= {"window.start": day, "window.end": now}
    return Scope(instants, VALUES.__getitem__)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{now}", "2026-03-29T12:30:15Z"),
        ("{now:iso}", "2026-03-29T12:30:15Z"),
        ("{now:epoch}", "1774787415"),
        ("{now:epoch_ms}", "1774787415123"),
        ("{now:%Y-%m-%d}", "2026-03-29"),
        ("{now:%H:%M:%S}", "12:30:15"),
        ("{now:%d %B, %Y}", "29 March, 2026"),
        ("{now-24h}", "2026-03-28T12:30:15Z"),
        ("{now-90s:%S}", "45"),
        ("{now+15m:%H:%M}", "12:45"),
        ("{now-1d:%Y-%m-%d}", "2026-03-28"),
        ("{now-2w:%Y-%m-%d}", "2026-03-15"),
        ("{now+0s:epoch}", "1774787415"),
        ("{partition.start:%Y-%m-%d}/{partition.end-1d:%Y-%m-%d}", "2026-03-29/2026-03-29"),
        ("{partition.end}", "2026-03-30T00:00:00Z"),
        ("{window.start:epoch}-{window.end:epoch}", "1774742400-1774787415"),
        ("a{env.TOKEN}b", "as3/c?r=tb"),
        ("{cursor}{parent.id}{parent.author.name}", "a b7/8Ann"),
        ("{partition.key}/{partition.region}", "2026-01/EU"),
        ("", ""),
        ("100%", "100%"),
    ],
)
def test_templates(text: str, result: str) -> None:
    assert render(text, scope()) == result


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{{}}",
        "{",
        "}{",
        "{nowhere}",
        "{NOW}",
        "{cursors}",
        "{ now }",
        "{other}",
        "{now{x}}",
        "{partition}",
        "{environment}",
        "query { orders(first: 5) { edges { cursor node { id } } } }",
        "{orders{pageInfo{endCursor hasNextPage}edges{cursor node{id}}}}",
        "{edges{cursor id}}",
        "{cursor,id}",
        "{cursor\n  id}",
        '{"a": {"b": "{x}"}}',
        "{nowʼ}",
    ],
)
def test_every_other_brace_is_literal(text: str) -> None:
    assert render(text, scope()) == text
    assert render_json({"query": [text]}, scope()) == {"query": [text]}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{now-24}", "is not a template"),
        ("{now - 24h}", "is not a template"),
        ("{now-24y}", "is not a template"),
        ("{now-1.5h}", "is not a template"),
        ("{now:ISO}", "is not a template"),
        ("{now:}", "is not a template"),
        ("{now.date}", "is not a template"),
        ("{window.key}", "is not a template"),
        ("{partition.}", "is not a template"),
        ("{env.token}", "in upper case"),
        ("{env.}", "in upper case"),
        ("{env.A", "without its end"),
        ("{env.A|{env.B|{x}}}", "none with a default"),
        ("{now-99999w}", "further than 200 years"),
        ("{now-" + "9" * 5000 + "d}", "further than 200 years"),
    ],
)
def test_what_is_nearly_a_template_is_an_error(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse(f"a {text} b")


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "at", "result"),
    [
        # 29 March 2026: 02:00 becomes 03:00.
        ("{now-1d}", datetime(2026, 3, 29, 12, tzinfo=BERLIN), "2026-03-28T12:00:00+01:00"),
        ("{now-24h}", datetime(2026, 3, 29, 12, tzinfo=BERLIN), "2026-03-28T11:00:00+01:00"),
        ("{now+1h}", datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN), "2026-03-29T03:30:00+02:00"),
        ("{now+1w}", datetime(2026, 3, 28, 9, tzinfo=BERLIN), "2026-04-04T09:00:00+02:00"),
        ("{now-1d:%Y-%m-%d}", datetime(2026, 3, 30, 0, 30, tzinfo=BERLIN), "2026-03-29"),
        # 25 October 2026: 03:00 becomes 02:00.
        ("{now+1h}", datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), "2026-10-25T02:30:00+01:00"),
        ("{now:epoch}", datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), "1792888200"),
        ("{now:epoch}", datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), "1792891800"),
        ("{now}", datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/London")), "2026-01-01T00:00:00Z"),
        ("{now}", datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")), "2026-01-01T00:00:00+05:30"),
        ("{now:epoch}", datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC), "-1"),
    ],
)
def test_days_shift_the_calendar_and_hours_the_clock(text: str, at: datetime, result: str) -> None:
    assert render(text, scope(at)) == result


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(-10_000, 10_000),
    st.sampled_from(["s", "m", "h"]),
)
def test_clock_offsets_are_exact(moment: datetime, zone: str, count: int, unit: str) -> None:
    at = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    seconds = count * {"s": 1, "m": 60, "h": 3600}[unit]
    milliseconds = (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    assert render(f"{{now{count:+d}{unit}:epoch_ms}}", scope(at)) == str(milliseconds + seconds * 1000)
    iso = datetime.fromisoformat(render(f"{{now{count:+d}{unit}}}", scope(at)))
    assert iso == at.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=seconds)


@given(st.text())
def test_text_without_templates_stays(text: str) -> None:
    if "{" not in text:
        assert render(text, scope()) == text == render(text, scope(), encode=True)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(alphabet="ab/?&#%{} ü", max_size=8))
def test_values_are_never_templates_themselves(value: str, around: str) -> None:
    held = Scope({"now": NOW}, lambda name: f"{{now}}{value}{{env.OTHER}}")
    text = f"{around}{{parent.id}}{around}"
    assert render(text, held) == f"{around}{{now}}{value}{{env.OTHER}}{around}"
    encoded = render(f"x{text}", held, encode=True)
    inside = encoded.removeprefix(f"x{around}").removesuffix(around) if around else encoded.removeprefix("x")
    assert unquote(inside) == f"{{now}}{value}{{env.OTHER}}"
    assert not set(inside) & set("/?#&{} ")


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/orders/{parent.id}", "/orders/7%2F8"),
        ("/orders/{env.TOKEN}?q={cursor}", "/orders/s3%2Fc%3Fr%3Dt?q=a%20b"),
        ("{env.URL}", "https://h.example/a?b=c"),
        ("{env.URL}&x={cursor}", "https://h.example/a?b=c&x=a%20b"),
        ("/to/{env.URL}", "/to/https%3A%2F%2Fh.example%2Fa%3Fb%3Dc"),
        ("{parent.id}/x", "7%2F8/x"),
        ("/at/{now}", "/at/2026-03-29T12%3A30%3A15Z"),
        ("/ü/{}", "/ü/{}"),
    ],
)
def test_values_in_a_path_are_encoded(path: str, result: str) -> None:
    assert render(path, scope(), encode=True) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("{now:epoch}", 1774787415),
        ("{now-1d:epoch_ms}", 1774701015123),
        (" {now:epoch}", " 1774787415"),
        ("{now:epoch}{now:epoch}", "17747874151774787415"),
        ("{now:%Y}", "2026"),
        ({"a": [{"b": "{now:epoch}"}, 1, None, True, 0.5]}, {"a": [{"b": 1774787415}, 1, None, True, 0.5]}),
        ({"{now:%Y}": "{now:%Y}"}, {"{now:%Y}": "2026"}),
    ],
)
def test_values_of_a_body_keep_their_type(value: Any, result: Any) -> None:
    assert render_json(value, scope()) == result


def test_names_of_the_templates_in_a_text() -> None:
    text = "{now-1d}{x}{env.A}/{partition.start:%Y}{parent.a.b}{env.B|{now}{env.C}}"
    assert names(text) == ["now", "env.A", "partition.start", "parent.a.b", "env.B", "now", "env.C"]


def variables(**known: str) -> Scope:
    environment = Environment(known)
    return Scope({"now": NOW}, environment.template)


@pytest.mark.parametrize(
    ("text", "known", "result"),
    [
        ("{env.A|x}", {}, "x"),
        ("{env.A|x}", {"A": "y"}, "y"),
        ("{env.A|x}", {"A": ""}, "x"),
        ("{env.A|}", {}, ""),
        ("a{env.A|b c/|d}e", {}, "ab c/|de"),
        ("{env.A|{now:%Y}-01}", {}, "2026-01"),
        ("{env.A|{env.B}}", {"B": "z"}, "z"),
        ("{env.A|x}{env.B|y}", {"A": "1"}, "1y"),
    ],
)
def test_a_variable_may_have_a_default(text: str, known: dict[str, str], result: str) -> None:
    assert render(text, variables(**known)) == result
    assert render_json([text], variables(**known)) == [result]


def test_a_default_is_rendered_like_a_value() -> None:
    assert render("/a/{env.A|b/c}", variables(), encode=True) == "/a/b%2Fc"
    assert render("{env.A|https://h/x}/y", variables(), encode=True) == "https://h/x/y"
    with pytest.raises(RestSourceError, match="B is not set"):
        render("{env.A|{env.B}}", variables())


@pytest.mark.parametrize(
    ("default", "template"),
    [("x", "{env.A|x}"), (5, "{env.A|5}"), (True, "{env.A|true}"), ("", "{env.A|}"), ("{now}", "{env.A|{now}}")],
)
def test_a_reference_may_have_a_default(default: object, template: str) -> None:
    assert env_reference({"env": "A", "default": default}) == template


@pytest.mark.parametrize(
    ("default", "told"), [(None, "is text"), ([1], "is text"), ("a}b", "counterpart"), ("{{a}}", "braces in braces")]
)
def test_a_default_that_cannot_be_one(default: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        env_reference({"env": "A", "default": default})


@pytest.mark.parametrize(
    "value", [{"env": "lower"}, {"env": "1A"}, {"env": ""}, {"env": 5}, {"env": None}, {"env": "A B"}]
)
def test_a_reference_to_no_variable_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="names no environment variable"):
        env_reference(value)


@pytest.mark.parametrize("value", ["x", 5, None, {"env": "A", "b": 1}, {"ENV": "A"}, ["env"]])
def test_what_is_no_reference_stays(value: Any) -> None:
    assert env_reference(value) == value
    assert env_reference({"env": "_A1"}) == "{env._A1}"


LOOKUPS: list[Callable[[Scope], object]] = [lambda s: render("{env.NONE}", s), lambda s: render("{window.start}", s)]


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_name_without_a_value(lookup: Callable[[Scope], object]) -> None:
    with pytest.raises(KeyError):
        lookup(Scope({"now": NOW}, VALUES.__getitem__))


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("../admin", "..%2Fadmin"),
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("..\\x", "..%5Cx"),
        ("%2e%2e", "%252e%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("...", "..."),
        ("a\r\nHost: x", "a%0D%0AHost%3A%20x"),
    ],
)
def test_a_value_is_one_segment_of_a_path(value: str, segment: str) -> None:
    scope = Scope({}, lambda name: value)
    assert render("/posts/{parent.id}/x", scope, encode=True) == f"/posts/{segment}/x"


@pytest.mark.parametrize("value", [".", ".."])
def test_a_step_on_the_way_is_no_value(value: str) -> None:
    with pytest.raises(RestSourceError) as caught:
        render("/posts/{parent.id}/x", Scope({}, lambda name: value), encode=True)
    assert caught.value.id == "unsafe_path_value"
    assert render("{parent.id}", Scope({}, lambda name: value)) == value


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("unit", ["s", "h", "d"])
def test_no_shift_leads_beyond_the_calendar(unit: str, zone: str) -> None:
    ends = {"+": datetime.max, "-": datetime.min}
    for sign, end in ends.items():
        moment = end.replace(tzinfo=ZoneInfo(zone))
        scope = Scope({"cursor": moment}, lambda name: name)
        assert render(f"{{cursor{sign}1{unit}:%m-%d}}", scope) == f"{end:%m-%d}"
        assert render(f"{{cursor{sign}1{unit}}}", scope).startswith(end.isoformat(timespec="seconds"))
        assert int(render(f"{{cursor{sign}1{unit}:epoch}}", scope))


def test_moments_in_defaults_are_moments_of_a_text() -> None:
    found = instants("{now}/{env.SINCE|{now-7d:%Y}{window.start}}/{cursor}{parent.id}")
    assert [(one.name, one.count) for one in found] == [("now", 0), ("now", -7), ("window.start", 0)]
