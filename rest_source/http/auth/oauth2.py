"""OAuth 2.0 (RFC 6749) as values: the requests to a token endpoint, and what its answers mean.

Nothing is sent here. The clients of authlib and requests-oauthlib send by a session of their own, past our limits,
TLS settings and masks, and what remains of them without it is the dozen lines below.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote, urlencode

from rest_source.errors import RestSourceError
from rest_source.http.auth.credentials import literal, resolved, sent
from rest_source.http.auth.fixed import basic_pair
from rest_source.http.auth.grant import Flow, Grant, end_of
from rest_source.http.auth.jwt import Signer
from rest_source.http.auth.token_answer import Refused, kind_of, read_token
from rest_source.http.redact import Redactor
from rest_source.http.request import Answer, Request
from rest_source.spec.auth import OAuth2Auth
from rest_source.spec.environment import Environment
from rest_source.spec.template import names

Fields = dict[str, str]
_USER = ("username", "password", "refresh_token")
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIMES = ("expires_in", "expires_at", "expires_on")
"""What servers call the life of a token; RFC 6749, 5.1 knows the first alone."""
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Consent:
    """What one round of consent keeps to itself until the browser comes back (RFC 7636, RFC 8252)."""

    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def challenge(self) -> str:
        """The verifier's S256 hash, which may be seen."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class OAuth2:
    """The flows of one `auth`, its variables read; raises where one is missing."""

    def __init__(
        self, auth: OAuth2Auth, environment: Environment, now: Callable[[], datetime], redactor: Redactor
    ) -> None:
        self._auth = auth
        self._environment = environment
        self._now = now
        self._redactor = redactor
        self._values = {
            key: resolved(text, f"auth.{key}", environment)
            for key in ("client_id", "client_secret", "scope", "username", "password", "refresh_token")
            if (text := getattr(auth, key)) is not None
        }
        self._extra = {key: resolved(text, f"auth.extra.{key}", environment) for key, text in auth.extra.items()}
        self.token_url = resolved(auth.token_url, "auth.token_url", environment)
        self._signer = Signer(auth.jwt, "auth.jwt.key", environment, now) if auth.jwt else None
        self.secrets = self._secrets()

    @property
    def name(self) -> str:
        """Sixteen digits that tell configurations apart, as the file writes them: no secret has a part in it."""
        auth = self._auth
        parts = (auth.grant, auth.token_url, auth.client_id, auth.scope, auth.username, sorted(auth.extra.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    @property
    def fingerprint(self) -> str:
        """A hash of what a stored token belongs to: of another user, client or first refresh token it is not ours."""
        keys = ("client_id", "scope", "username", "refresh_token")
        parts = (self.token_url, *(self._values.get(key) for key in keys))
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def restored(
        self, issued_at: float, expires_at: float | None, access_token: str, refresh_token: str, kind: str = ""
    ) -> Grant:
        """A grant that was stored."""
        credentials = sent(self._auth.send, access_token, self._environment)
        return Grant(credentials, issued_at, expires_at, access_token, refresh_token, kind)

    def renew(self, last: Grant | None) -> Flow:
        """A new token: by the last refresh token, and where there is none or it is refused, from the beginning."""
        if last is not None and last.refresh_token:
            try:
                return (yield from self._refresh(last.refresh_token))
            except Refused as error:
                if error.code != "invalid_grant" or not self._can_begin(last.refresh_token):
                    raise
        return (yield from self._begin())

    def exchange(self, code: str, consent: Consent) -> Flow:
        """A token for the code that the browser brought back."""
        return self._ask(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": consent.redirect_uri,
                "code_verifier": consent.verifier,
            }
        )

    def consent_url(self, consent: Consent) -> str:
        """The page where a person consents. What `extra` reads from variables may be secret and stays out of it."""
        open_fields = {key: text for key, text in self._extra.items() if not names(self._auth.extra[key])}
        fields = {
            "response_type": "code",
            "client_id": self._values.get("client_id", ""),
            "redirect_uri": consent.redirect_uri,
            **({"scope": self._values["scope"]} if "scope" in self._values else {}),
            "state": consent.state,
            "code_challenge": consent.challenge,
            "code_challenge_method": "S256",
            **open_fields,
        }
        url = resolved(self._auth.authorize_url or "", "auth.authorize_url", self._environment)
        return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"

    def _can_begin(self, tried: str) -> bool:
        """Whether there is anything but the refresh token that was tried."""
        if self._auth.grant == "refresh_token":
            return self._values["refresh_token"] != tried
        return self._auth.grant != "authorization_code"

    def _begin(self) -> Flow:
        match self._auth.grant:
            case "authorization_code":
                raise consent_needed()
            case "refresh_token":
                return (yield from self._refresh(self._values["refresh_token"]))
            case "password":
                user = {key: self._values[key] for key in ("username", "password")}
                return (yield from self._ask({"grant_type": "password", **user}))
            case "jwt_bearer" if self._signer is not None:
                assertion, *_ = self._signer.sign(aud=self.token_url)
                self._redactor.register(assertion)  # which an answer may repeat
                return (yield from self._ask({"grant_type": _JWT_BEARER, "assertion": assertion}))
            case other:
                user = {key: self._values[key] for key in _USER if key in self._values}
                return (yield from self._ask({"grant_type": other, **user}))

    def _refresh(self, token: str) -> Flow:
        grant = yield from self._ask({"grant_type": "refresh_token", "refresh_token": token})
        # Whose answer holds no new refresh token keeps the old one valid (RFC 6749, 6).
        return grant if grant.refresh_token else replace(grant, refresh_token=token)

    def _ask(self, fields: Fields) -> Generator[Request, Answer, Grant]:
        issued_at = self._now().timestamp()
        answer = yield self._request(fields)
        token = read_token(answer, self._redactor.mask)
        access, refresh = token["access_token"], token.get("refresh_token") or ""
        ends = (end_of(token[key], issued_at) for key in _LIFETIMES if key in token)
        kind = kind_of(token, "send" in self._auth.model_fields_set)
        return self.restored(issued_at, next((end for end in ends if end), None), access, str(refresh), kind)

    def _request(self, fields: Fields) -> Request:
        if "scope" in self._values and fields["grant_type"] != "authorization_code":
            fields = {**fields, "scope": self._values["scope"]}
        headers = [("Accept", "application/json"), _FORM]
        if self._pair:
            headers.append(("Authorization", f"Basic {self._pair}"))
        else:
            keys = ("client_id", "client_secret")
            fields = {**fields, **{key: self._values[key] for key in keys if key in self._values}}
        body = urlencode({**fields, **self._extra}).encode()
        return Request("POST", self.token_url, headers=tuple(headers), body=body)

    @property
    def _pair(self) -> str:
        """Id and secret of the client for HTTP Basic, each encoded before (RFC 6749, 2.3.1)."""
        if self._auth.client_auth == "body" or "client_secret" not in self._values:
            return ""
        return basic_pair(*(quote(self._values[key], safe="") for key in ("client_id", "client_secret")))

    def _secrets(self) -> tuple[str, ...]:
        auth = self._auth
        written = (
            text for key in ("client_secret", "password", "refresh_token") for text in literal(getattr(auth, key))
        )
        return tuple(filter(None, (self._pair, *written, *(self._signer.secrets if self._signer else ()))))


def consent_needed() -> RestSourceError:
    """The error where only a person can go on."""
    return RestSourceError(
        "authorization_needed",
        "There is no token that can be used or renewed.",
        cause="Nobody has consented yet on this machine, or with this REST_SOURCE_STATE; or the consent was revoked "
        "or has expired.",
        remedy="Run `rest-source authorize FILE` once, with the same REST_SOURCE_STATE as the loads.",
    )
