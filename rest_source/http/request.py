"""What is asked, what is answered, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import SEEK_END
from threading import Lock
from time import time
from typing import BinaryIO
from urllib.parse import quote, urlencode

from requests.structures import CaseInsensitiveDict


@dataclass(frozen=True)
class Request:
    """One request before credentials: `url` is absolute and may hold a query, which `params` extend."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @cached_property
    def full_url(self) -> str:
        """The URL with `params` appended; what it held before stays byte for byte, its fragment goes.

        A blank is `%20` (RFC 3986, 2.1); `+` is one in forms only.
        """
        url = self.url.partition("#")[0]
        if not self.params:
            return url
        joint = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
        return f"{url}{joint}{urlencode(self.params, errors='surrogatepass', quote_via=quote)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, its body decoded and complete; `url` is the final one, without our credentials.

    A large body that can be read in parts is in `file`, and `body` is its beginning. `at` is when it was here, in
    seconds since the epoch. Of a part, `offset` is the byte where it begins in the whole, None where that is unknown.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    file: BinaryIO | None = None
    at: float = field(default_factory=time)
    offset: int | None = 0

    def __post_init__(self) -> None:
        # Whoever builds an answer may write header names as they like; whoever reads one, too.
        object.__setattr__(self, "headers", CaseInsensitiveDict(self.headers))

    @property
    def size(self) -> int:
        """The length of the body in bytes."""
        return self.file.seek(0, SEEK_END) if self.file is not None else len(self.body)


@dataclass(slots=True)
class Tally:
    """What a load has cost so far: redirects and retries count as requests, `bytes` are decoded ones."""

    requests: int = 0
    retries: int = 0
    wait_seconds: float = 0.0
    bytes: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add(self, *, requests: int = 0, retries: int = 0, wait_seconds: float = 0.0, bytes: int = 0) -> None:
        """Count further; safe from any thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.wait_seconds += wait_seconds
            self.bytes += bytes
