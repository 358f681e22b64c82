"""Partitions of an endpoint, in Dagster's words: which parts of an API are loaded, and backfilled, by themselves."""

from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from rest_source.spec.base import SpecModel, invalid, tagged
from rest_source.spec.schedule import Timezone, ticks, valid_cron
from rest_source.spec.word import Word


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


Day = Annotated[str, BeforeValidator(_as_text), Word("date")]
Key = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value), Word("text")]
Keys = Annotated[tuple[Key, ...], Word("list of texts")]
Minute = Annotated[int, Field(strict=True, ge=0, le=59)]
Hour = Annotated[int, Field(strict=True, ge=0, le=23)]
Cron = Annotated[str, AfterValidator(valid_cron)]
_EXAMPLE = datetime(2024, 1, 1)
_LONG, _MANY = timedelta(days=800), 1500
"""What is looked at of partitions: any form of a year, a day, an hour or a minute has come again by then."""


class _Times(SpecModel):
    start_date: Day = Field(
        description="where the first partition begins, written as keys are", examples=["2024-01-01"]
    )
    end_date: Day | None = Field(None, description="where the last partition ends", examples=["2025-01-01"])
    timezone: Timezone | None = Field(
        None, description="the zone of the partitions; the source's unless given", examples=["Europe/Paris"]
    )
    end_offset: Annotated[int, Field(strict=True, ge=0, le=1)] = Field(
        0,
        description="with `1` the partition under way is one too; each tick of a schedule loads it as far as it is, "
        "and the last complete one once more",
        examples=[1],
    )

    @property
    def form(self) -> str:
        """How dates and keys are written, as strftime does."""
        return "%Y-%m-%d"

    @model_validator(mode="after")
    def _is_a_stretch_of_time(self) -> Self:
        start = self._moment("start_date", self.start_date)
        if start.year == datetime.max.year:
            raise invalid("start_date", message=f"`{self.start_date}` is in the last year that there is")
        if self.end_date is not None and self._moment("end_date", self.end_date) <= start:
            raise invalid("end_date", message=f"`{self.end_date}` is not behind the `start_date`, `{self.start_date}`")
        return self

    def _moment(self, key: str, text: str) -> datetime:
        try:
            return datetime.strptime(text, self.form)
        except ValueError:
            message = f"`{text}` is not a date of the form `{self.form}`; write one such as {_EXAMPLE:{self.form}}"
            raise invalid(key, message=message) from None


class _Offsets(_Times):
    minute_offset: Minute = Field(0, description="the minute at which partitions begin", examples=[15])


class HourlyPartitions(_Offsets):
    """A partition for each hour."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "hourly", "start_date": "2024-01-01-00:00"}]})
    type: Literal["hourly"] = Field("hourly", description="one for each hour")

    @property
    def form(self) -> str:
        """The day, and the hour."""
        return "%Y-%m-%d-%H:%M"


class DailyPartitions(_Offsets):
    """A partition for each day."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "daily", "start_date": "2024-01-01"}]})
    type: Literal["daily"] = Field("daily", description="one for each day")
    hour_offset: Hour = Field(0, description="the hour at which partitions begin", examples=[6])


class WeeklyPartitions(_Offsets):
    """A partition for each week."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "weekly", "start_date": "2024-01-01"}]})
    type: Literal["weekly"] = Field("weekly", description="one for each week")
    hour_offset: Hour = Field(0, description="the hour at which partitions begin", examples=[6])
    day_offset: Annotated[int, Field(strict=True, ge=0, le=6)] = Field(
        0, description="the day at which partitions begin: of the week, from Sunday 0", examples=[1]
    )


class MonthlyPartitions(_Offsets):
    """A partition for each month."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "monthly", "start_date": "2024-01-01"}]})
    type: Literal["monthly"] = Field("monthly", description="one for each month")
    hour_offset: Hour = Field(0, description="the hour at which partitions begin", examples=[6])
    day_offset: Annotated[int, Field(strict=True, ge=1, le=31)] = Field(
        1, description="the day of the month at which partitions begin, from 1", examples=[15]
    )


