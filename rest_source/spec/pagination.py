"""Pagination of an endpoint: where the next page is found and when the series ends."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from rest_source.spec.base import SpecModel, invalid, tagged, unknown
from rest_source.spec.jsonpath import PathText, compile_path
from rest_source.spec.places import Found, HeaderValue, ParamName, PositiveInt, Status, token_places
from rest_source.spec.template import plain_text
from rest_source.spec.word import Word

RepeatedPages = Annotated[
    Literal["error", "allow"],
    Field(description="`allow` switches the loop guard off, for APIs whose equal pages are real", examples=["allow"]),
]


def _plain(value: Any) -> Any:
    return {name: plain_text(text) for name, text in value.items()} if isinstance(value, dict) else value


class _Series(SpecModel):
    end_statuses: tuple[Status, ...] = Field(
        (), description='HTTP statuses that mean "past the end"; one of success only without a body', examples=[[404]]
    )
    total_records: Found | None = Field(
        None,
        description="where the answer says how many records there are; the check `complete` compares",
        examples=[{"header": "X-Total-Count"}],
    )
    total_pages: Found | None = Field(
        None, description="where the answer says how many pages there are", examples=["$.meta.total_pages"]
    )

    def places(self) -> tuple[Found | None, ...]:
        """Where in an answer, and not in a record of it, the pager looks."""
        return self.total_records, self.total_pages

    def names(self) -> dict[str, ParamName]:
        """The names under which the position is sent, by the key that gives them."""
        return {}

    def positions(self) -> tuple[str, ...]:
        """The templates that hold the position with `in: template`; the first has to be in the request."""
        return ()

    @property
    def in_template(self) -> bool:
        """Whether templates hold the position."""
        return getattr(self, "place", None) == "template"


class NoPagination(_Series):
    """One request holds everything."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "none"}]})

    type: Literal["none"] = Field(
        "none",
        description="for APIs that answer everything at once; "
        "ends after one request. If the answer announces more pages, a warning says which pagination to write",
    )


class Paged(_Series):
    """What every pagination of several pages takes."""

    has_more: Found | None = Field(
        None, description="a flag in the answer; false ends the series", examples=["$.has_more"]
    )
    done: Found | None = Field(None, description="a flag in the answer; true ends the series", examples=["$.isLast"])
    stop_on_empty_page: bool = Field(
        False, strict=True, description="end at the first empty page, whatever announces more", examples=[True]
    )
    stop_on_short_page: bool = Field(
        False,
        strict=True,
        description="end at a page with fewer records than asked for, or than an earlier one where no size is sent",
        examples=[True],
    )
    repeated_pages: RepeatedPages = "error"

    def places(self) -> tuple[Found | None, ...]:
        return *super().places(), self.has_more, self.done


class _Counted(Paged):
    place: Literal["query", "body", "template"] = Field(
        "query", alias="in", description="where the parameters go; see below", examples=["body"]
    )

    @model_validator(mode="after")
    def _steps_lead_into_a_body(self) -> Self:
        _refuse_steps(self, self.place)
        return self


class PageNumber(_Counted):
    """Pages are numbered: `?page=1`, `?page=2`, …"""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "page_number", "size_param": "per_page", "size": 100}]}
    )

    type: Literal["page_number"] = Field(
        "page_number",
        description="for APIs that number their pages; "
        "ends when a page is empty or, with a total, when the total is reached",
    )
    param: ParamName = Field("page", description="name of the parameter that takes the page number", examples=["p"])
    start: int = Field(1, strict=True, description="number of the first page", examples=[0])
    step: PositiveInt = Field(1, description="from one page number to the next", examples=[2])
    size_param: ParamName | None = Field(
        None,
        description="name of the parameter that takes the page size, which is not sent without it; needs `size`",
        examples=["per_page"],
    )
    size: PositiveInt | None = Field(None, description="records of a full page", examples=[100])

    def names(self) -> dict[str, ParamName]:
        return {"param": self.param} | ({"size_param": self.size_param} if self.size_param else {})

    def positions(self) -> tuple[str, ...]:
        return "page", "limit"

    @model_validator(mode="after")
    def _size_is_given(self) -> Self:
        if self.size_param and self.size is None:
            raise invalid("size_param", message="`size_param` needs `size`, the number to ask for", kind="combination")
        return self


class OffsetLimit(_Counted):
    """Records are numbered: `?offset=0&limit=100`, `?offset=100&limit=100`, …"""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "offset_limit", "limit": 250, "total_records": "$.total"}]}
    )

    type: Literal["offset_limit"] = Field(
        "offset_limit", description="for APIs that skip so many records; ends as `page_number`"
    )
    offset_param: ParamName = Field(
        "offset", description="name of the parameter that takes the offset", examples=["skip"]
    )
    limit_param: ParamName = Field("limit", description="name of the parameter that takes the limit", examples=["top"])
    limit: PositiveInt = Field(100, description="records of a full page", examples=[250])
    start: int = Field(0, strict=True, description="offset of the first record", examples=[1])
    advance: Literal["rows", "limit"] = Field(
        "rows",
        description="what the offset goes up by: the rows of a page, or `limit`, for APIs that count rows which they "
        "do not show",
        examples=["limit"],
    )

    def names(self) -> dict[str, ParamName]:
        return {"offset_param": self.offset_param, "limit_param": self.limit_param}

    def positions(self) -> tuple[str, ...]:
        return "offset", "limit"


