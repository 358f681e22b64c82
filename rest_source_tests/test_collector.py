"""The collector of cycles rests while pages are read, and works again afterwards."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rest_source.collector import paused_collector


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_it_rests_inside_and_works_afterwards() -> None:
    with paused_collector(), paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), paused_collector():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_whoever_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    with paused_collector():
        pass
    assert not gc.isenabled()


def test_many_threads_leave_it_as_it_was() -> None:
    def pause(_: int) -> bool:
        with paused_collector():
            return gc.isenabled()

    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(pause, range(2000)))
    assert gc.isenabled()