class TimeWindowPartitions(_Times):
    """A partition between two ticks of a cron expression."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "time_window",
                    "start_date": "2024-01-01-00:00",
                    "fmt": "%Y-%m-%d-%H:%M",
                    "cron_schedule": "*/15 * * * *",
                }
            ]
        }
    )
    type: Literal["time_window"] = Field("time_window", description="one between two ticks of a cron expression")
    fmt: str = Field(description="how keys and dates are written, as strftime does", examples=["%Y-%m-%d-%H:%M"])
    cron_schedule: Cron = Field(description="when partitions begin, in five fields", examples=["*/15 * * * *"])

    @property
    def form(self) -> str:
        """As the file says."""
        return self.fmt

    @model_validator(mode="after")
    def _have_keys_of_their_own(self) -> Self:
        begun = datetime.strptime(self.start_date, self.fmt)
        seen: dict[str, datetime] = {}
        for moment in takewhile(lambda tick: tick - begun < _LONG, islice(ticks(self.cron_schedule, begun), _MANY)):
            other = seen.setdefault(f"{moment:{self.fmt}}", moment)
            if other is not moment:
                message = (
                    f"`{self.fmt}` writes {other:%Y-%m-%d %H:%M} and {moment:%Y-%m-%d %H:%M} alike, and both begin "
                )
                raise invalid("fmt", message=message + "a partition: all but one of them would never be loaded")
        return self


class StaticPartitions(SpecModel):
    """Partitions that are named one by one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "static", "partition_keys": ["eu", "us"]}]})
    type: Literal["static"] = Field("static", description="named one by one")
    partition_keys: Keys = Field(description="their names", examples=[["eu", "us"]])

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        if not self.partition_keys or len(set(self.partition_keys)) < len(self.partition_keys):
            raise invalid("partition_keys", message="name at least one partition, and each once")
        for key in self.partition_keys:
            if not key or "..." in key:
                raise invalid("partition_keys", message=f"`{key}` cannot name a partition: A...B is a range of them")
        return self


_ONE = (HourlyPartitions, DailyPartitions, WeeklyPartitions, MonthlyPartitions, TimeWindowPartitions, StaticPartitions)
Dimension = Annotated[
    HourlyPartitions | DailyPartitions | WeeklyPartitions | MonthlyPartitions | TimeWindowPartitions | StaticPartitions,
    Field(discriminator="type"),
    BeforeValidator(tagged(_ONE)),
    Word("mapping"),
]


class MultiPartitions(SpecModel):
    """Every combination of two dimensions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "multi",
                    "dimensions": {
                        "region": {"type": "static", "partition_keys": ["eu", "us"]},
                        "day": {"type": "daily", "start_date": "2024-01-01"},
                    },
                }
            ]
        }
    )
    type: Literal["multi"] = Field(
        "multi", description="every combination of two dimensions, of which one may be of time"
    )
    dimensions: dict[str, Dimension] = Field(
        description="two names, each with its partitions; `{partition.NAME}` is the key of one",
        examples=[
            {
                "region": {"type": "static", "partition_keys": ["eu", "us"]},
                "day": {"type": "daily", "start_date": "2024-01-01"},
            }
        ],
    )

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        timed = [name for name, one in self.dimensions.items() if not isinstance(one, StaticPartitions)]
        if len(self.dimensions) != 2 or len(timed) > 1:
            raise invalid("dimensions", message="`multi` has two dimensions, of which at most one is of time")
        for name, one in self.dimensions.items():
            odd = [key for key in one.partition_keys if {*key} & {*"|[],"}] if isinstance(one, StaticPartitions) else []
            if odd:
                message = f"`{odd[0]}` cannot name a partition of two dimensions, whose keys are joined by |, [], and ,"
                raise invalid("dimensions", name, "partition_keys", message=message)
        reserved = [name for name in self.dimensions if name in ("key", "start", "end") or not name.isidentifier()]
        if reserved:
            raise invalid(
                "dimensions",
                reserved[0],
                message="a dimension has a name of letters, digits and _, but not "
                "`key`, `start` or `end`, which mean something else in templates",
            )
        return self


PARTITIONS = (*_ONE, MultiPartitions)
Partitions = Annotated[
    HourlyPartitions
    | DailyPartitions
    | WeeklyPartitions
    | MonthlyPartitions
    | TimeWindowPartitions
    | StaticPartitions
    | MultiPartitions,
    Field(discriminator="type"),
    BeforeValidator(tagged(PARTITIONS)),
    Word("mapping"),
]


def has_windows(partitions: Partitions) -> bool:
    """Whether each partition is a stretch of time."""
    if isinstance(partitions, MultiPartitions):
        return any(not isinstance(one, StaticPartitions) for one in partitions.dimensions.values())
    return not isinstance(partitions, StaticPartitions)


class BackfillPolicy(SpecModel):
    """How many runs a backfill takes."""

    type: Literal["single_run", "multi_run"] = Field(
        "single_run",
        description="all partitions of a backfill in one run, or some of them in each",
        examples=["multi_run"],
    )
    max_partitions_per_run: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="of `multi_run`: partitions in a run", examples=[30]
    )
