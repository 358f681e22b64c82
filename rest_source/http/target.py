"""What stands in the request line: path and query as they are written, byte for byte where HTTP can carry them.

requests and urllib3 write URLs anew (`%7e` becomes `~`, `[` becomes `%5B`), after which a signature may not fit and an
API may not know its own link. What no request line can hold is percent-encoded as browsers do it (WHATWG URL, 1.3).
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection

_BEFORE = re.compile(r"\s*[^:/?#]*://[^\\/?#]*")
"""Scheme and authority, as urllib3 tells them from the path."""
_UNSENDABLE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!$-;=?-~]")
_UNSENDABLE_IN_PATH = re.compile(rf"{_UNSENDABLE.pattern}|[`{{}}^]")


def target(url: str) -> str:
    """Path and query of a URL as they are sent."""
    path, mark, query = _BEFORE.sub("", url, count=1).partition("#")[0].partition("?")
    return f"/{_encoded(_UNSENDABLE_IN_PATH, path.removeprefix('/'))}{mark}{_encoded(_UNSENDABLE, query)}"


def _encoded(unsendable: re.Pattern[str], text: str) -> str:
    return unsendable.sub(lambda match: quote(match[0], safe="", errors="surrogatepass"), text)


class TargetedHeaders(CaseInsensitiveDict[str]):
    """Headers of a request that carry its target past requests and urllib3 to the connection."""

    def __init__(self, headers: Mapping[str, str], target: str) -> None:
        super().__init__(headers)
        self.target = target

    def copy(self) -> "TargetedHeaders":
        """The same headers for the same target."""
        return TargetedHeaders(self, self.target)


class TargetedConnection(HTTPConnection):
    """A connection that sends the target its request was made with."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **keys: Any) -> None:
        """Send a request; a plain HTTP proxy gets the target behind scheme and host."""
        if isinstance(headers, TargetedHeaders):
            before = _BEFORE.match(url)
            url = (before[0] if before else "") + headers.target
        super().request(method, url, body, headers, **keys)
