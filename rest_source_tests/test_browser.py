"""The Dagster UI in a real browser: a person materializes a demo asset, and sees what came of it.

Skipped without Playwright (`pip install '.[browser]'`) or without a Chromium. With REST_SOURCE_SCREENSHOTS the pictures
of the README go to that directory.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from rest_source.demo import ENVIRONMENT, DemoApi, LoopbackServer

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 40
ASSET = "assets/demo_shop/orders"


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A page of a headless Chromium: the system's, or the one that Playwright installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        if found is None and not Path(started.chromium.executable_path).exists():
            pytest.skip("no Chromium is installed")
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        page.set_default_timeout(SECONDS * 1000)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(os.environ.get("REST_SOURCE_SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def ui(page: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo as `make dev` starts it, in a directory of its own. There is no need to start it without a browser."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copy(ROOT / "deploy" / "dev" / "dagster.yaml", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with LoopbackServer(DemoApi(), record=False) as api:
        environment = {
            **os.environ,
            **ENVIRONMENT(api.url),
            "DAGSTER_HOME": str(folder),
            "REST_SOURCE_STATE": str(folder / "state"),
            "REST_SOURCE_DESTINATION": f"duckdb:///{folder}/demo.duckdb",
        }
        command = [sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml"), "--port", str(port)]
        log = folder / "dagster.log"
        with (
            log.open("w") as output,
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output) as dev,
        ):
            try:
                wait_for(url, dev, log)
                yield url
            finally:
                dev.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):  # where it was started with SIGINT ignored
                    dev.wait(30)
                dev.kill()


def wait_for(url: str, dev: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(SECONDS * 2):
        assert dev.poll() is None, log.read_text()
        with suppress(URLError, OSError), urlopen(f"{url}/server_info", timeout=2):
            return
        with suppress(subprocess.TimeoutExpired):
            dev.wait(0.5)
    raise AssertionError(log.read_text())


def until_loaded(page: Any) -> None:
    """Look again until the number of rows is there: the page does not fetch it anew by itself."""
    from playwright.sync_api import TimeoutError as NotYet

    for _ in range(SECONDS // 5):
        page.reload()
        with suppress(NotYet):
            page.get_by_text("3,000", exact=True).first.wait_for(timeout=5000)
            return
    raise AssertionError(page.inner_text("body"))


def test_an_asset_is_materialized_with_a_click_and_shows_what_it_holds(page: Any, ui: str, pictures: Path) -> None:
    page.goto(f"{ui}/{ASSET}?view=overview")
    page.get_by_text("Never materialized").or_(page.get_by_text("Latest materialization")).first.wait_for()
    with page.expect_response(lambda answer: "launchPipelineExecution" in (answer.request.post_data or "")) as launched:
        page.get_by_role("button", name="Materialize").first.click()
    assert launched.value.ok
    until_loaded(page)
    for shown in (
        "Orders with their line items.",
        "commerce",
        "customer_id",
        "timestamptz",
        "Source code",
    ):
        page.get_by_text(shown).first.wait_for()
    page.screenshot(path=pictures / "asset.png")


def test_its_checks_have_passed(page: Any, ui: str, pictures: Path) -> None:
    page.goto(f"{ui}/{ASSET}?view=checks")
    for shown in ("duplicates", "schema", "3000 rows, no duplicates.", "Passed"):
        page.get_by_text(shown).first.wait_for()
    page.screenshot(path=pictures / "checks.png")


def test_its_metadata_tells_of_the_load_and_previews_the_table(page: Any, ui: str, pictures: Path) -> None:
    page.goto(f"{ui}/{ASSET}?view=events")
    for shown in (
        "flag at `has_more` is false",
        "GET {env.DEMO_API_URL}/shop/orders?limit=200",
        "demo.demo_shop.orders",
    ):
        page.get_by_text(shown).first.wait_for()
    page.get_by_text("[Show Markdown]").first.click()
    page.get_by_text(re.compile(r"R-00\d{4}")).first.wait_for()
    page.screenshot(path=pictures / "preview.png")
