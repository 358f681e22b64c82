"""Authentication of a source: how every request proves who it is."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rest_source.spec.base import SpecModel, tagged
from rest_source.spec.template import Text


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


Auth = Annotated[
    NoAuth | BasicAuth | BearerAuth | ApiKeyAuth,
    Field(discriminator="type"),
    BeforeValidator(tagged([NoAuth, BasicAuth, BearerAuth, ApiKeyAuth])),
]
