"""Credentials that the file and its variables hold as they are sent."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from rest_source.spec.base import SpecModel, tagged
from rest_source.spec.text import Text
from rest_source.spec.word import Word


class NoAuth(SpecModel):
    """No authentication."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "none"}]})

    type: Literal["none"] = Field("none", description="nothing is sent")


class BasicAuth(SpecModel):
    """HTTP Basic (RFC 7617), as UTF-8."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "basic", "username": "ada", "password": {"env": "CRM_PASSWORD"}}]}
    )

    type: Literal["basic"] = Field("basic", description="HTTP Basic")
    username: Text = Field(description="the user's name", examples=[{"env": "CRM_USER"}])
    password: Text = Field("", description="the user's password", examples=[{"env": "CRM_PASSWORD"}])


class BearerAuth(SpecModel):
    """`Authorization: Bearer <token>` (RFC 6750)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "bearer", "token": {"env": "SHOP_TOKEN"}}]})

    type: Literal["bearer"] = Field("bearer", description="the header `Authorization: Bearer TOKEN`")
    token: Text = Field(description="what stands behind `Bearer`", examples=[{"env": "SHOP_TOKEN"}])


class ApiKeyAuth(SpecModel):
    """A key under a name of the API's choice, in a header, the query or a cookie."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "api_key", "name": "X-Api-Key", "value": {"env": "MAPS_KEY"}}]}
    )

    type: Literal["api_key"] = Field("api_key", description="the key under a name of the API's choice")
    name: Text = Field(description="the name of the header, parameter or cookie", examples=["X-Api-Key"])
    value: Text = Field(description="the key", examples=[{"env": "MAPS_KEY"}])
    place: Literal["header", "query", "cookie"] = Field(
        "header", alias="in", description="where the key goes", examples=["query"]
    )


FixedAuth = Annotated[
    BasicAuth | BearerAuth | ApiKeyAuth,
    Field(discriminator="type"),
    BeforeValidator(tagged([BasicAuth, BearerAuth, ApiKeyAuth])),
    Word("mapping"),
]
"""What a single request can sign in with."""
