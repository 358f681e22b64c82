"""The rate of a source: evenly spaced requests over all threads, sessions and processes of a machine."""

import multiprocessing
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Thread, local

import pytest
from filelock import FileLock

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.http import rate
from rest_source.http.clock import SYSTEM_CLOCK, SystemClock
from rest_source.http.rate import RateLimit
from rest_source.http.request import Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.fakes.desk import PATIENCE
from rest_source_tests.test_session import START, FakeClock, source

RATE, TIMES, THREADS = 100, 20, 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rate" / "shop"


def in_threads(number: int, work: Callable[[], object]) -> None:
    threads = [Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_without_a_rate_there_is_no_wait_and_no_file(file: Path) -> None:
    assert RateLimit(None, SYSTEM_CLOCK, file).wait() == 0
    assert not file.parent.exists()


def test_two_sessions_share_one_series_of_slots(file: Path) -> None:
    clock = FakeClock()
    limits = [RateLimit(4, clock, file) for _ in range(2)]
    waits = [limits[turn % 2].wait() for turn in range(6)]
    assert waits == [0, *[0.25] * 5]
    assert clock.time == START + 1.25
    assert float(file.read_text()) == START + 1.5
    assert (file.stat().st_mode | (file.parent / "shop.lock").stat().st_mode) & 0o022 == 0


def test_an_idle_time_is_not_made_up_for(file: Path) -> None:
    clock = FakeClock()
    limit = RateLimit(4, clock, file)
    limit.wait()
    clock.time += 3600
    assert [limit.wait(), limit.wait()] == [0, 0.25]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"170000",
        b"soon",
        b"nan",
        b"inf",
        b"-inf",
        b"-1",
        b"1e400",
        b"\xff\xfe\x00",
        b"9" * 100_000,
        b"%f" % (START + 3600),
    ],
    ids=lambda content: content[:10],
)
def test_a_slot_that_makes_no_sense_is_none(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    limit = RateLimit(4, FakeClock(), file)
    assert [limit.wait(), limit.wait()] == [0, 0.25]


def test_a_slot_of_another_process_is_waited_for(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(f"{START + 30}")
    assert RateLimit(4, FakeClock(), file).wait() == 30


def test_a_slow_rate_has_slots_far_ahead(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(f"{START + 7200}")
    assert RateLimit(1 / 3600, FakeClock(), file).wait() == 7200


def test_a_clock_that_is_set_back_does_not_stop_the_loads(file: Path) -> None:
    clock = FakeClock()
    RateLimit(4, clock, file).wait()
    clock.time -= 86400
    later = RateLimit(4, clock, file)
    assert [later.wait(), later.wait()] == [0, 0.25]


def test_where_the_file_cannot_be_written_the_process_keeps_to_the_limit(file: Path) -> None:
    file.mkdir(parents=True)
    limit = RateLimit(4, FakeClock(), file)
    assert [limit.wait(), limit.wait()] == [0, 0.25]


def test_a_holder_that_is_suspended_does_not_stop_the_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_LOCK_SECONDS", 0.05)
    file.parent.mkdir(parents=True)
    limit = RateLimit(4, FakeClock(), file)
    waits: list[float | None] = []
    with FileLock(f"{file}.lock"):
        in_threads(1, lambda: waits.extend([limit.wait(), limit.wait()]))
    assert waits == [0, 0.25]


def test_sessions_of_one_process_share_the_rate_by_their_state(tmp_path: Path) -> None:
    arrived: list[float] = []

    def handler(call: Call) -> Reply:
        arrived.append(time.monotonic())
        return Reply({})

    def work() -> None:
        spec = source(server.url, limits={"rate": "20/s"})
        with ApiSession(spec, Environment({}), state=tmp_path) as session:
            for _ in range(5):
                session.send(Request("GET", server.url), Tally())

    with LoopbackServer(handler) as server:
        in_threads(4, work)
    assert (tmp_path / "rate" / "shop").exists()
    assert arrived[-1] - arrived[0] >= 0.6  # of 0.95, and each by itself 0.2: the first may arrive late


class NotedClock(SystemClock):
    """The machine's clock, which each thread can ask for the time that it was told last."""

    def __init__(self) -> None:
        self.told = local()

    def now(self) -> float:
        self.told.now = super().now()
        return float(self.told.now)


def starts(file: Path, ready: Barrier, moments: "SimpleQueue[list[tuple[float, float]]]") -> None:
    """Tell when requests of this process may start, and when they do: a busy machine wakes them late."""
    clock = NotedClock()
    limit = RateLimit(RATE, clock, file)
    mine: list[tuple[float, float]] = []

    def work() -> None:
        for _ in range(TIMES):
            wait = limit.wait()
            assert wait is not None
            mine.append((clock.told.now + wait, time.time()))

    ready.wait(PATIENCE)
    in_threads(THREADS, work)
    moments.put(mine)


def test_the_rate_holds_across_processes_and_their_threads(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, moments = context.Barrier(2), context.SimpleQueue()
    processes = [context.Process(target=starts, args=(file, ready, moments)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [moments.get() for _ in processes]
    for process in processes:
        process.join()
    turns = sorted(turn for mine in found for turn, _ in mine)
    assert len(turns) == 2 * THREADS * TIMES
    assert all(later - earlier >= 1 / RATE - 0.0001 for earlier, later in pairwise(turns))
    assert all(begun >= turn - 0.001 for mine in found for turn, begun in mine)
    assert max(map(min, found)) < min(map(max, found))  # neither waits for the other to end
