"""What a load tells of a key that merges records, and that what it advises brings every record back."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from rest_source.load.duckdb.destination import DuckDBDestination
from rest_source_tests.loading import ORDERS, Warehouse, source_spec

Records = list[dict[str, Any]]
STATES = ("new", "paid", "sent", "gone")


def orders(count: int, **more: Any) -> Records:
    return [{"id": n, "status": STATES[n % 4], "total": n / 7, **more} for n in range(count)]


def stats(campaigns: int, days: int, field: str = "date") -> Records:
    return [
        {"campaignId": campaign, field: f"2024-01-{day + 1:02}", "clicks": campaign * day}
        for day in range(days)
        for campaign in range(campaigns)
    ]


def per_country() -> Records:
    days = [f"2024-01-{day:02}" for day in range(1, 5)]
    return [
        {"shop": f"s{shop}", "day": day, "country": country, "visits": n}
        for shop in range(3)
        for day in days
        for n, country in enumerate(["de", "fr", "it"])
    ]


def advised(text: str) -> Any:
    """The key that a text says to write."""
    match = re.search(r"`primary_key: (.+?)`", text)
    assert match is not None, text
    return yaml.safe_load(match[1])


@pytest.mark.parametrize(
    ("records", "key", "kept", "better"),
    [
        (orders(640), "status", 4, "id"),
        (stats(5, 8), "campaignId", 5, ["campaignId", "date"]),
        (stats(5, 8, "reported_on"), ["campaignId"], 5, ["campaignId", "reported_on"]),
        (per_country(), "shop", 3, ["shop", "day", "country"]),
        ([{"sku": f"S{n}", "name": f"n{n % 9}", "at": n / 3} for n in range(30)], "name", 9, "sku"),
        ([{"vhost": v, "name": f"q{n}", "depth": n} for v in "abc" for n in range(20)], "name", 20, ["name", "vhost"]),
        ([{"@type": "x", "key part": n // 5, "#": f"{n}", "n": n / 3} for n in range(20)], "@type", 1, ["@type", "#"]),
    ],
)
def test_a_key_that_identifies_no_record_is_told_with_one_that_does(
    warehouse: Warehouse, records: Records, key: Any, kept: int, better: Any
) -> None:
    outcome = warehouse.load(records[:20], records[20:], primary_key=key)
    assert (outcome.result.row_count, outcome.result.rows_merged) == (kept, len(records) - kept)
    (told,) = outcome.warnings
    names = ", ".join(key) if isinstance(key, list) else key
    assert told.startswith(
        f"`{names}` does not identify a record: {len(records) - kept} of {len(records)} records were merged"
    )
    assert advised(told) == better
    assert "`--full-refresh`" in told
    again = warehouse.load(records, primary_key=better)
    assert (again.result.row_count, again.warnings) == (len(records), ())


def test_where_no_fields_tell_records_apart_leaving_the_key_out_keeps_them(warehouse: Warehouse) -> None:
    records = [{"kind": f"k{n % 3}", "x": n / 7} for n in range(30)]
    (told,) = warehouse.load(records, primary_key="kind").warnings
    assert "Without `primary_key` each of them is a row; leave it out" in told
    assert warehouse.load(records).result.row_count == 30


def test_few_versions_of_a_record_are_told_softly(warehouse: Warehouse) -> None:
    changed = [{"id": n, "status": "sent", "total": 0.5} for n in range(12)]
    outcome = warehouse.load(orders(300), changed, primary_key="id")
    assert (outcome.result.rows_merged, outcome.result.row_count) == (12, 300)
    (told,) = outcome.warnings
    assert told.startswith("12 records were merged into others with the same `id` though they differ, such as")
    assert "changed while they were read" in told


def test_few_records_of_one_name_are_told_with_the_id_that_sets_them_apart(warehouse: Warehouse) -> None:
    records = [{"name": f"n{n % 97}", "id": 1000 + n, "v": n / 3} for n in range(100)]
    (told,) = warehouse.load(records, primary_key="name").warnings
    assert told.startswith("`name` does not identify a record: 3 of 100")
    assert advised(told) == "id"


@pytest.mark.parametrize("write", ["merge", "replace"])
def test_the_very_same_record_read_twice_is_not_told(warehouse: Warehouse, write: str) -> None:
    outcome = warehouse.load(orders(50), orders(40), primary_key="id", write=write)
    assert (outcome.result.rows_merged, outcome.result.row_count, outcome.warnings) == (0, 50, ())


def test_a_replaced_table_is_told_of_too(warehouse: Warehouse) -> None:
    (told,) = warehouse.load(orders(40), primary_key="status", write="replace").warnings
    assert advised(told) == "id"


@pytest.mark.parametrize("keys", [{"write": "append", "primary_key": "status"}, {}, {"primary_key": "__hevo_id"}])
def test_where_every_record_is_kept_nothing_is_told(warehouse: Warehouse, keys: dict[str, Any]) -> None:
    assert warehouse.load(orders(40), **keys).warnings == ()


def test_a_key_that_is_one_after_conversion_counts_as_merged(warehouse: Warehouse) -> None:
    outcome = warehouse.load([{"id": 1, "v": 1}, {"id": 1.0, "v": 2}, {"id": 2.5, "v": 3}], primary_key="id")
    assert (outcome.result.rows_merged, outcome.result.row_count) == (1, 2)
    assert "1 record was merged" in outcome.warnings[0]


def test_rows_that_a_new_key_makes_one_are_told(warehouse: Warehouse) -> None:
    warehouse.load(orders(40))
    outcome = warehouse.load(orders(40)[:2], primary_key="status")
    assert outcome.result.rows_united == 18
    assert "18 rows of the table are gone, as newer ones have the same `status`." in outcome.warnings


def test_the_ledger_keeps_what_a_key_merged(warehouse: Warehouse) -> None:
    warehouse.load(orders(40), primary_key="status")
    ledger = "SELECT rows_merged, rows_moved, rows_united, identity FROM _rest_source.loads"
    assert warehouse.rows(ledger) == [(36, 0, 0, ["id"])]
    found = warehouse.destination.find_load("shop", "orders")
    assert found is not None and found.result.rows_merged == 36


def test_a_ledger_of_an_earlier_release_is_read_and_gets_the_columns(warehouse: Warehouse) -> None:
    warehouse.load(orders(4), primary_key="id")
    for column in ("rows_merged", "rows_moved", "rows_united", "rows_shared", "identity"):
        warehouse.execute(f"ALTER TABLE _rest_source.loads DROP COLUMN {column}")
    found = warehouse.destination.find_load("shop", "orders")
    assert found is not None and (found.result.rows_read, found.result.rows_merged) == (4, 0)
    warehouse.load(orders(4), primary_key="id")
    assert warehouse.rows("SELECT rows_merged FROM _rest_source.loads ORDER BY committed_at") == [(None,), (0,)]


@pytest.mark.parametrize(
    ("key", "partitions", "wrong"),
    [
        (["id", "__partition"], None, "`__partition` in a key needs `partitions_def`"),
        ("__partition", {"type": "daily", "start_date": "2024-01-01"}, "`__partition` alone would keep one row"),
        (["id", "__partition"], {"type": "daily", "start_date": "2024-01-01"}, None),
    ],
)
def test_the_partition_is_a_key_beside_fields_of_partitioned_assets(
    key: Any, partitions: dict[str, Any] | None, wrong: str | None
) -> None:
    keys = {"primary_key": key, "partitions_def": partitions, "path": "/{partition.key}" if partitions else "/"}
    if wrong is None:
        source_spec("http://h", **keys)
        return
    with pytest.raises(ValidationError, match=re.escape(wrong)):
        source_spec("http://h", **keys)


def test_ranges_that_may_overlap_take_no_key_by_partition() -> None:
    with pytest.raises(ValidationError, match="needs a key without `__partition`"):
        source_spec(
            "http://h",
            primary_key=["id", "__partition"],
            requests="range",
            partitions_def={"type": "daily", "start_date": "2024-01-01"},
            params={"from": "{partition.start}"},
        )


def test_the_key_of_a_table_that_identifies_no_row_is_told_before_rows_are_lost(warehouse: Warehouse) -> None:
    warehouse.load(orders(40))
    found = warehouse.destination.duplicates(ORDERS, ("status",))
    assert (found.repeated_keys, found.alike, found.identity) == (4, 36, ("id",))


def test_a_field_named_like_our_column_is_no_part_of_a_key(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.load([{"id": n, "__partition": n} for n in range(3)])
    assert isinstance(warehouse.destination, DuckDBDestination)
    assert warehouse.destination.duplicates(ORDERS, ("id", "__partition")).null_keys == 3
    assert warehouse.destination.read(ORDERS, ["__partition_2"]).num_rows == 3
