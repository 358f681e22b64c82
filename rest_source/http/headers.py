"""Header values: which can be sent at all, and which go with every request."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from requests.structures import CaseInsensitiveDict

from rest_source.errors import RestSourceError
from rest_source.http.compression import ACCEPTED


@cache
def defaults() -> tuple[tuple[str, str], ...]:
    """What a request says where it does not say so itself."""
    try:
        release = version("rest_source")
    except PackageNotFoundError:
        release = "dev"
    return (
        ("Accept", "application/json"),
        ("Accept-Encoding", ACCEPTED),
        ("User-Agent", f"rest_source/{release}"),
    )


def merged(*layers: Iterable[tuple[str, str]]) -> CaseInsensitiveDict[str]:
    """The layers as one set of headers; a later layer wins, whatever its spelling of a name."""
    result: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for layer in layers:
        for name, value in layer:
            result.pop(name, None)  # or the first spelling of the name would stay beside the new value
            result[name] = valid_value(value, f"the header `{name}`")
    return result


def valid_value(value: str, what: str) -> str:
    """The value, trimmed; an error that names `what` but never the value if it cannot stand in a header.

    Line breaks would start a header of their own, and HTTP/1.1 transports latin-1 only (RFC 9110, 5.5).
    """
    value = value.strip(" \t")
    if any(character in value for character in "\r\n\0"):
        raise RestSourceError(
            "invalid_header",
            f"A line break stands in {what}, which cannot be sent.",
            cause="A secret read from a file often ends with a line break.",
            remedy="Remove the line break from the value, for instance with `tr -d '\\n'`.",
        )
    if max(value, default="") > "\xff":  # encoding would raise an error that holds the value
        raise RestSourceError(
            "invalid_header",
            f"A character beyond latin-1 stands in {what}, which HTTP cannot transport.",
            cause="It was pasted with a typographic quote, dash or invisible character, or is not the key itself.",
            remedy="Copy the value again as plain text, or percent-encode it if the API documents that.",
        )
    return value


def charset(content_type: str) -> str | None:
    """The charset that a Content-Type names."""
    found = re.search(r"charset=\"?([\w.:-]+)", content_type, re.IGNORECASE)
    return found[1] if found else None
