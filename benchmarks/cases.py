"""The cases, and what their figures are to reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from benchmarks.measure import Summary

Figures = Mapping[tuple[str, str], Summary]
"""What was measured, by case and contestant."""


@dataclass(frozen=True, slots=True)
class Case:
    """A load of `records`, or the definitions of `endpoints`, by several contestants in turn."""

    name: str
    title: str
    contestants: tuple[str, ...]
    once: tuple[str, ...] = ()  # for the record, in the first round
    rounds: int = 3
    records: int = 0
    page_size: int = 1000
    dialect: str = "pages"
    latency: float = 0.0
    concurrency: int = 4
    endpoints: int = 0

    @property
    def size(self) -> int:
        """How many things a contestant handles."""
        return self.records or self.endpoints

    def quick(self) -> "Case":
        """A fiftieth of it, once: to see that everything runs."""
        return replace(
            self, once=(), rounds=1, records=self.records // 50, endpoints=self.endpoints and self.endpoints // 50 + 1
        )


def _slow(name: str, dialect: str, title: str, *contestants: str) -> Case:
    return Case(
        name,
        f"200 pages of 100 records at 50 ms each, {title}",
        contestants,
        records=20_000,
        page_size=100,
        dialect=dialect,
        latency=0.05,
        concurrency=16,
    )


CASES = (
    Case(
        "500k",
        "500,000 records in pages of 1,000, no latency",
        ("rest_source", "dlt", "dlt best workers", "floor"),
        once=("dlt default loader",),
        records=500_000,
    ),
    Case("5m", "5,000,000 records in pages of 1,000, no latency", ("rest_source",), rounds=1, records=5_000_000),
    _slow("page_number", "pages", "page_number without a total, concurrency 16", "rest_source", "dlt"),
    _slow("totals", "totals", "page_number with total_pages, concurrency 16", "rest_source"),
    _slow("cursor", "cursor", "cursor", "rest_source", "dlt"),
    *(
        Case(f"endpoints_{count}", f"{count:,} endpoints in one YAML file", ("definitions",), endpoints=count)
        for count in (10, 100, 1000)
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure drawn from the measurements, and the bound it is to keep."""

    case: str
    goal: str
    unit: str
    figure: Callable[[Figures], float]
    at_most: float = float("inf")
    at_least: float = 0.0

    def verdict(self, figures: Figures) -> tuple[str, str]:
        """The figure and whether it keeps the bound; neither if something it needs was not measured."""
        try:
            figure = self.figure(figures)
        except KeyError:
            return "", "not measured"
        return f"{figure:.2f}{self.unit}", "reached" if self.at_least <= figure <= self.at_most else "not reached"


def _over_dlt(case: str) -> Callable[[Figures], float]:
    def figure(figures: Figures) -> float:
        """How many times our seconds the fastest parquet run of dlt took."""
        names = [name for name in ("dlt", "dlt best workers") if (case, name) in figures]
        return figures[case, min(names, key=lambda name: figures[case, name].seconds, default="dlt")].seconds / (
            figures[case, "rest_source"].seconds
        )

    return figure


def _ours(case: str) -> Callable[[Figures], Summary]:
    return lambda figures: figures[case, "rest_source"]


TARGETS = (
    Target("500k", ">= 5x the rate of dlt's fastest", "x", _over_dlt("500k"), at_least=5),
    Target(
        "500k",
        "<= 2.5x the physical floor",
        "x",
        lambda f: f["500k", "rest_source"].seconds / f["500k", "floor"].seconds,
        at_most=2.5,
    ),
    Target("500k", "peak memory <= 400 MB", " MB", lambda f: f["500k", "rest_source"].peak_mb, at_most=400),
    Target(
        "5m",
        "time <= 11x that of 500k",
        "x",
        lambda f: f["5m", "rest_source"].seconds / f["500k", "rest_source"].seconds,
        at_most=11,
    ),
    Target(
        "5m",
        "peak memory <= 1.2x that of 500k",
        "x",
        lambda f: f["5m", "rest_source"].peak_mb / f["500k", "rest_source"].peak_mb,
        at_most=1.2,
    ),
    Target("page_number", ">= 8x the rate of dlt", "x", _over_dlt("page_number"), at_least=8),
    Target("page_number", "<= 1.5 s", " s", lambda f: f["page_number", "rest_source"].seconds, at_most=1.5),
    Target(
        "cursor",
        "<= 1.1x the summed latency of 10 s",
        "x",
        lambda f: f["cursor", "rest_source"].seconds / 10,
        at_most=1.1,
    ),
    Target(
        "endpoints_1000",
        "all definitions in <= 2.5 s",
        " s",
        lambda f: f["endpoints_1000", "definitions"].seconds,
        at_most=2.5,
    ),
)
