"""HTTP Digest (RFC 7616): each request is signed with a hash of the password and what the server asked.

requests has a helper for it, but that signs one exchange of one thread and sends the second request by itself.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock

from rest_source.errors import RestSourceError
from rest_source.http.auth.credentials import Credentials, literal, resolved
from rest_source.http.auth.grant import Grant
from rest_source.http.request import Answer, Request
from rest_source.http.target import target
from rest_source.spec.auth import DigestAuth
from rest_source.spec.environment import Environment

_HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "SHA": "sha1", "MD5": "md5"}
"""The hashes that a server may ask for, the best first."""
_CHALLENGE = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]*)\s+(?=[\w-]+\s*=)")
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s*,|\s*$|\s+[\w-]+\s*=|\s+[\w/+=]+$)")
_FIELD = re.compile(r"([\w-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]*))")
_MOST_STALE = 5
"""How often a request is signed anew because its nonce is stale: other requests may use up each new one."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks a client to sign with."""

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    qop: str
    hides_user: bool
    is_stale: bool

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Challenge | None":
        """The challenge with these fields; None where it wants what nobody here knows."""
        algorithm = fields.get("algorithm", "MD5")
        offered = [word.strip().lower() for word in fields.get("qop", "").split(",")]
        qop = next((word for word in ("auth", "auth-int", "") if word in offered), None)
        if algorithm.upper().removesuffix("-SESS") not in _HASHES or qop is None or "nonce" not in fields:
            return None
        hides_user, is_stale = (fields.get(name, "").lower() == "true" for name in ("userhash", "stale"))
        return cls(fields.get("realm", ""), fields["nonce"], fields.get("opaque"), algorithm, qop, hides_user, is_stale)

    @property
    def strength(self) -> int:
        """The lower, the better."""
        return list(_HASHES).index(self.algorithm.upper().removesuffix("-SESS"))

    def hashed(self, text: str) -> str:
        """The hash of a text."""
        name = _HASHES[self.algorithm.upper().removesuffix("-SESS")]
        return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def challenges(header: str) -> Iterator[Challenge]:
    """The Digest challenges in a `WWW-Authenticate`, beside those of other schemes."""
    starts = [*_CHALLENGE.finditer(header)]
    ends = [*(start.start() for start in starts[1:]), len(header)]
    for start, end in zip(starts, ends[: len(starts)], strict=True):
        if start[1].lower() == "digest":
            text = header[start.end() : end]
            fields = {
                name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in _FIELD.findall(text)
            }
            if challenge := Challenge.of(fields):
                yield challenge


def response(
    challenge: Challenge, user: str, password: str, method: str, uri: str, body: bytes, number: int, cnonce: str
) -> str:
    """The value of `Authorization` for the `number`th request with a nonce (RFC 7616, 3.4)."""
    hashed, nc = challenge.hashed, f"{number:08x}"
    secret = hashed(f"{user}:{challenge.realm}:{password}")
    if challenge.algorithm.lower().endswith("-sess"):
        secret = hashed(f"{secret}:{challenge.nonce}:{cnonce}")
    asked = f"{method}:{uri}"
    if challenge.qop == "auth-int":
        asked += f":{hashed(body.decode('utf-8', 'surrogateescape'))}"
    middle = f"{challenge.nonce}:{nc}:{cnonce}:{challenge.qop}" if challenge.qop else challenge.nonce
    fields = {
        "username": hashed(f"{user}:{challenge.realm}") if challenge.hides_user else user,
        "realm": challenge.realm,
        "nonce": challenge.nonce,
        "uri": uri,
        "response": hashed(f"{secret}:{middle}:{hashed(asked)}"),
    }
    if challenge.opaque is not None:
        fields["opaque"] = challenge.opaque
    if challenge.qop or challenge.algorithm.lower().endswith("-sess"):
        fields["cnonce"] = cnonce
    told = ", ".join('{}="{}"'.format(name, re.sub(r'(["\\])', r"\\\1", value)) for name, value in fields.items())
    told += f", algorithm={challenge.algorithm}" + (f", qop={challenge.qop}, nc={nc}" if challenge.qop else "")
    return f"Digest {told}{', userhash=true' if challenge.hides_user else ''}"


@dataclass(frozen=True, slots=True)
class DigestCredentials(Credentials):
    """User, password and a challenge, which sign any number of requests."""

    user: str = ""
    password: str = field(default="", repr=False)
    challenge: Challenge | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1), compare=False)

    def apply(self, request: Request) -> Request:
        """The request with its signature; the first one has none, and fetches the challenge."""
        own = {name.lower() for name, _ in request.headers}
        if self.challenge is None or "authorization" in own:
            return request
        signature = response(
            self.challenge,
            self.user,
            self.password,
            request.method,
            target(request.full_url),
            request.body or b"",
            next(self.numbers),
            secrets.token_hex(16),
        )
        # Latin-1 is what a header holds, UTF-8 what a user's name is in (RFC 7616, 3.4.4).
        header = signature.encode("utf-8", "surrogateescape").decode("latin-1")
        return replace(request, headers=(*request.headers, ("Authorization", header)))


class DigestSignIn:
    """The sign-in of `type: digest`; safe from any thread."""

    def __init__(self, auth: DigestAuth, environment: Environment) -> None:
        user, password = (
            resolved(text, f"auth.{key}", environment)
            for key, text in (("username", auth.username), ("password", auth.password))
        )
        self._lock = Lock()
        self._grant = Grant(DigestCredentials(secrets=literal(auth.password), user=user, password=password), 0.0)

    @property
    def secrets(self) -> tuple[str, ...]:
        """A password that is written in the file."""
        return self._grant.credentials.secrets

    def current(self) -> Grant:
        """The credentials with the newest challenge."""
        return self._grant

    def refuses(self, answer: Answer) -> bool:
        """Whether an answer asks for a signature, or for another one."""
        return answer.status == 401

    def renew(self, refused: Grant, answer: Answer, times: int) -> bool:
        """Take the challenge of the answer; whether the request may be signed with it, after so many `times`."""
        found = min(challenges(answer.headers.get("WWW-Authenticate", "")), key=lambda one: one.strength, default=None)
        if found is None or (times and not found.is_stale) or times >= _MOST_STALE:
            return False
        with self._lock:
            credentials = self._grant.credentials
            if self._grant is refused and isinstance(credentials, DigestCredentials):
                self._grant = Grant(replace(credentials, challenge=found, numbers=count(1)), 0.0)
        return True

    def explain(self, error: RestSourceError, answer: Answer, grant: Grant, times: int) -> None:
        """The error for a 401, with what this scheme has to do with it."""
        if times:
            error.cause = "User or password is wrong, or the user lacks a right."
            error.remedy = "Check `username` and `password` of `auth`, and the variables they are read from."
            return
        asked = _SCHEME.findall(answer.headers.get("WWW-Authenticate", ""))
        error.cause = (
            f"The API asks for {', '.join(asked) or 'nothing by `WWW-Authenticate`'}, not for a Digest known here."
        )
        error.remedy = "Write the `auth` that the API documents, such as `{type: basic, ...}`."
