"""Increments: which records are new since the last load, and how the API is asked for them."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rest_source.spec.base import SpecModel, invalid
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.template import foreign
from rest_source.spec.text import Text, checked, env_reference
from rest_source.spec.variables import WrittenDuration, known
from rest_source.spec.word import Word


def _as_text(value: Any) -> Any:
    """YAML reads 2024-01-01 as a date and 0 as a number; both are texts here."""
    value = env_reference(value)
    value = value.isoformat() if isinstance(value, date | datetime) else value
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return checked(value)


Start = Annotated[Text, BeforeValidator(_as_text, json_schema_input_type=str | int), Word("text")]


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
    format: str | None = Field(
        None,
        description="how the API writes its cursor, as strftime does, where it is no ISO date or time and no epoch",
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
            if without := foreign(getattr(self, key) or ""):
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
