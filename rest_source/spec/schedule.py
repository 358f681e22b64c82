"""The ingestion frequency: `{every: 6h}` or `{cron: "..."}`."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from rest_source.spec.base import SpecModel, invalid, nearest
from rest_source.spec.text import ENV_SCHEMA
from rest_source.spec.units import Duration
from rest_source.spec.variables import from_environment
from rest_source.spec.word import Word

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


def valid_timezone(name: str) -> str:
    """An IANA time zone name, such as Europe/Paris."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        hint = _meant(name)
        raise ValueError(f"`{name}` is not a time zone.{hint} Write an IANA name such as UTC or Europe/Paris") from None
    return name


def _meant(name: str) -> str:
    """The question which zone was meant: that of this city, or the most similar name.

    The names of Etc are left out: their signs are the reverse of what people expect.
    """
    zones = sorted(zone for zone in available_timezones() if not zone.startswith("Etc/"))
    cities = {zone.rpartition("/")[2].lower(): zone for zone in zones if "/" in zone}
    city = cities.get(re.sub(r"\W+", "_", name.rpartition("/")[2].strip()).lower())
    return f" Did you mean `{city}`?" if city else nearest(name, zones)


Timezone = Annotated[str, AfterValidator(valid_timezone), Word("IANA zone")]


def _also_variables(schema: dict[str, Any]) -> None:
    """Each key may be `{env: NAME}`."""
    for key in schema["properties"].values():
        given = {name: key.pop(name) for name in ("type", "minimum", "anyOf") if name in key}
        key["anyOf"] = [*(given.get("anyOf") or [given]), ENV_SCHEMA]


class Schedule(SpecModel):
    """When an endpoint is loaded. Both forms come down to one cron line; `every` restarts at midnight."""

    model_config = ConfigDict(json_schema_extra=_also_variables)

    every: Duration | None = Field(
        None,
        description="`15m`, `20m`, `30m`, or whole hours from `1h` to `24h`, counted from midnight; this or `cron`",
        examples=["6h"],
    )
    cron: str | None = Field(
        None,
        description="five fields: minute, hour, day, month, weekday; this or `every`",
        examples=["30 6 * * 1-5"],
    )
    timezone: Timezone | None = Field(
        None, description="the zone of either; the source's unless given", examples=["Europe/Berlin"]
    )
    enabled: bool = Field(
        False,
        strict=True,
        description="`true` starts it with Dagster; else you switch it on in the UI",
        examples=[True],
    )

    refresh_last: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="of partitions of time: how many of the last ones each tick loads, for late data", examples=[3]
    )

    @field_validator("every", "cron", "timezone", mode="before")
    @classmethod
    def _of_variable(cls, value: Any) -> Any:
        return from_environment(value)

    @field_validator("enabled", "refresh_last", mode="before")
    @classmethod
    def _of_variable_as_yaml(cls, value: Any) -> Any:
        found = from_environment(value)
        return found if found is value else yaml.safe_load(found)

    @field_validator("every")
    @classmethod
    def _fits_a_clock(cls, value: timedelta | None) -> timedelta | None:
        if value is not None:
            _cron_of(value)
        return value

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        return None if value is None else valid_cron(value)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise invalid(message='write either `every: 6h` or `cron: "0 6 * * *"`', kind="combination")
        return self

    @property
    def cron_line(self) -> str:
        """The five-field cron expression."""
        return self.cron or _cron_of(self.every or _HOUR)

    @property
    def cadence(self) -> str:
        """A name for the frequency, made of letters, digits and underscores: `every_6h`, `cron_0_6_x_x_1to5`."""
        if self.every is not None:
            hours, rest = divmod(self.every, _HOUR)
            return f"every_{rest // _MINUTE}m" if rest else f"every_{hours}h"
        words = {"*": "x", "/": "per", "-": "to", ",": "and", " ": "_"}
        return "cron_" + "".join(words.get(letter, letter) for letter in self.cron or "")


def _cron_of(every: timedelta) -> str:
    hours, minutes = every // _HOUR, every // _MINUTE
    if every == hours * _HOUR and 1 <= hours <= 24:
        return {1: "0 * * * *", 24: "0 0 * * *"}.get(hours, f"0 */{hours} * * *")
    if every == minutes * _MINUTE and 15 <= minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *"
    raise ValueError("`every` is 15m, 20m, 30m, or whole hours from 1h to 24h; write a `cron` for anything else")


def _numbered(item: str, field: str, low: int) -> str:
    names = _NAMES.get(field, [])
    return re.sub(
        r"(?<!\w)[a-z]+(?!\w)", lambda word: str(names.index(word[0]) + low) if word[0] in names else word[0], item
    )


def valid_cron(line: str) -> str:
    """A cron expression of five fields that comes to pass some time."""
    parts = line.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"`{line}` is not a cron expression: five fields, minute hour day month weekday")
    _, _, days, months, _ = (_numbers(line, *field) for field in zip(parts, _FIELDS, strict=True))
    if parts[4] == "*" and min(days) > max(_LENGTHS[month - 1] for month in months):
        raise ValueError(f"`{line}` never comes: no month of it has a day {min(days)}")
    return " ".join(parts)


def ticks(line: str, start: datetime) -> Iterator[datetime]:
    """When a valid cron expression comes, from a moment of the wall clock on."""
    minutes, hours, days, months, weekdays = (
        sorted(_numbers(line, *field)) for field in zip(line.split(), _FIELDS, strict=True)
    )
    either = "*" not in (line.split()[2], line.split()[4])  # where both name days, each of them counts
    for distance in count():
        day = start.replace(hour=0, minute=0) + timedelta(days=distance)
        of_month, of_week = day.day in days, not {day.isoweekday(), day.isoweekday() % 7}.isdisjoint(weekdays)
        if day.month in months and (of_month or of_week if either else of_month and of_week):
            yield from (
                moment
                for hour in hours
                for minute in minutes
                if (moment := day.replace(hour=hour, minute=minute)) >= start
            )


def _numbers(line: str, part: str, field: tuple[str, int, int]) -> set[int]:
    """The numbers that a field of a cron expression stands for."""
    name, low, high = field
    found: set[int] = set()
    for item in part.lower().split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", _numbered(item, name, low))
        bounds = [int(number) for number in match.groups()[:2] if number] if match else [-1]
        # A step beyond the field fires every time, not every so often.
        wide = match is not None and int(match[3] or 1) > int(match[2] or high - (name == "weekday"))
        if match is None or wide or not all(low <= number <= high for number in bounds) or bounds != sorted(bounds):
            raise ValueError(f"`{part}` is not a valid {name} ({low}-{high}) in the cron expression `{line}`")
        first, last = (bounds or [low])[0], bounds[-1] if bounds and (match[2] or not match[3]) else high
        found |= {*range(first, last + 1, int(match[3] or 1))}
    return found
