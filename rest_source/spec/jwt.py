"""JSON Web Tokens (RFC 7519) that are made here, by a key that the API knows."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from rest_source.spec.base import SpecModel
from rest_source.spec.combinations import texts
from rest_source.spec.rules import RenewOn
from rest_source.spec.send import Send
from rest_source.spec.template import foreign
from rest_source.spec.text import Json, Text
from rest_source.spec.units import Duration

Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]


def _known(claims: dict[str, Any]) -> dict[str, Any]:
    for _, text in texts(claims):
        if without := foreign(text):
            raise ValueError(f"`{{{without[0]}}}` has no value in a token; write {{env.NAME}} or {{now:epoch}}")
    return claims


Claims = Annotated[dict[str, Json], AfterValidator(_known)]


class Signing(SpecModel):
    """What a token says, and the key that signs it."""

    algorithm: Algorithm = Field(description="how it is signed", examples=["RS256"])
    key: Text = Field(
        description="the secret of `HS…`, for all others the private key as PEM; its line breaks may be written `\\n`",
        examples=[{"env": "APP_KEY"}],
    )
    claims: Claims = Field(
        {},
        description="what it says; templates work, so that `{now:epoch}` is a number. `iat` is the time of signing and "
        "`exp` the end of `expires_in`, unless given; `null` leaves one out",
        examples=[{"iss": {"env": "APP_ID"}, "aud": "https://api.example.com"}],
    )
    headers: Claims = Field({}, description="its header beside `alg` and `typ`", examples=[{"kid": "K1"}])
    expires_in: Duration = Field(
        timedelta(minutes=5),
        description="how long it is valid; a new one is signed before it ends",
        examples=["20m"],
    )


class JwtAuth(Signing):
    """A token that is signed here and sent with each request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "jwt",
                    "algorithm": "ES256",
                    "key": {"env": "APP_KEY"},
                    "claims": {"iss": {"env": "APP_ID"}},
                    "headers": {"kid": "K1"},
                }
            ]
        }
    )

    type: Literal["jwt"] = Field("jwt", description="a JSON Web Token that is signed here, and again before it ends")
    send: Send = Field(
        Send(),
        description="how the token is sent, a bearer token unless given",
        examples=[{"in": "query", "name": "access_token"}],
    )
    renew_on: RenewOn = ()
