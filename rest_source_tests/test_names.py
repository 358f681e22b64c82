"""Names in the destination: what they may hold, that they never collide, and that columns keep theirs."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_source.load.names import METADATA_COLUMNS, column_names
from rest_source.spec.base import normalise
from rest_source_tests.loading import Warehouse

FIELD_NAMES = st.lists(
    st.one_of(
        st.text(max_size=12), st.sampled_from([*METADATA_COLUMNS, "a", "A", "a_", "a_2", "a$2", "", "_", "column"])
    ),
    unique=True,
    max_size=30,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("id", "id"),
        ("Table$namE_05_", "table_name_05"),
        ("_private", "_private"),
        ("__a__", "__a"),
        ("", "column"),
        ("___", "column"),
        ("$$$", "column"),
        ("größe", "gr__e"),
        ("日本", "column"),
        ("日本a", "__a"),
        ("a b;drop table x--", "a_b_drop_table_x"),
        ("2024", "2024"),
        ("İ", "i"),
        ("x" * 200, "x" * 200),
        ("line\nbreak", "line_break"),
    ],
)
def test_a_name_is_lower_case_letters_digits_and_underscores(name: str, expected: str) -> None:
    assert normalise(name) == expected


@pytest.mark.parametrize(
    ("originals", "existing", "expected"),
    [
        (["a", "A", "a_"], {}, ["a", "a_2", "a_3"]),
        (["a", "a_2", "A"], {}, ["a", "a_2", "a_3"]),
        (["A", "a_2", "a"], {}, ["a", "a_2", "a_3"]),
        (["A"], {"a": "a"}, ["a_2"]),
        (["a", "b"], {"b": "a"}, ["a_2", "a"]),
        (["a"], {"a": "anything"}, ["anything"]),
        (list(METADATA_COLUMNS), {}, [f"{name}_2" for name in METADATA_COLUMNS]),
        (["__HEVO_ID", "__hevo_id"], {}, ["__hevo_id_2", "__hevo_id_3"]),
        (["", "column", "$"], {}, ["column", "column_2", "column_3"]),
    ],
)
def test_a_collision_is_numbered_and_a_column_keeps_its_name(
    originals: list[str], existing: dict[str, str], expected: list[str]
) -> None:
    assert list(column_names(originals, existing).values()) == expected


@given(first=FIELD_NAMES, later=FIELD_NAMES)
def test_names_never_collide_and_never_change(first: list[str], later: list[str]) -> None:
    names = column_names(first, {})
    after = column_names([*later, *first], names)
    assert {original: after[original] for original in first} == names
    assert len(set(after.values())) == len({*first, *later})
    assert all(re.fullmatch("[a-z0-9_]+", name) for name in after.values())
    assert not set(after.values()) & set(METADATA_COLUMNS)


HOSTILE = [
    'quo"te',
    "apo'strophe",
    "semi;colon",
    "); DROP TABLE shop.orders; --",
    "",
    " ",
    "x" * 200,
    "rowid",
    "ROWID",
    "c0",
    "c1",
    "select",
    "order",
    "__hevo_id",
    "__hevo__loaded_at",
    "__partition",
    "__column_1",
    "__column_2",
    "__null",
    "größe",
    "日本",
    "a.b",
    "a[0]",
    "$ref",
    "{x}",
    "new\nline",
    "tab\t",
    "Id",
    "id",
    "ID",
    "\\",
    "\U0001f600",
]


def test_hostile_names_become_columns_that_hold_their_values(warehouse: Warehouse) -> None:
    warehouse.load([{name: f"{index}a" for index, name in enumerate(HOSTILE)}])
    warehouse.load([{name: f"{index}b" for index, name in enumerate(reversed(HOSTILE))}])
    comments = warehouse.comments()
    assert sorted(comments.values()) == sorted(HOSTILE)
    assert list(warehouse.business_types()) == list(
        column_names(HOSTILE, {}, 63 if warehouse.postgres else None).values()
    )
    for index, name in enumerate(HOSTILE):
        column = next(column for column, original in comments.items() if original == name)
        assert warehouse.values(column) == [f"{index}a", f"{len(HOSTILE) - 1 - index}b"], name


@pytest.mark.parametrize("key", ["rowid", "c0", "", "select", 'a"b', "__hevo__loaded_at", "Order ID", "order_id"])
def test_any_field_can_be_the_key(warehouse: Warehouse, key: str) -> None:
    field = "Order ID" if key == "order_id" else key
    warehouse.load([{"other": 1, field: 7}], primary_key=key)
    outcome = warehouse.load([{"other": 2, field: 7}], primary_key=key)
    assert (outcome.result.rows_updated, warehouse.values("other")) == (1, [2])


@pytest.mark.parametrize(
    ("source", "endpoint"),
    [
        ("warehouse", "orders"),
        ("Main", "changes"),
        ("temp", "records"),
        ("system", "Select"),
        ("stage", "records"),
        ("destination", "destination"),
        ("changes", "changes"),
        ("Shop", "Orders"),
        ("_", "_"),
    ],
)
def test_source_and_endpoint_may_be_called_like_the_file_or_our_own_tables(
    tmp_path: Path, source: str, endpoint: str
) -> None:
    warehouse = Warehouse(tmp_path)
    for value in (1, 2):
        warehouse.load([{"id": 1, "v": value}], source={"name": source}, name=endpoint, primary_key="id")
    table = f'warehouse."{normalise(source)}"."{normalise(endpoint)}"'
    assert warehouse.rows(f"SELECT id, v FROM {table}") == [(1, 2)]
