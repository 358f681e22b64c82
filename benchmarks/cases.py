"""The cases, and what their figures are to reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from benchmarks.measure import Summary

Figures = Mapping[tuple[str, str], Summary]
"""What was measured, by case and contestant."""

_PAGINATION = {
    "pages": "page_number without a total",
    "totals": "page_number with total_pages",
    "cursor": "cursor",
    "all": "in one answer",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A load of `records`, or the definitions of `endpoints`, by several contestants in turn, ours first."""

    name: str
    contestants: tuple[str, ...]
    once: tuple[str, ...] = ()  # for the record, in the first round
    rounds: int = 3
    records: int = 0
    page_size: int = 1000
    dialect: str = "pages"
    latency: float = 0.0
    concurrency: int = 4
    endpoints: int = 0
    postgres: bool = False

    @property
    def size(self) -> int:
        """How many things a contestant handles."""
        return self.records or self.endpoints

    @property
    def title(self) -> str:
        """What is measured, in words."""
        if self.endpoints:
            return f"{self.endpoints:,} endpoints in one YAML file"
        records = f"{self.records:,} records"
        if self.dialect != "all":
            records += f" in {self.records // self.page_size:,} pages"
        latency = f"{self.latency * 1000:.0f} ms each" if self.latency else "no latency"
        into = ", into PostgreSQL" if self.postgres else ""
        return f"{records}, {latency}, {_PAGINATION[self.dialect]}, concurrency {self.concurrency}{into}"

    def quick(self) -> "Case":
        """A fiftieth of it, once: to see that everything runs."""
        return replace(
            self, once=(), rounds=1, records=self.records // 50, endpoints=self.endpoints and self.endpoints // 50 + 1
        )


_SLOW = Case("page_number", ("rest_source", "dlt"), records=20_000, page_size=100, latency=0.05, concurrency=16)
CASES = (
    Case(
        "500k",
        ("rest_source", "dlt", "dlt best workers", "floor"),
        once=("dlt default loader",),
        rounds=5,
        records=500_000,
    ),
    Case("postgres", ("rest_source", "dlt", "dlt csv"), records=500_000, postgres=True),
    Case("5m", ("rest_source",), rounds=1, records=5_000_000),
    Case("one_answer", ("rest_source",), rounds=1, records=4_000_000, dialect="all"),
    _SLOW,
    replace(_SLOW, name="totals", dialect="totals", contestants=("rest_source",)),
    replace(_SLOW, name="cursor", dialect="cursor"),
    *(Case(f"endpoints_{count}", ("definitions",), endpoints=count) for count in (10, 100, 1000)),
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


def _seconds(figures: Figures, case: str, *contestants: str) -> float:
    """The median of the fastest of them; a KeyError if one was not measured."""
    return min(figures[case, contestant].seconds for contestant in contestants)


TARGETS = (
    Target(
        "500k",
        ">= 5x dlt's rate",
        "x",
        lambda f: _seconds(f, "500k", "dlt", "dlt best workers") / _seconds(f, "500k", "rest_source"),
        at_least=5,
    ),
    Target(
        "500k",
        "<= 2.5x the physical floor",
        "x",
        lambda f: _seconds(f, "500k", "rest_source") / _seconds(f, "500k", "floor"),
        at_most=2.5,
    ),
    Target("500k", "peak memory <= 400 MB", " MB", lambda f: f["500k", "rest_source"].peak_mb, at_most=400),
    Target(
        "5m",
        "time <= 11x that of 500k",
        "x",
        lambda f: _seconds(f, "5m", "rest_source") / _seconds(f, "500k", "rest_source"),
        at_most=11,
    ),
    Target(
        "5m",
        "peak memory <= 1.2x that of 500k",
        "x",
        lambda f: f["5m", "rest_source"].peak_mb / f["500k", "rest_source"].peak_mb,
        at_most=1.2,
    ),
    Target(
        "postgres",
        ">= 4x dlt's rate",
        "x",
        lambda f: _seconds(f, "postgres", "dlt", "dlt csv") / _seconds(f, "postgres", "rest_source"),
        at_least=4,
    ),
    Target(
        "page_number",
        ">= 8x dlt's rate",
        "x",
        lambda f: _seconds(f, "page_number", "dlt") / _seconds(f, "page_number", "rest_source"),
        at_least=8,
    ),
    Target("page_number", "<= 1.5 s", " s", lambda f: _seconds(f, "page_number", "rest_source"), at_most=1.5),
    Target(
        "cursor", "<= 1.1x the 10 s of latency", "x", lambda f: _seconds(f, "cursor", "rest_source") / 10, at_most=1.1
    ),
    Target("endpoints_1000", "<= 2.5 s", " s", lambda f: _seconds(f, "endpoints_1000", "definitions"), at_most=2.5),
)