class Cursor(Paged):
    """Each page names the next by a token."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "cursor", "value": "$.next_cursor", "param": "cursor"}]}
    )

    type: Literal["cursor"] = Field(
        "cursor",
        description="for APIs that hand out a token for the next page; "
        "ends when the token is missing, `null`, `false` or empty, or when `has_more` is false",
    )
    value: Annotated[
        PathText | HeaderValue | dict[str, PathText | HeaderValue],
        BeforeValidator(token_places),
        Word("where, or a mapping of parameters to it"),
    ] = Field(
        description="where the token is; where each is, by the parameter that takes it, if there are several",
        examples=["$.paging.next"],
    )
    source: Literal["response", "last_record"] = Field(
        "response",
        alias="from",
        description="look for `value` in the answer, or in the last record of the page",
        examples=["last_record"],
    )
    param: ParamName = Field(
        "cursor", description="name of the parameter that takes the token", examples=["starting_after"]
    )
    place: Literal["query", "body", "header", "path", "template"] = Field(
        "query", alias="in", description="where the token goes; see below", examples=["body"]
    )
    alone: bool = Field(
        False,
        strict=True,
        description="send the token without the other parameters, or with `in: body` without the rest of the body",
        examples=[True],
    )

    def places(self) -> tuple[Found | None, ...]:
        inside = () if self.source == "last_record" else self.tokens().values()
        return *super().places(), *inside

    def names(self) -> dict[str, ParamName]:
        return {"param": self.param}

    def positions(self) -> tuple[str, ...]:
        return ("next",)

    def tokens(self) -> dict[ParamName, Found]:
        """Where each token is, by the name of its parameter."""
        if isinstance(self.value, dict):
            return {name: where for name, where in self.value.items()}  # noqa: C416
        return {self.param: self.value}

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.source == "last_record" and any(isinstance(where, HeaderValue) for where in self.tokens().values()):
            message = "`from: last_record` needs a JSONPath as `value`; a record has no headers"
            raise invalid("value", message=message, kind="combination")
        if isinstance(self.value, dict):
            if not self.value:
                raise invalid("value", message="write where at least one token is", kind="combination")
            if "param" in self.model_fields_set:
                message = "`param` has no meaning beside a `value` that names the parameters"
                raise invalid("param", message=message, kind="combination")
            if self.place in ("path", "template"):
                message = f"`in: {self.place}` takes one token, and `value` has {len(self.value)}"
                raise invalid("value", message=message, kind="combination")
        _refuse_steps(self, self.place)
        return self


class _Links(Paged):
    same_url: Literal["error", "end"] = Field(
        "error",
        description="`end`: a next URL that is the request's own ends the series; unless given, it is an error",
        examples=["end"],
    )
    keep_origin: bool = Field(
        False,
        strict=True,
        description="send the path and query of the next URL to the origin that was asked, for APIs that name an "
        "internal host or `http:` in their links",
        examples=[True],
    )


class NextUrl(_Links):
    """Each page holds the URL of the next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "next_url", "path": "$.links.next"}]})

    type: Literal["next_url"] = Field(
        "next_url",
        description="for APIs that answer with the URL of the next page; "
        "ends when the URL is missing, `null`, `false` or empty",
    )
    path: Found = Field(description="where the URL is; it may be relative, see `base`", examples=["$.links.next"])
    base: Annotated[str, Word("request, root or JSONPath")] = Field(
        "request",
        description="what a relative URL is relative to: the URL of the `request`, `root` for `base_url`, or the URL "
        "that a JSONPath finds in the answer",
        examples=["root"],
    )

    def places(self) -> tuple[Found | None, ...]:
        return *super().places(), self.path, self.base if self.base.startswith("$") else None

    @model_validator(mode="after")
    def _base_is_one_of_three(self) -> Self:
        if self.base in ("request", "root"):
            return self
        try:
            compile_path(self.base)
        except ValueError as error:
            raise invalid("base", message=str(error)) from None
        if not self.base.startswith("$"):
            raise invalid("base", message=f"{unknown('value', self.base, ['request', 'root'])}, or a JSONPath")
        return self


class LinkHeader(_Links):
    """Each page names the next in its Link header (RFC 8288)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "link_header"}]})

    type: Literal["link_header"] = Field(
        "link_header",
        description="for APIs that name the next page in the `Link` header (RFC 8288); "
        "ends when there is no link of that relation",
    )
    rel: str = Field("next", description="relation of the link to follow", examples=["older"])
    stop_when: Annotated[dict[str, str], BeforeValidator(_plain)] = Field(
        {"results": "false"},
        description="a link with one of these parameters ends the series, as APIs with a link on each page mark the "
        'last by `rel="next"; results="false"`',
        examples=[{"results": "false"}],
    )


_KINDS = (NoPagination, PageNumber, OffsetLimit, Cursor, NextUrl, LinkHeader)
Pagination = Annotated[
    NoPagination | PageNumber | OffsetLimit | Cursor | NextUrl | LinkHeader,
    Field(discriminator="type"),
    BeforeValidator(tagged(_KINDS)),
]


def _refuse_steps(spec: _Series, place: str) -> None:
    """A list of steps names a place in a body, and nothing else."""
    for key, name in spec.names().items():
        if isinstance(name, tuple) and (place != "body" or not name):
            raise invalid(key, message="a list of steps leads into a body: it needs `in: body`", kind="combination")
