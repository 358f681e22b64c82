"""`on_error`: what an API's refusals mean for one endpoint, where they mean something special."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rest_source.spec.base import SpecModel
from rest_source.spec.jsonpath import PathText
from rest_source.spec.places import HeaderValue, Status
from rest_source.spec.units import Duration, write_duration
from rest_source.spec.word import Word


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


Statuses = Annotated[
    tuple[Status, ...],
    BeforeValidator(_as_list, json_schema_input_type=int | tuple[int, ...]),
    Word("status or list of statuses"),
]


def _header(value: Any) -> Any:
    return HeaderValue.model_validate(value) if isinstance(value, dict) else value


Pause = Annotated[
    Duration | HeaderValue, BeforeValidator(_header), Word("duration or `{header: NAME}`", write=write_duration)
]
"""A pause, or the header of the answer that names it."""


class AnswerRule(SpecModel):
    """An answer that every given key describes.

    `json` holds where the path finds something that is not null, false or empty; `contains` looks into what
    it finds, or into the whole body where there is no `json`.
    """

    status: Statuses = Field((), description="the status of the answer; any unless given", examples=[[402, 403]])
    json_path: PathText | None = Field(
        None,
        alias="json",
        description="holds where it finds something that is not `null`, `false`, 0 or empty",
        examples=["$.errors"],
    )
    contains: str | None = Field(
        None,
        description="must stand in what `json` finds, or in the whole body; upper and lower case differ",
        examples=["BUDGET_EXCEEDED"],
    )
    empty: Annotated[Literal[True], Word("`true`")] | None = Field(
        None, description="`true` holds where the body has no bytes, or only blanks", examples=[True]
    )

    @model_validator(mode="after")
    def _describes_something(self) -> Self:
        if not (self.status or self.empty) and self.json_path is None and self.contains is None:
            raise ValueError("a rule needs at least one of `status`, `json`, `contains` and `empty`")
        return self


class ErrorRule(AnswerRule):
    """An answer, and what is to be done about it."""

    do: Literal["skip", "fail", "retry", "restart", "end"] = Field(
        description="what becomes of the answer; see below", examples=["skip"]
    )
    wait: Pause | None = Field(
        None,
        description="with `do: retry`, the pause before the next attempt, or the header of the answer that names it; "
        "the pause that the answer itself asks for unless given",
        examples=["30s", {"header": "X-Next-Slot"}],
    )

    @model_validator(mode="after")
    def _waits_for_something(self) -> Self:
        if self.wait is not None and self.do != "retry":
            raise ValueError(f"`wait` is for `do: retry`; with `do: {self.do}` there is nothing to wait for")
        return self


RenewOn = Annotated[
    tuple[Annotated[AnswerRule, Word("rule")], ...],
    Field(
        description="further answers than 401 by which the API says that the token has ended: it is renewed, and the "
        "request sent again",
        examples=[[{"status": 403, "contains": "expired"}]],
    ),
]
