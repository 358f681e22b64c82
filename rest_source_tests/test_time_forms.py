"""Dates and times are read alike in Python, for cursors, and in SQL, for columns; what is written reads the same."""

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.extract.human_dates import HUMAN_FORMS
from rest_source.extract.time_forms import COMPACT, ISO, NUMBER, ODATA, REDUCED, read
from rest_source.load.fixed import fits, parsed
from rest_source.load.postgres.dialect import POSTGRES
from rest_source.load.respelled_times import in_full, loses_digits, respelled
from rest_source.load.schema import ColumnType

EXAMPLES = int(os.environ.get("REST_SOURCE_TEST_EXAMPLES", "5")) * 10
PLAUSIBLE = (
    r"(19|20)\d\d-(0[1-9]|1[0-2])-([012]\d|3[01])"
    r"([T ][012]\d:[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?( ?([Zz]|[+-][01]\d:?[0-5]\d))?)?"
)
FORMS = (ISO, PLAUSIBLE, COMPACT, REDUCED, NUMBER, ODATA, *(form.pattern for form in HUMAN_FORMS))
PIECES = ["", "0", "9", "-", ":", "T", " ", "+", ".", "/", "Z", "\u0663", "\n"]
DAMAGE = st.tuples(st.integers(0, 40), st.sampled_from(PIECES))


def damaged(text: str, damage: tuple[int, str] | None) -> str:
    place, piece = damage or (0, "")
    return text if damage is None else text[:place] + piece + text[place + 1 :]


texts = st.builds(
    damaged,
    st.sampled_from(FORMS).flatmap(lambda form: st.from_regex(re.compile(form, re.ASCII), fullmatch=True)),
    st.none() | DAMAGE,
)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
ONE_OF_EACH = [
    "2024-01-31T10:00:00.000+0000", "2024-01-31 10:00:00,25+02", "2024-01-31t10:00z", "2024-01-31 10 UTC", "2024-01-31",
    "0001-01-31", "20240131T100000.5-0330", "2024-W05-3T10:00", "2024W05", "2024-W05", "2024W053", "20240131",
    "2024-031T10:00:00.123456789Z", "20240131100000", 20240131, 20240131100000, "99991231", 1706695200, 1706695200.25,
    "1706695200.250", 1706695200250, 1706695200250000, 1706695200250000000, "1706695200250000000", -86400,
    "/Date(1706695200250)/", "/Date(1706695200250+0100)/", "Wed, 31 Jan 2024 10:00:00 GMT", "31 Jan 2024 10:00 +0530",
    "1 Jan 2024 10:00:00 PST", "Wed, 31 Jan 2024 10:00:00", "2024-01-31T10:00:00Z[UTC]",
    "2024-01-31T11:00+01:00[Europe/Paris]", "31 Jan 2024", "Jan 31, 2024", "January 31st, 2024 at 10:05 p.m.",
    "Wed Jan 31 10:00:00 +0000 2024", "Wed Jan 31 10:00:00 2024", "Wed Jan 31 2024 10:00:00 GMT+0000 (Central Time)",
    "Wed Jan 31 10:00:00 EST 2024", "31/Jan/2024:10:00:00 +0000", "31-JAN-2024", "Wednesday, June 5, 2024 12:00 AM",
    "2024/01/31", "2024/1/31 9:05", "2024.01.31 10:00:00", "2024-1-31 10:00:00 PM", "2024-01-31 10:00:00 EST",
    "2024-Jan-31", "2024-01", "2024-Q1", "2024q2", "2024", 2024, "9999", 0,
]  # fmt: skip


@pytest.fixture(scope="module")
def sql() -> Any:
    with duckdb.connect() as con:
        yield con


def in_sql(con: duckdb.DuckDBPyConnection, values: list[str], zone: str) -> list[datetime | None]:
    con.execute(f"SET TimeZone = '{zone}'")
    text = respelled("v", ColumnType.TIMESTAMPTZ)
    value = f"CASE WHEN {fits('w', ColumnType.TIMESTAMPTZ)} THEN {parsed('w', ColumnType.TIMESTAMPTZ)} END"
    numbered = "SELECT unnest(?) AS v, generate_subscripts(?, 1) AS n"
    query = f"SELECT epoch_us({value}) FROM (SELECT {text} AS w, n FROM ({numbered})) ORDER BY n"
    found = con.execute(query, [values, values]).fetchall()
    return [None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us) for (us,) in found]


