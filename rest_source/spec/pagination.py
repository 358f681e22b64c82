"""Pagination of an endpoint: where the next page is found and when the series ends."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from rest_source.spec.base import SpecModel, invalid, tagged
from rest_source.spec.jsonpath import PathText
from rest_source.spec.word import Word

PositiveInt = Annotated[int, Field(strict=True, ge=1)]
Status = Annotated[int, Field(strict=True, ge=100, le=599), Word("status", "statuses")]
Place = Literal["query", "body"]


class HeaderValue(SpecModel):
    """A value found in a response header, written `{header: NAME}`."""

    header: str = Field(description="name of the response header that holds the value", examples=["X-Total-Count"])


def _header(value: Any) -> Any:
    return HeaderValue.model_validate(value) if isinstance(value, dict) else value


Found = Annotated[PathText | HeaderValue, BeforeValidator(_header), Word("where")]
"""Where a response holds a value: a JSONPath into its body, or `{header: NAME}`."""


RepeatedPages = Annotated[
    Literal["error", "allow"],
    Field(description="`allow` switches the loop guard off, for APIs whose equal pages are real", examples=["allow"]),
]


class _Series(SpecModel):
    end_statuses: tuple[Status, ...] = Field((), description='HTTP statuses that mean "past the end"', examples=[[404]])


class NoPagination(_Series):
    """One request holds everything."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "none"}]})

    type: Literal["none"] = Field(
        "none",
        description="for APIs that answer everything at once; "
        "ends after one request. If the answer announces more pages, a warning says which pagination to write",
    )


class _Counted(_Series):
    place: Place = Field("query", alias="in", description="where the parameters go; see below", examples=["body"])
    total_records: Found | None = Field(
        None, description="where the answer says how many records there are", examples=[{"header": "X-Total-Count"}]
    )
    stop_on_short_page: bool = Field(
        False, strict=True, description="end also at a page with fewer records than asked for", examples=[True]
    )
    repeated_pages: RepeatedPages = "error"


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
    param: str = Field("page", description="name of the parameter that takes the page number", examples=["p"])
    start: int = Field(1, strict=True, description="number of the first page", examples=[0])
    step: PositiveInt = Field(1, description="from one page number to the next", examples=[2])
    size_param: str | None = Field(
        None,
        description="name of the parameter that takes the page size, which is not sent without it; needs `size`",
        examples=["per_page"],
    )
    size: PositiveInt | None = Field(None, description="records of a full page", examples=[100])
    total_pages: Found | None = Field(
        None, description="where the answer says how many pages there are", examples=["$.meta.total_pages"]
    )

    @model_validator(mode="after")
    def _size_is_given(self) -> Self:
        if self.size_param and self.size is None:
            raise invalid("size_param", message="`size_param` needs `size`, the number to ask for", kind="combination")
        if self.stop_on_short_page and self.size is None:
            message = "`stop_on_short_page` needs `size`, the number of records of a full page"
            raise invalid("stop_on_short_page", message=message, kind="combination")
        return self


class OffsetLimit(_Counted):
    """Records are numbered: `?offset=0&limit=100`, `?offset=100&limit=100`, …"""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "offset_limit", "limit": 250, "total_records": "$.total"}]}
    )

    type: Literal["offset_limit"] = Field(
        "offset_limit", description="for APIs that skip so many records; ends as `page_number`"
    )
    offset_param: str = Field("offset", description="name of the parameter that takes the offset", examples=["skip"])
    limit_param: str = Field("limit", description="name of the parameter that takes the limit", examples=["top"])
    limit: PositiveInt = Field(100, description="records of a full page", examples=[250])
    start: int = Field(0, strict=True, description="offset of the first record", examples=[1])


class Cursor(_Series):
    """Each page names the next by a token."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "cursor", "value": "$.next_cursor", "param": "cursor"}]}
    )

    type: Literal["cursor"] = Field(
        "cursor",
        description="for APIs that hand out a token for the next page; "
        "ends when the token is missing, `null`, `false` or empty, or when `has_more` is false",
    )
    value: Found = Field(description="where the token is", examples=["$.paging.next"])
    source: Literal["response", "last_record"] = Field(
        "response",
        alias="from",
        description="look for `value` in the answer, or in the last record of the page",
        examples=["last_record"],
    )
    param: str = Field("cursor", description="name of the parameter that takes the token", examples=["starting_after"])
    place: Literal["query", "body", "header", "path"] = Field(
        "query", alias="in", description="where the token goes; see below", examples=["body"]
    )
    has_more: PathText | None = Field(
        None, description="a flag in the answer; false ends the series", examples=["$.has_more"]
    )
    stop_on_empty_page: bool = Field(False, strict=True, description="end also at an empty page", examples=[True])
    repeated_pages: RepeatedPages = "error"

    @model_validator(mode="after")
    def _records_have_no_headers(self) -> Self:
        if self.source == "last_record" and isinstance(self.value, HeaderValue):
            message = "`from: last_record` needs a JSONPath as `value`; a record has no headers"
            raise invalid("value", message=message, kind="combination")
        return self


class NextUrl(_Series):
    """Each page holds the URL of the next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "next_url", "path": "$.links.next"}]})

    type: Literal["next_url"] = Field(
        "next_url",
        description="for APIs that answer with the URL of the next page; "
        "ends when the URL is missing, `null`, `false` or empty",
    )
    path: Found = Field(description="where the URL is; it may be relative to the request's", examples=["$.links.next"])
    repeated_pages: RepeatedPages = "error"


class LinkHeader(_Series):
    """Each page names the next in its Link header (RFC 8288)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "link_header"}]})

    type: Literal["link_header"] = Field(
        "link_header",
        description="for APIs that name the next page in the `Link` header (RFC 8288); "
        "ends when there is no link of that relation",
    )
    rel: str = Field("next", description="relation of the link to follow", examples=["older"])
    repeated_pages: RepeatedPages = "error"


Pagination = Annotated[
    NoPagination | PageNumber | OffsetLimit | Cursor | NextUrl | LinkHeader,
    Field(discriminator="type"),
    BeforeValidator(tagged([NoPagination, PageNumber, OffsetLimit, Cursor, NextUrl, LinkHeader])),
]


def places(spec: Pagination) -> tuple[Found | None, ...]:
    """Where in an answer, and not in a record of it, stands what is needed to go on."""
    match spec:
        case PageNumber():
            return spec.total_records, spec.total_pages
        case OffsetLimit():
            return (spec.total_records,)
        case Cursor():
            return (None if spec.source == "last_record" else spec.value), spec.has_more
        case NextUrl():
            return (spec.path,)
        case _:
            return ()
