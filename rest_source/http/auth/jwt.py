"""JSON Web Tokens (RFC 7519), signed by PyJWT with a key that the file names."""

import base64
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.http.auth.credentials import literal, resolved, sent
from rest_source.http.auth.grant import Flow, Grant, end_of
from rest_source.spec.environment import Environment
from rest_source.spec.jwt import JwtAuth, Signing
from rest_source.spec.template import Scope, names, render_json

_PEM = "-----BEGIN "


class Signer:
    """Signs the tokens of one `auth`; raises where a variable of its key is missing. `now` has the source's zone."""

    def __init__(self, signing: Signing, key: str, environment: Environment, now: Callable[[], datetime]) -> None:
        self._signing = signing
        self._place = key
        self._environment = environment
        self._now = now
        self._key = _readable(resolved(signing.key, key, environment), signing.algorithm)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show: the key as it is used, and as it is written in the file."""
        return (self._key, *literal(self._signing.key))

    def sign(self, **defaults: Any) -> tuple[str, float, float | None]:
        """A token, when it was signed, and when it ends; `defaults` are claims that the file need not hold."""
        moment = self._now()
        issued_at = moment.timestamp()
        scope = Scope({"now": moment}, self._environment.template)
        ends_at = issued_at + self._signing.expires_in.total_seconds()
        claims = {**defaults, "iat": int(issued_at), "exp": int(ends_at), **render_json(self._signing.claims, scope)}
        claims = {name: value for name, value in claims.items() if value is not None}
        return self._encoded(claims, render_json(self._signing.headers, scope)), issued_at, end_of(claims.get("exp"), 0)

    def _encoded(self, claims: dict[str, Any], headers: dict[str, Any]) -> str:
        import jwt  # 40 ms, which few loads need

        try:
            with warnings.catch_warnings():
                # Of a key that is shorter than its hash: the API has handed it out, and may not have another.
                warnings.simplefilter("ignore", jwt.warnings.InsecureKeyLengthWarning)
                return jwt.encode(claims, self._key, self._signing.algorithm, headers)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:  # the last of a public key
            raise self._no_key(error) from None

    def _no_key(self, error: Exception) -> RestSourceError:
        """The error for a key that cannot sign; what libraries say of it may quote it."""
        read = ", ".join(f"{{{name}}}" for name in names(self._signing.key))
        return RestSourceError(
            "invalid_key",
            f"`{self._place}`{f', read from {read},' if read else ''} is no key for {self._signing.algorithm} "
            f"({type(error).__name__}).",
            cause="It is public, a certificate, encrypted or for another algorithm, or it has lost its line breaks.",
            remedy="Give the private key as PEM, from `-----BEGIN` to `-----END`, its line breaks kept or as `\\n`.",
        )


class Jwt:
    """The flow of `type: jwt`, which asks nobody."""

    def __init__(self, auth: JwtAuth, environment: Environment, now: Callable[[], datetime]) -> None:
        self._auth = auth
        self._environment = environment
        self.signer = Signer(auth, "auth.key", environment, now)

    def renew(self, last: Grant | None) -> Flow:
        """A new token, whatever the last one was."""
        yield from ()
        token, issued_at, ends_at = self.signer.sign()
        return Grant(sent(self._auth.send, token, self._environment), issued_at, ends_at)


def _readable(key: str, algorithm: str) -> str:
    """A key as variables hold it: with `\\n` for line breaks, or a whole PEM file in base64."""
    if algorithm.startswith("HS"):
        return key
    if _PEM not in key:
        try:
            decoded = base64.b64decode(key, validate=True).decode()
        except ValueError:
            return key
        key = decoded if _PEM in decoded else key
    return key.replace("\\r", "").replace("\\n", "\n")
