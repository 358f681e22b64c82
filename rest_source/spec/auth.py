"""Authentication of a source: how every request proves who it is."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from rest_source.spec.base import SpecModel, invalid, located_error, mistakes, tagged
from rest_source.spec.login import LoginAuth, LoginStep
from rest_source.spec.send import Send
from rest_source.spec.template import Text, parse


def _url(value: str) -> str:
    first = next(iter(parse(value)), "")
    if isinstance(first, str) and not first.startswith(("http://", "https://")):
        raise ValueError(f"`{value}` is not a URL: it starts with http:// or https://")
    return value


Url = Annotated[Text, AfterValidator(_url)]


class NoAuth(SpecModel):
    """No authentication."""

    type: Literal["none"] = "none"


class BasicAuth(SpecModel):
    """HTTP Basic (RFC 7617), as UTF-8."""

    type: Literal["basic"] = "basic"
    username: Text
    password: Text = ""


class BearerAuth(SpecModel):
    """`Authorization: Bearer <token>` (RFC 6750)."""

    type: Literal["bearer"] = "bearer"
    token: Text


class ApiKeyAuth(SpecModel):
    """A key under a name of the API's choice, in a header, the query or a cookie."""

    type: Literal["api_key"] = "api_key"
    name: Text
    value: Text
    place: Literal["header", "query", "cookie"] = Field("header", alias="in")


_NEEDED = {
    "client_credentials": ("client_id",),
    "authorization_code": ("client_id", "authorize_url"),
    "refresh_token": ("refresh_token",),
    "password": ("username", "password"),
}


class OAuth2Auth(SpecModel):
    """A token from a token endpoint (RFC 6749), renewed when it expires or is refused."""

    type: Literal["oauth2"] = "oauth2"
    grant: str = Field(
        "client_credentials",
        min_length=1,
        description="`client_credentials`, `authorization_code`, `refresh_token`, `password`, or any other "
        "`grant_type` that the API documents, its parameters in `extra`.",
        examples=["authorization_code"],
    )
    token_url: Url = Field(description="Where tokens are asked for.", examples=["https://auth.example.com/token"])
    authorize_url: Url | None = Field(
        None,
        description="Where a person consents; needed by `authorization_code`.",
        examples=["https://auth.example.com/authorize"],
    )
    client_id: Text | None = Field(
        None, description="The id of the application registered with the API.", examples=[{"env": "CRM_CLIENT_ID"}]
    )
    client_secret: Text | None = Field(
        None, description="Its secret; a public client has none.", examples=[{"env": "CRM_CLIENT_SECRET"}]
    )
    scope: Text | None = Field(
        None, description="What the token shall allow, scopes separated by blanks.", examples=["orders.read"]
    )
    username: Text | None = Field(None, description="The user, for `password`.", examples=[{"env": "CRM_USER"}])
    password: Text | None = Field(None, description="The user's, for `password`.", examples=[{"env": "CRM_PASSWORD"}])
    refresh_token: Text | None = Field(
        None,
        description="The first refresh token, for `refresh_token`; the ones that follow it are kept in the state "
        "directory.",
        examples=[{"env": "CRM_REFRESH_TOKEN"}],
    )
    client_auth: Literal["basic", "body"] = Field(
        "basic",
        description="Whether the client's id and secret go to the token endpoint by HTTP Basic or as fields of the "
        "body.",
        examples=["body"],
    )
    extra: dict[str, Text] = Field(
        {},
        description="Further fields of the token request; those without `{env...}` also go to `authorize_url`.",
        examples=[{"audience": "https://api.example.com"}],
    )
    send: Send = Field(Send(), description="How the token is sent.", examples=[{"in": "query", "name": "access_token"}])

    @model_validator(mode="after")
    def _grant_is_complete(self) -> "OAuth2Auth":
        for key in _NEEDED.get(self.grant, ()):
            if getattr(self, key) is None:
                raise invalid(key, message=f"`grant: {self.grant}` needs `{key}`", kind="combination")
        if self.client_secret is not None and self.client_id is None:
            raise invalid("client_secret", message="`client_secret` needs `client_id`", kind="combination")
        return self


_Keyed = NoAuth | BasicAuth | BearerAuth | ApiKeyAuth | OAuth2Auth | LoginAuth
_by_type = tagged([NoAuth, BasicAuth, BearerAuth, ApiKeyAuth, OAuth2Auth, LoginAuth])


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
