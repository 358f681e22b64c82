"""What an interrupted run has read to the end, but could not be written, is used as long as it helps and no longer."""

from pathlib import Path
from typing import Any

import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.loading import Warehouse


class Api:
    """Answers with one array, which may change."""

    def __init__(self, *records: Any) -> None:
        self.records = list(records)
        self.asked = 0

    def __call__(self, call: Call) -> Reply:
        self.asked += 1
        return Reply({"records": self.records})


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def test_records_without_a_key_are_asked_for_again_when_the_api_has_mended_them(warehouse: Warehouse) -> None:
    api = Api({"message": "maintenance"})
    with LoopbackServer(api) as server:
        with pytest.raises(RestSourceError, match="primary key"):
            warehouse.load_from(server.url, primary_key="id")
        api.records = [{"id": 1}]
        warehouse.load_from(server.url, primary_key="id")
    assert warehouse.values("id") == [1]
    assert api.asked == 2


def test_records_that_a_frozen_table_refused_are_asked_for_again(warehouse: Warehouse) -> None:
    api = Api({"id": 1})
    with LoopbackServer(api) as server:
        warehouse.load_from(server.url, schema_change="freeze")
        api.records = [{"id": 1, "odd": 2}]
        with pytest.raises(RestSourceError, match="frozen"):
            warehouse.load_from(server.url, schema_change="freeze")
        api.records = [{"id": 1}, {"id": 3}]
        warehouse.load_from(server.url, schema_change="freeze")
    assert warehouse.values("id") == [1, 3]


def test_records_that_still_do_not_fit_fail_the_load_again(warehouse: Warehouse) -> None:
    with LoopbackServer(Api({"message": "maintenance"})) as server:
        for _ in range(3):
            with pytest.raises(RestSourceError, match="primary key"):
                warehouse.load_from(server.url, primary_key="id")


def test_a_corrected_file_needs_no_request(warehouse: Warehouse) -> None:
    api = Api({"key": 1})
    with LoopbackServer(api) as server:
        with pytest.raises(RestSourceError, match="primary key"):
            warehouse.load_from(server.url, primary_key="id")
        warehouse.load_from(server.url, primary_key="key")
    assert warehouse.values("key") == [1]
    assert api.asked == 1
