"""What the searches for leaks share: planted secrets, and the search."""

import logging
from pathlib import Path

import pytest

from rest_source_tests.faults.shouting import Leaked, plant, search


@pytest.fixture
def leaked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Leaked:
    """Plants the secrets; called, it gives those that are left anywhere, `without` some of the places."""
    plant(tmp_path, monkeypatch)
    caplog.set_level(logging.DEBUG)

    def found(without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        out, err = capfd.readouterr()
        return search(tmp_path, "\n".join((out, err, caplog.text)), without)

    return found
