"""Increments: which records are new since the last load, and how the API is asked for them."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from rest_source.spec.base import SpecModel, invalid
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.template import foreign
from rest_source.spec.text import ENV_SCHEMA, checked
from rest_source.spec.units import EPOCHS
from rest_source.spec.variables import WrittenDuration, known
from rest_source.spec.word import Word

FORMATS = (*EPOCHS, "odata")
"""Formats of cursors that strftime has not."""


def _as_written(value: Any) -> Any:
    """YAML reads 2024-01-01 as a date, which is text here; a number stays one, as the body of a request may have it."""
    value = checked(value.isoformat().replace("+00:00", "Z") if isinstance(value, date | datetime) else value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("write text or a whole number")
    return value


def _format(value: str) -> str:
    if "%" not in value and value not in FORMATS:
        raise ValueError(f"`{value}` is no format: write one of strftime, such as %d.%m.%Y, or {', '.join(FORMATS)}")
    return value


Start = Annotated[
    str | int,
    BeforeValidator(_as_written, json_schema_input_type=str | int),
    WithJsonSchema({"anyOf": [{"type": ["string", "integer"]}, ENV_SCHEMA]}),
    Word("text or number"),
]


class Incremental(SpecModel):
    """How far an endpoint has been read, and how the next load goes on from there."""

    cursor: Annotated[str, Word("JSONPath")] = Field(
        description="what grows from record to record: its path in a record, or, by `from`, in the answer, or the name "
        "of a response header",
        examples=["$.updated_at"],
    )
    origin: Literal["record", "response", "header"] = Field(
        "record",
        alias="from",
        description="where the cursor is. Of `record` the greatest counts, of `response` and `header` the last",
        examples=["response"],
    )
    initial: Start | None = Field(
        None,
        description="the cursor of the first load; without it, a parameter that is `{cursor}` is left out then",
        examples=["2024-01-01T00:00:00Z"],
    )
    written_lookback: WrittenDuration | None = Field(
        None,
        alias="lookback",
        description="how far before the cursor to read again, for records that come late",
        examples=["1h"],
    )
    format: Annotated[str, AfterValidator(_format)] | None = Field(
        None,
        description="how the API writes its cursor, where it is not recognised: as strftime does, `epoch`, `epoch_ms`, "
        "`epoch_us`, `epoch_ns` or `odata` (`/Date(ms)/`). `initial` and `until` may be any date or time",
        examples=["%d.%m.%Y %H:%M"],
    )
    written_step: WrittenDuration | None = Field(
        None,
        alias="step",
        description="cuts the time since the cursor into windows so long, each with its pages",
        examples=["30d"],
    )
    until: Start | None = Field(
        None,
        description="where the last window ends, now unless given; without windows, how far the cursor moves",
        examples=["{now-30m}"],
    )
    order: Literal["asc", "desc"] | None = Field(
        None,
        description="`desc`: the API sends the newest records first, and the load ends at the first page that is "
        "wholly older than the cursor",
        examples=["desc"],
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.origin != "header":
            try:
                compile_path(self.cursor)
            except ValueError as error:
                raise invalid("cursor", message=str(error)) from None
        if self.order == "desc" and self.origin != "record":
            raise invalid("order", message="`order: desc` needs the cursor of records, `from: record`")
        if self.written_step is not None and self.initial is None:
            raise invalid("initial", message="`step` needs `initial`, where the first window begins")
        for key in ("initial", "until"):
            if without := foreign(str(getattr(self, key) or "")):
                raise invalid(key, message=f"`{{{without[0]}}}` has no value here; write {{now-30d}} or a fixed text")
        return self

    @property
    def step(self) -> timedelta | None:
        """The length of a window; a variable that holds it has been read by then."""
        return known(self.written_step)

    @property
    def lookback(self) -> timedelta | None:
        """What is taken off the cursor; a variable that holds it has been read by then."""
        return known(self.written_lookback)
