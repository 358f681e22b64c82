"""A server of HTTP Digest (RFC 7616), written for tests from the formulas of the RFC."""

import hashlib
import itertools
import re
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from rest_source.demo.server import Call, Reply

USER, PASSWORD, REALM = "ada", "pa55/wörd", "the camera's"


@dataclass
class DigestServer:
    """Answers /records by pages of two to whom signs as it asks; a nonce is good for `uses` requests, each number once.

    `calls` has whether each request was let in.
    """

    algorithm: str = "MD5"
    qop: str = "auth"
    uses: int = 1000
    pages: int = 4
    says_stale: bool = True
    first: str = ""
    hides_user: bool = False
    let_in: list[bool] = field(default_factory=list)
    nonces: dict[str, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._numbers = itertools.count(1)

    def __call__(self, call: Call) -> Reply:
        with self._lock:
            verdict = self._verdict(call)
            self.let_in.append(verdict == "in")
            if verdict == "in":
                page = int(call.arg("page") or 1)
                rows = [{"id": page * 10 + n, "method": call.method, "body": call.body.decode()} for n in range(2)]
                return Reply({"data": rows if page <= self.pages else []})
            return Reply({"message": f"not {verdict}"}, 401, {"WWW-Authenticate": self._challenge(verdict == "stale")})

    def _challenge(self, stale: bool) -> str:
        nonce = f"n0nce-{next(self._numbers)}"
        self.nonces[nonce] = set()
        told = f'Digest realm="{REALM}", nonce="{nonce}", algorithm={self.algorithm}, opaque="0paque,=\\"x\\""'
        told += f', qop="{self.qop}"' if self.qop else ""
        told += ", userhash=true" if self.hides_user else ""
        told += ", stale=true" if stale and self.says_stale else ""
        return f"{self.first}{told}"

    def _verdict(self, call: Call) -> str:
        header = (call.headers["Authorization"] or "").encode("latin-1").decode()
        if not header.startswith("Digest "):
            return "signed"
        found = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', header)
        got = {name: re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}
        if got["uri"] != call.target or got["opaque"] != '0paque,="x"':
            return "right"
        if got["response"] != self._expected(call, got):
            return "right"
        number = int(got.get("nc", "1"), 16)
        seen = self.nonces.get(got["nonce"])
        if seen is None or (self.qop and number in seen) or len(seen) >= self.uses:
            return "stale"
        seen.add(number)
        return "in"

    def _expected(self, call: Call, got: dict[str, Any]) -> str:
        name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[self.algorithm.removesuffix("-sess")]

        def h(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        if got["username"] != (h(f"{USER}:{REALM}") if self.hides_user else USER):
            return "nobody"
        a1 = h(f"{USER}:{REALM}:{PASSWORD}")
        if self.algorithm.endswith("-sess"):
            a1 = h(f"{a1}:{got['nonce']}:{got['cnonce']}")
        a2 = f"{call.method}:{call.target}"
        if self.qop == "auth-int":
            a2 += f":{h(call.body.decode())}"
        if not self.qop:
            return h(f"{a1}:{got['nonce']}:{h(a2)}")
        return h(f"{a1}:{got['nonce']}:{got['nc']}:{got['cnonce']}:{got['qop']}:{h(a2)}")
