"""What a file says that is no mistake, but hardly what was meant: told by `check` and by every load."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rest_source.spec.braces import is_template
from rest_source.spec.combinations import texts
from rest_source.spec.literals import literal_warnings
from rest_source.spec.pagination import OffsetLimit

if TYPE_CHECKING:
    from rest_source.spec.endpoint import EndpointSpec
    from rest_source.spec.source import SourceSpec

_PAGE_NUMBER = {"page", "no", "num", "number", "index", "current", "start"}
_PLACEHOLDER = re.compile(r"\{[A-Za-z_][\w.-]*\}")


def doubts(source: "SourceSpec", endpoint: "EndpointSpec") -> Iterator[str]:
    """A warning for each."""
    yield from literal_warnings(source, endpoint)
    if endpoint.body is not None and "method" not in endpoint.model_fields_set:
        yield (
            "`body` is sent with GET, which most APIs do not read. Write `method: POST`, or `method: GET` if this API "
            "wants it so."
        )
    pagination = endpoint.pagination
    if isinstance(pagination, OffsetLimit) and _is_page(str(pagination.offset_param)):
        yield (
            f"`offset_param: {pagination.offset_param}` gets offsets, such as 0, {pagination.limit} and so on. "
            f"If the API counts pages, write `pagination: {{type: page_number, param: {pagination.offset_param}}}`."
        )
    for key in ("params", "headers", "form"):
        for loc, text in texts(getattr(endpoint, key), (key,)):
            if _PLACEHOLDER.fullmatch(text) and not is_template(text[1:-1]):
                yield (
                    f"`{'.'.join(map(str, loc))}` is sent as `{text}`, braces and all: no template has this name. "
                    f"Write one that has, such as {{parent.{text[1:-1]}}} or {{env.NAME}}."
                )


def _is_page(param: str) -> bool:
    """Whether a parameter has the name of a page's number."""
    used = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", param)}
    return "page" in used and used <= _PAGE_NUMBER
