"""Pagination of an endpoint: where the next page is found and when the series ends."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rest_source.spec.base import SpecModel, invalid, tagged
from rest_source.spec.jsonpath import PathText

PositiveInt = Annotated[int, Field(strict=True, ge=1)]
Status = Annotated[int, Field(strict=True, ge=100, le=599)]
Place = Literal["query", "body"]


class HeaderValue(SpecModel):
    """A value found in a response header, written `{header: NAME}`."""

    header: str


def _header(value: Any) -> Any:
    return HeaderValue.model_validate(value) if isinstance(value, dict) else value


Found = Annotated[PathText | HeaderValue, BeforeValidator(_header)]
"""Where a response holds a value: a JSONPath into its body, or `{header: NAME}`."""


class _Series(SpecModel):
    end_statuses: tuple[Status, ...] = ()


class NoPagination(_Series):
    """One request holds everything."""

    type: Literal["none"] = "none"


class _Counted(_Series):
    place: Place = Field("query", alias="in")
    total_records: Found | None = None
    stop_on_short_page: bool = Field(False, strict=True)
    repeated_pages: Literal["error", "allow"] = "error"


class PageNumber(_Counted):
    """Pages are numbered: `?page=1`, `?page=2`, …"""

    type: Literal["page_number"] = "page_number"
    param: str = "page"
    start: int = Field(1, strict=True)
    step: PositiveInt = 1
    size_param: str | None = None
    size: PositiveInt | None = None
    total_pages: Found | None = None

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

    type: Literal["offset_limit"] = "offset_limit"
    offset_param: str = "offset"
    limit_param: str = "limit"
    limit: PositiveInt = 100
    start: int = Field(0, strict=True)


class Cursor(_Series):
    """Each page names the next by a token."""

    type: Literal["cursor"] = "cursor"
    value: Found
    source: Literal["response", "last_record"] = Field("response", alias="from")
    param: str = "cursor"
    place: Literal["query", "body", "header", "path"] = Field("query", alias="in")
    has_more: PathText | None = None
    stop_on_empty_page: bool = Field(False, strict=True)
    repeated_pages: Literal["error", "allow"] = "error"

    @model_validator(mode="after")
    def _records_have_no_headers(self) -> Self:
        if self.source == "last_record" and isinstance(self.value, HeaderValue):
            message = "`from: last_record` needs a JSONPath as `value`; a record has no headers"
            raise invalid("value", message=message, kind="combination")
        return self


class NextUrl(_Series):
    """Each page holds the URL of the next."""

    type: Literal["next_url"] = "next_url"
    path: Found
    repeated_pages: Literal["error", "allow"] = "error"


class LinkHeader(_Series):
    """Each page names the next in its Link header (RFC 8288)."""

    type: Literal["link_header"] = "link_header"
    rel: str = "next"
    repeated_pages: Literal["error", "allow"] = "error"


Pagination = Annotated[
    NoPagination | PageNumber | OffsetLimit | Cursor | NextUrl | LinkHeader,
    Field(discriminator="type"),
    BeforeValidator(tagged([NoPagination, PageNumber, OffsetLimit, Cursor, NextUrl, LinkHeader])),
]
