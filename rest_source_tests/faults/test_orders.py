"""Days of changing records, loaded by backfills, ticks, reruns and kills in any order: the table of one full read."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse, source_spec
from rest_source_tests.shop import write_file

ORDERS = int(os.environ.get("REST_SOURCE_TEST_ORDERS", "1"))
DAYS = int(os.environ.get("REST_SOURCE_TEST_DAYS", "16"))
KILLS = max(1, DAYS // 100)
FIRST = date(2024, 1, 1)
LATE = 2
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
ENDPOINT: dict[str, Any] = {
    "name": "orders",
    "path": "/records",
    "data_root": "$.records",
    "pagination": {"type": "page_number"},
    "primary_key": "id",
    "params": {"from": "{partition.start}", "to": "{partition.end}"},
    "partitions_def": {"type": "daily", "start_date": str(FIRST)},
    "schedule": {"every": "24h", "refresh_last": LATE + 1},
}
Range = tuple[int, int]
"""The first and the last of some days, both included; days are counted from 0."""


def key(day: int) -> str:
    return str(FIRST + timedelta(days=day))


@dataclass
class World:
    """An API in which records come, come late, change, move to another day and go; and what has been loaded of it.

    `owed` are the ranges of runs that failed or were killed; what a run loads stays right as long as the days it covers
    are loaded again after each change to them, which ticks do for the last days.
    """

    random: random.Random
    api: ChangingApi
    warehouse: Warehouse
    url: str
    instance: dg.DagsterInstance
    today: int = 0
    owed: list[Range] = field(default_factory=list)
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    versions: int = 0

    def write(self, id: int, day: int) -> None:
        self.versions += 1
        at = f"{key(max(0, day))}T{self.random.randrange(24):02}:00:00Z"
        self.records[id] = {"id": id, "version": self.versions, "updated_at": at}
        self.api.records = list(self.records.values())

    def live(self) -> None:
        """A day passes: some records are new, some come late, some of the last days change, move or go."""
        recent = [id for id, record in self.records.items() if record["updated_at"][:10] >= key(self.today - LATE)]
        for _ in range(self.random.randrange(6)):
            self.write(len(self.records) + self.versions, self.today - self.random.randint(0, LATE))
        for id in self.random.sample(recent, min(len(recent), 3)):
            if self.random.random() < 0.3:
                del self.records[id]
            else:
                self.write(id, self.today - self.random.choice((0, 0, 1, LATE)))
        self.api.records = list(self.records.values())
        self.today += 1
        for journal in self.warehouse.state.rglob("journal.ndjson"):  # pages that are a day old by the test's clock
            journal.write_bytes(re.sub(rb'"at":\s*\d+', b'"at":0', journal.read_bytes()))

    def run(self, days: Range, *, patience: int | None = None) -> None:
        """A run over some days in one go; one that fails is owed."""
        definitions = build_definitions(
            source_spec(self.url, **ENDPOINT),
            PaginatorIOManager(destination=f"duckdb:///{self.warehouse.path}"),
        )
        job = definitions.resolve_implicit_global_asset_job_def()
        tags = {RANGE_START: key(days[0]), RANGE_END: key(days[1])}
        self.api.patience = patience
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        self.api.patience = None
        if not result.success:
            assert patience is not None, [event.message for event in result.all_events if event.is_failure]
            self.owed.append(days)

    def tick(self, *, patience: int | None = None) -> None:
        """What the schedule asks for at the start of today."""
        (schedule,) = build_definitions(source_spec(self.url, **ENDPOINT)).schedules or ()
        moment = datetime.combine(FIRST + timedelta(days=self.today), datetime.min.time(), UTC)
        assert isinstance(schedule, dg.ScheduleDefinition)
        with dg.build_schedule_context(instance=self.instance, scheduled_execution_time=moment) as context:
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        first, last = (date.fromisoformat(request.tags[tag]) - FIRST for tag in (RANGE_START, RANGE_END))
        assert (first.days, last.days) == (self.today - LATE - 1, self.today - 1)
        self.run((first.days, last.days), patience=patience)

    def kill(self, days: Range) -> None:
        """A run of the command in a process that is killed at some moment; it may have been done by then."""
        file = write_file(self.warehouse.folder, self.url, ENDPOINT)
        command = ["run", str(file), "--partition-range", f"{key(days[0])}...{key(days[1])}"]
        asked = len(self.api.calls)
        with subprocess.Popen(
            [sys.executable, "-c", "from rest_source.cli.main import main; main()", *command],
            cwd=self.warehouse.folder,
            env={**os.environ, "REST_SOURCE_DESTINATION": f"duckdb:///{self.warehouse.path}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as victim:
            deadline = time.monotonic() + 60
            while len(self.api.calls) == asked and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(self.random.uniform(0, 0.5))
            victim.send_signal(signal.SIGKILL)
        assert len(self.api.calls) > asked
        self.owed.append(days)

    def any_range(self) -> Range:
        first = self.random.randrange(self.today)
        return first, min(self.today - 1, first + self.random.randrange(self.today // 3))

    def patience(self) -> int:
        return self.random.randrange(30)


@pytest.mark.parametrize("seed", range(ORDERS))
def test_every_order_ends_in_the_table_of_one_full_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    dice, api = random.Random(seed), ChangingApi()
    with api.serve() as server, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        world = World(dice, api, Warehouse(tmp_path), server.url, instance)
        history = DAYS - max(4, DAYS // 20)
        while world.today < history:
            world.live()
        step = max(4, DAYS // 8)
        world.owed = [(day, min(day + step, history) - 1) for day in range(0, history, step)]
        kills = set(dice.sample(range(history, DAYS), KILLS))
        while world.today < DAYS:
            world.live()
            world.tick(patience=world.patience() if dice.random() < 0.3 else None)
            if world.today - 1 in kills:
                world.kill(world.any_range())
            if world.owed and dice.random() < 0.7:
                owed = world.owed.pop(dice.randrange(len(world.owed)))
                world.run(owed, patience=world.patience() if dice.random() < 0.3 else None)
            if dice.random() < 0.2:
                world.run(world.any_range())
        while world.owed:
            world.run(world.owed.pop(dice.randrange(len(world.owed))))
        found = world.warehouse.rows("SELECT id, version, __partition FROM shop.orders ORDER BY ALL")
        full = Warehouse(tmp_path, "full.duckdb")
        whole: dict[str, Any] = {"path": "/records", "primary_key": "id", "pagination": {"type": "page_number"}}
        full.load_from(server.url, **whole)
        read = full.rows("SELECT id, version, strftime(updated_at, '%Y-%m-%d') FROM shop.orders ORDER BY ALL")
    assert len(read) == len(world.records)
    assert found == read
