"""Authentication of a source: how every request proves who it is."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from rest_source.spec.base import SpecModel, invalid, located_error, mistakes, tagged
from rest_source.spec.braces import refuse_placeholders
from rest_source.spec.fixed_auth import ApiKeyAuth, BasicAuth, BearerAuth, NoAuth
from rest_source.spec.jwt import JwtAuth, Signing
from rest_source.spec.login import LoginAuth, LoginStep
from rest_source.spec.rules import RenewOn
from rest_source.spec.send import Send
from rest_source.spec.template import parse, plain_text
from rest_source.spec.text import ENV_SCHEMA, Text
from rest_source.spec.word import Word


def _url(value: str) -> str:
    first = next(iter(parse(value)), "")
    if isinstance(first, str) and not first.startswith(("http://", "https://")):
        raise ValueError(f"`{value}` is not a URL: it starts with http:// or https://")
    return refuse_placeholders(value)


def _plain(value: Any) -> Any:
    return plain_text(value) if isinstance(value, int | float) else value


Url = Annotated[Text, AfterValidator(_url), Word("URL")]
Plain = Annotated[
    Text,
    BeforeValidator(_plain),
    WithJsonSchema({"anyOf": [{"type": ["string", "number", "boolean"]}, ENV_SCHEMA]}),
]
"""Text, or a number or boolean, which go into a form as text anyway."""


class DigestAuth(SpecModel):
    """HTTP Digest (RFC 7616): the password is not sent, but a hash of it with what the server asks."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "digest", "username": "ada", "password": {"env": "CAMERA_PASSWORD"}}]}
    )

    type: Literal["digest"] = Field(
        "digest", description="HTTP Digest, by MD5, SHA-256 or SHA-512/256: the first request fetches the challenge"
    )
    username: Text = Field(description="the user's name", examples=[{"env": "CAMERA_USER"}])
    password: Text = Field(description="the user's password", examples=[{"env": "CAMERA_PASSWORD"}])


_NEEDED = {
    "jwt_bearer": ("jwt",),
    "client_credentials": ("client_id",),
    "authorization_code": ("client_id", "authorize_url"),
    "refresh_token": ("refresh_token",),
    "password": ("username", "password"),
}


class OAuth2Auth(SpecModel):
    """A token from a token endpoint (RFC 6749), renewed when it expires or is refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "oauth2",
                    "token_url": "https://auth.example.com/token",
                    "client_id": {"env": "CRM_CLIENT_ID"},
                    "client_secret": {"env": "CRM_CLIENT_SECRET"},
                }
            ]
        }
    )

    type: Literal["oauth2"] = Field("oauth2", description="a token from a token endpoint; see [OAuth 2.0](#oauth-20)")
    grant: str = Field(
        "client_credentials",
        min_length=1,
        description="`client_credentials`, `authorization_code`, `refresh_token`, `password`, `jwt_bearer`, or any "
        "other `grant_type` that the API documents, its parameters in `extra`",
        examples=["authorization_code"],
    )
    token_url: Url = Field(description="where tokens are asked for", examples=["https://auth.example.com/token"])
    authorize_url: Url | None = Field(
        None,
        description="where a person consents; needed by `authorization_code`",
        examples=["https://auth.example.com/authorize"],
    )
    client_id: Text | None = Field(
        None,
        description="the id of the application that is registered with the API",
        examples=[{"env": "CRM_CLIENT_ID"}],
    )
    client_secret: Text | None = Field(
        None, description="its secret; a public client has none", examples=[{"env": "CRM_CLIENT_SECRET"}]
    )
    scope: Text | None = Field(None, description="scopes, separated by blanks", examples=["orders.read"])
    username: Text | None = Field(
        None, description="the user's name; needed by `password`", examples=[{"env": "CRM_USER"}]
    )
    password: Text | None = Field(
        None, description="the user's password; needed by `password`", examples=[{"env": "CRM_PASSWORD"}]
    )
    refresh_token: Text | None = Field(
        None,
        description="the first refresh token; needed by `refresh_token`. Those that follow it are kept in the state "
        "directory",
        examples=[{"env": "CRM_REFRESH_TOKEN"}],
    )
    jwt: Signing | None = Field(
        None,
        description="the JSON Web Token that `jwt_bearer` exchanges (RFC 7523), by the keys of `type: jwt`, which may "
        "also stand beside `grant`; its `aud` is `token_url` unless given",
        examples=[{"algorithm": "RS256", "key": {"env": "SERVICE_KEY"}, "claims": {"iss": "me@example.com"}}],
    )
    client_auth: Literal["basic", "body"] = Field(
        "basic",
        description="whether the client's id and secret go to the token endpoint by HTTP Basic or in the body",
        examples=["body"],
    )
    extra: dict[str, Plain] = Field(
        {},
        description="further fields of the token request; those without `{env...}` also go to `authorize_url`",
        examples=[{"audience": "https://api.example.com"}],
    )
    send: Send = Field(
        Send(),
        description="how the token is sent, a bearer token unless given",
        examples=[{"in": "query", "name": "access_token"}],
    )
    renew_on: RenewOn = ()

    @model_validator(mode="before")
    @classmethod
    def _gathers_the_jwt(cls, data: Any) -> Any:
        """With `jwt_bearer` the keys of the token may stand beside the others."""
        if not isinstance(data, dict) or data.get("grant") != "jwt_bearer" or "jwt" in data:
            return data
        own = {key: value for key, value in data.items() if key in Signing.model_fields}
        rest = {key: value for key, value in data.items() if key not in own}
        return {**rest, "jwt": own} if own else data

    @model_validator(mode="after")
    def _grant_is_complete(self) -> "OAuth2Auth":
        for key in _NEEDED.get(self.grant, ()):
            if getattr(self, key) is None:
                raise invalid(key, message=f"`grant: {self.grant}` needs `{key}`", kind="combination")
        if self.jwt is not None and self.grant != "jwt_bearer":
            raise invalid("jwt", message="`jwt` needs `grant: jwt_bearer`, which exchanges it", kind="combination")
        if self.client_secret is not None and self.client_id is None:
            raise invalid("client_secret", message="`client_secret` needs `client_id`", kind="combination")
        return self


_Keyed = NoAuth | BasicAuth | BearerAuth | ApiKeyAuth | DigestAuth | OAuth2Auth | JwtAuth | LoginAuth
_by_type = tagged([NoAuth, BasicAuth, BearerAuth, ApiKeyAuth, DigestAuth, OAuth2Auth, JwtAuth, LoginAuth])


def _chosen(value: Any) -> Any:
    """The model of a mapping's `type`; a list is the steps of a login."""
    if not isinstance(value, list):
        return _by_type(value)
    try:
        return LoginAuth.model_validate({"type": "login", "steps": value})
    except ValidationError as error:  # of whose places `steps` is in no line of the file
        raise located_error("auth", [(loc[1:], message, kind) for loc, message, kind in mistakes(error)]) from None


Auth = Annotated[
    _Keyed,
    Field(discriminator="type"),
    BeforeValidator(
        _chosen, json_schema_input_type=Annotated[_Keyed, Field(discriminator="type")] | tuple[LoginStep, ...]
    ),
]
