"""An OAuth 2.0 server, authlib's, and an API that its tokens open: both on one loopback server."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, AuthorizationServer, ClientMixin, OAuth2Request, TokenMixin
from authlib.oauth2.rfc6749 import grants as rfc6749
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source_tests.fakes.desk import PATIENCE

CLIENT_ID, CLIENT_SECRET = "cl1ent-id", "cl1ent/s3cret+ö"
USERNAME, PASSWORD = "ada", "pa55word:x"


@dataclass
class Client(ClientMixin):
    """The one client there is."""

    auth_method: str
    redirect_prefix: str = "http://127.0.0.1:"

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith(self.redirect_prefix)

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


@dataclass
class Code(AuthorizationCodeMixin):
    """A code that waits to be exchanged."""

    text: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Token(TokenMixin):
    """A token that was issued: `uses` counts the requests it opened."""

    access: str
    refresh: str | None
    scope: str
    live: bool = True
    refreshable: bool = True
    uses: int = 0

    def check_client(self, client: Client) -> bool:
        return True

    def get_scope(self) -> str:
        return self.scope


class _AuthorizationCode(rfc6749.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        scope = request.payload.scope or ""
        self.server.owner.codes[code] = Code(
            code, data["redirect_uri"], scope, data["code_challenge"], data["code_challenge_method"]
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found: Code | None = self.server.owner.codes.get(code)
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        del self.server.owner.codes[authorization_code.text]

    def authenticate_user(self, authorization_code: Code) -> str:
        return USERNAME


class _RefreshToken(rfc6749.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

    @property
    def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:
        return bool(self.server.owner.rotate)

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        owner = self.server.owner
        return next((t for t in owner.tokens if t.refresh == refresh_token and t.refreshable), None)

    def authenticate_user(self, refresh_token: Token) -> str:
        return USERNAME

    def revoke_old_credential(self, refresh_token: Token) -> None:
        refresh_token.live = False
        refresh_token.refreshable = not self.server.owner.rotate
        if not self.server.owner.rotate:
            self.server.owner.tokens[-1].refresh = None


class _Password(rfc6749.ResourceOwnerPasswordCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

    def authenticate_user(self, username: str, password: str) -> str | None:
        return username if (username, password) == (USERNAME, PASSWORD) else None


class _ClientCredentials(rfc6749.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class _Request(OAuth2Request):
    def __init__(self, call: Call, fields: dict[str, str]) -> None:
        super().__init__(call.method, f"https://loopback{call.target}", headers=call.headers)
        self.fields = fields
        self.payload = BasicOAuth2Payload(fields)

    @property
    def args(self) -> dict[str, str]:
        return self.fields

    @property
    def form(self) -> dict[str, str]:
        return self.fields


class _Server(AuthorizationServer):
    def __init__(self, owner: "OAuth") -> None:
        super().__init__()
        self.owner = owner
        self.register_token_generator("default", BearerTokenGenerator(owner.make, owner.make, owner.lifetime))
        self.register_grant(_AuthorizationCode, [CodeChallenge(required=True)])
        for grant in (_RefreshToken, _Password, _ClientCredentials):
            self.register_grant(grant)

    def query_client(self, client_id: str) -> Client | None:
        return Client(self.owner.client_auth) if client_id == CLIENT_ID else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        self.owner.tokens.append(Token(token["access_token"], token.get("refresh_token"), token.get("scope", "")))

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Reply:
        return Reply(json.loads(json.dumps(body)) if body else "", status, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


@dataclass
class OAuth:
    """What the server knows and how it behaves; the API under `/api` has `pages` pages of ten records.

    Tokens open `uses` requests each, and are then answered 401. `first` is a refresh token that is good from the start.
    """

    pages: int = 3
    uses: int | None = None
    expires_in: int = 3600
    rotate: bool = True
    client_auth: str = "client_secret_basic"
    first: str = ""
    deny: bool = False
    meet: Barrier | None = None
    tokens: list[Token] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._numbers = itertools.count(1)
        self._server = _Server(self)
        if self.first:
            self.tokens.append(Token("", self.first, ""))

    def make(self, *args: Any, **keys: Any) -> str:
        """A token that no other text resembles."""
        return f"t0k3n-{next(self._numbers):04d}/+{'x' * 20}"

    def lifetime(self, *args: Any, **keys: Any) -> int:
        return self.expires_in

    def revoke(self) -> None:
        """No access token is good any more."""
        with self._lock:
            for token in self.tokens:
                token.live = False

    @property
    def issued(self) -> list[str]:
        """Every token that was handed out."""
        return [text for token in self.tokens for text in (token.access, token.refresh) if text]

    def __call__(self, call: Call) -> Reply:
        if call.path == "/token":
            with self._lock:
                fields = dict(parse_qsl(call.body.decode()))
                self.asked.append(fields)
                reply: Reply = self._server.create_token_response(_Request(call, fields))
                return reply
        if call.path == "/authorize":
            return self._consent(call)
        return self._api(call)

    def _consent(self, call: Call) -> Reply:
        """What the browser gets when a person has clicked."""
        fields = dict(parse_qsl(urlsplit(call.target).query))
        if self.deny:
            place = f"{fields['redirect_uri']}?error=access_denied&state={fields['state']}"
            return Reply("", 302, {"Location": place})
        with self._lock:
            request = _Request(call, fields)
            grant = self._server.get_consent_grant(request, USERNAME)
            reply: Reply = self._server.create_authorization_response(request, USERNAME, grant)
            return reply

    def _api(self, call: Call) -> Reply:
        bearer = (call.headers["Authorization"] or "").removeprefix("Bearer ")
        refused = not self._opens(bearer)
        if self.meet is not None and refused:
            self.meet.wait(PATIENCE)
        if refused:
            return Reply({"error": f"the token {bearer} is not valid"}, 401)
        page = int(call.arg("page") or 1)
        if page > self.pages:
            return Reply([])
        return Reply([{"id": page * 10 + number} for number in range(10)])

    def _opens(self, bearer: str) -> bool:
        with self._lock:
            token = next((t for t in self.tokens if t.access == bearer and t.live), None)
            if token is None:
                return False
            token.uses += 1
            return self.uses is None or token.uses <= self.uses


@contextmanager
def oauth(**keys: Any) -> Iterator[OAuth]:
    """The server while the block lasts."""
    server = OAuth(**keys)
    with LoopbackServer(server) as loopback:
        server.url = loopback.url
        yield server


def auth(server: OAuth, grant: str, **keys: Any) -> dict[str, Any]:
    """The `auth` of a source for this server; secrets come from the environment."""
    secret = {"client_secret": {"env": "CLIENT_SECRET"}} if server.client_auth != "none" else {}
    given = {"type": "oauth2", "grant": grant, "token_url": f"{server.url}/token", "client_id": CLIENT_ID}
    return {**given, **secret, **keys}


VARIABLES = {"CLIENT_SECRET": CLIENT_SECRET, "PASSWORD": PASSWORD, "REFRESH": "r3fresh-first"}