def in_python(value: Any, zone: str) -> datetime | None:
    found = read(value, ZoneInfo(zone))
    try:
        return found.moment.astimezone(UTC) if found else None
    except OverflowError:  # within the calendar there, but not in UTC, where no table can hold it
        return None


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=40), zone=st.sampled_from(["UTC", "Asia/Kolkata"]))
def test_sql_reads_what_python_reads(sql: duckdb.DuckDBPyConnection, values: list[str], zone: str) -> None:
    assert dict(zip(values, in_sql(sql, values, zone), strict=True)) == {v: in_python(v, zone) for v in values}


def test_digits_that_are_no_epoch_are_no_date_either(sql: duckdb.DuckDBPyConnection) -> None:
    values = ["30001005", "12345678", "-20240131", "1800", "2300"]
    assert in_sql(sql, values, "UTC") == [in_python(value, "UTC") for value in values]


def test_each_form_is_read_by_both(sql: duckdb.DuckDBPyConnection) -> None:
    """The property above would hold of two readers that read nothing."""
    for zone in ("UTC", "Asia/Kolkata"):
        found = in_sql(sql, [str(value) for value in ONE_OF_EACH], zone)
        assert found == [in_python(value, zone) for value in ONE_OF_EACH]
        assert None not in found


def test_postgres_reads_each_form_alike(postgres_database: str) -> None:
    values = [str(value) for value in ONE_OF_EACH]
    text, parsed_ = (POSTGRES.fits("v", ColumnType.TIMESTAMPTZ), POSTGRES.parsed("v", ColumnType.TIMESTAMPTZ))
    with psycopg.connect(postgres_database) as con:
        con.execute("SET TimeZone = 'UTC'")
        query = f"SELECT CASE WHEN {text} THEN {parsed_} END FROM unnest(%s::text[]) AS v".replace("% ", "%% ")
        found = con.execute(query, [values]).fetchall()
    assert [moment for (moment,) in found] == [in_python(value, "UTC") for value in values]


@settings(max_examples=EXAMPLES, deadline=None)
@given(like=st.sampled_from(ONE_OF_EACH), moment=moments, zone=st.sampled_from(["UTC", "Asia/Kolkata"]))
def test_a_moment_is_written_as_another_is_and_never_later(like: Any, moment: datetime, zone: str) -> None:
    """What is cut off makes a cursor earlier: a little is read again, nothing is missed."""
    found = read(like, ZoneInfo(zone))
    assert found is not None
    again = found.write(moment)
    assert type(again) is type(like)
    written = read(again, ZoneInfo(zone))
    assert written is not None
    assert timedelta(0) <= moment - written.moment < timedelta(days=367)
    assert written.write(written.moment) == again
    assert found.write(found.moment) == like or str(like).endswith("56789Z")


@pytest.mark.parametrize(
    ("text", "loses"),
    [
        ("2024-01-31T10:00:00.1234567Z", True),
        ("2024-01-31T10:00:00,123456001Z", True),
        ("2024-01-31T10:00:00.123456000Z", False),
        ("1706695200123456789", True),
        ("1706695200123456000", False),
        ("1706695200123456.5", True),
        ("1706695200123.4567", True),
        ("1706695200123.4560", False),
        ("1706695200.123456", False),
        ("-1706695200.0000005", True),
        ("/Date(1706695200250)/", False),
        ("Wed, 31 Jan 2024 10:00:00 GMT", False),
    ],
)
def test_digits_beyond_the_microsecond_are_noticed(sql: duckdb.DuckDBPyConnection, text: str, loses: bool) -> None:
    full = in_full("v", ColumnType.TIMESTAMPTZ)
    assert sql.execute(
        f"SELECT {loses_digits('w')} FROM (SELECT {full} AS w FROM (SELECT ? AS v))", [text]
    ).fetchone() == (loses,)


def test_an_hour_that_the_clock_leaves_out_is_read_alike(sql: duckdb.DuckDBPyConnection) -> None:
    zone, left_out = "America/New_York", "2024-03-10T02:30:00"
    assert in_sql(sql, [left_out], zone) == [in_python(left_out, zone)] == [datetime(2024, 3, 10, 7, 30, tzinfo=UTC)]
