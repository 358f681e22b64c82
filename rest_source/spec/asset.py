"""Dagster's own vocabulary in the file, checked by Dagster's rules, so that a mistake names its line."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from rest_source.spec.base import SpecModel
from rest_source.spec.partitions import BackfillPolicy, Partitions
from rest_source.spec.schedule import Schedule
from rest_source.spec.units import Duration
from rest_source.spec.word import Word

_TAG = r"[A-Za-z0-9_.-]{1,63}"


def valid_owner(value: str) -> str:
    """An email address, or `team:` and a name."""
    return _matching(
        value, r"[^@\s]+@[^@\s]+\.[^@\s]+|team:[A-Za-z0-9_.-]+", "an owner", "ada@shop.example or team:data"
    )


def valid_tag_key(value: str) -> str:
    """Letters, digits, `_`, `.` and `-`, with a prefix before a slash if wanted."""
    return _matching(value, f"({_TAG}/)?{_TAG}", "the key of a tag", "domain or acme.com/domain")


def valid_tag(value: str) -> str:
    """Letters, digits, `_`, `.` and `-`, or nothing."""
    return _matching(value, f"({_TAG})?", "a tag's value or a kind", "sales or snowflake")


def valid_group(value: str) -> str:
    """Letters, digits and `_`; slashes make groups in groups."""
    return _matching(value, "[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*", "a group name", "sales or rest/sales")


def _matching(value: str, pattern: str, what: str, example: str) -> str:
    if not re.fullmatch(pattern, value):
        raise ValueError(f"`{value}` is not {what} that Dagster takes; write one such as {example}")
    return value


class FreshnessPolicy(SpecModel):
    """How old an asset may grow before Dagster says so."""

    fail_window: Duration = Field(description="older than this is a failure; at least `60s`", examples=["26h"])
    warn_window: Duration | None = Field(
        None,
        description="older than this is a warning; at least `60s`, and shorter than `fail_window`",
        examples=["24h"],
    )

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> Self:
        for window in (self.fail_window, self.warn_window):
            if window is not None and window < timedelta(minutes=1):
                raise ValueError("a window is at least 60s")
        if self.warn_window is not None and self.warn_window >= self.fail_window:
            raise ValueError("`warn_window` is shorter than `fail_window`")
        return self


Level = Literal["error", "warn", "off"]


class RowBounds(SpecModel):
    """How many records a load should read."""

    least: int | None = Field(None, alias="min", ge=0, description="a load with fewer does not pass", examples=[1])
    most: int | None = Field(None, alias="max", ge=0, description="a load with more does not pass", examples=[100000])
    level: Literal["error", "warn"] = Field("warn", description="how loud the check is", examples=["error"])

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("give `min`, `max` or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("`min` is not larger than `max`")
        return self


class Checks(SpecModel):
    """How loud each asset check is."""

    duplicates: Level | None = Field(
        None,
        description="how loud the [duplicates check](#the-duplicates-check) is, `warn` unless given; `error` fails the "
        "run and stops assets downstream",
        examples=["error"],
    )
    complete: Level | None = Field(
        None,
        description="likewise, of the check that each load of a run read all that the API announced: totals and next "
        "pages",
        examples=["error"],
    )
    schema_: Level | None = Field(
        None,
        alias="schema",
        description="likewise, of the [schema check](#the-schema-check)",
        examples=["error"],
    )

    spike: Level | None = Field(
        None,
        description="likewise, of the check that no load of a run read three times as many records as those it is "
        "like, or a third; `off` unless given",
        examples=["warn"],
    )
    freshness: Level | None = Field(
        None,
        description="likewise, of the [freshness check](#the-freshness-check), that loads keep coming. It exists only "
        "with a `schedule`; `warn` where that is `enabled`, else `off`",
        examples=["error"],
    )
    rows: RowBounds | None = Field(
        None, description="a check of how many records each load of a run read", examples=[{"min": 1, "level": "error"}]
    )

    def over(self, defaults: "Checks | None") -> "Checks":
        """These levels, or else the defaults; that of `freshness` may stay open, as it goes by the schedule."""
        levels: dict[str, Any] = dict.fromkeys(("duplicates", "complete", "schema"), "warn")
        levels["spike"] = "off"
        for checks in (defaults, self):
            levels |= checks.model_dump(exclude_none=True, by_alias=True) if checks else {}
        return Checks(**levels)

    @field_validator(
        "duplicates",
        "complete",
        "schema_",
        "spike",
        "freshness",
        mode="before",
        json_schema_input_type=Literal["error", "warn", "off", False],
    )
    @classmethod
    def _yaml_reads_off_as_false(cls, value: Any) -> Any:
        return "off" if value is False else value


class AssetSettings(SpecModel):
    """Dagster's own vocabulary, on a source for all its endpoints or on one endpoint."""

    description: str | None = Field(
        None,
        description="shown in the UI; the method and path unless given",
        examples=["Orders with their line items."],
    )
    group_name: Annotated[str, AfterValidator(valid_group)] | None = Field(
        None,
        description="asset group; a slash makes groups in groups; the source's name unless given",
        examples=["sales"],
    )
    owners: tuple[Annotated[str, AfterValidator(valid_owner), Word("owner")], ...] = Field(
        (), description="`team:NAME` or e-mail addresses", examples=[["team:commerce"]]
    )
    tags: dict[Annotated[str, AfterValidator(valid_tag_key)], Annotated[str, AfterValidator(valid_tag)]] = Field(
        {},
        description="asset tags, made of letters, digits, `_`, `.` and `-`; the endpoint's are added to the source's",
        examples=[{"domain": "commerce"}],
    )
    kinds: tuple[Annotated[str, AfterValidator(valid_tag), Word("kind")], ...] = Field(
        (),
        max_length=3,
        description="up to three kinds; `rest` and `duckdb` follow as long as there are fewer than three",
        examples=[["stripe"]],
    )
    deps: tuple[Annotated[str, Word("asset key")], ...] = Field(
        (),
        description="assets upstream of it: they load first, and if one fails in the same run, this one is skipped; "
        "the endpoint's are added to the source's",
        examples=[["crm/export"]],
    )
    freshness_policy: FreshnessPolicy | None = Field(
        None,
        description="how old an asset may get before Dagster says so; see below",
        examples=[{"fail_window": "26h"}],
    )
    schedule: Schedule | None = Field(
        None, description="when it is loaded; see [Schedule](#schedule)", examples=[{"every": "6h"}]
    )
    partitions_def: Partitions | None = Field(
        None,
        description="the parts that are loaded and backfilled by themselves; see [Partitions](#partitions)",
        examples=[{"type": "daily", "start_date": "2024-01-01"}],
    )
    backfill_policy: BackfillPolicy | None = Field(
        None,
        description="how many runs a backfill of partitions takes; one unless given",
        examples=[{"type": "multi_run", "max_partitions_per_run": 30}],
    )
    checks: Checks | None = Field(
        None,
        description="how loud each check is, `warn` unless given; see [Checks](#checks)",
        examples=[{"duplicates": "error"}],
    )
