"""A login: requests whose answers hold a token, each step fed by the ones before it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from rest_source.spec.base import SpecModel, invalid
from rest_source.spec.braces import refuse_placeholders
from rest_source.spec.combinations import REQUEST_KEYS, texts
from rest_source.spec.fixed_auth import FixedAuth
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.names import Name
from rest_source.spec.params import Header, Params
from rest_source.spec.places import Found
from rest_source.spec.rules import RenewOn, Statuses
from rest_source.spec.send import Send
from rest_source.spec.template import foreign
from rest_source.spec.text import Json, Text
from rest_source.spec.units import parse_duration
from rest_source.spec.word import Word

_METHODS = Literal["GET", "POST", "PUT", "PATCH", "get", "post", "put", "patch"]


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lifetime(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        compile_path(value)
        return value
    return parse_duration(value)


Lifetime = Annotated[
    str | timedelta,
    BeforeValidator(_lifetime),
    WithJsonSchema({"type": ["string", "number"]}),
    Word("duration or JSONPath"),
]
"""A duration, or a JSONPath to a number of seconds."""


class LoginRequest(SpecModel):
    """A request that signs in; the headers of source and endpoints do not go with it."""

    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH"] | None, BeforeValidator(_upper, json_schema_input_type=_METHODS | None)
    ] = Field(
        None, description="`POST` where there is a `body` or a `form`, else `GET`, unless given", examples=["PUT"]
    )
    path: Annotated[Text, AfterValidator(refuse_placeholders)] = Field(
        description="below `base_url`, or a full URL", examples=["/login"]
    )
    headers: dict[str, Header] = Field(
        {}, description="of this request only; those of the source do not go with it", examples=[{"X-App": "load"}]
    )
    params: Params = Field(
        {}, description="query parameters, by the rules of an endpoint's", examples=[{"app": "load"}]
    )
    body: Json = Field(None, description="sent as JSON", examples=[{"key": {"env": "CRM_KEY"}}])
    form: Params | None = Field(
        None,
        description="sent urlencoded, instead of `body`",
        examples=[{"user": "me", "password": {"env": "CRM_PASSWORD"}}],
    )

    auth: FixedAuth | None = Field(
        None,
        description="how the request itself signs in: `basic`, `bearer` or `api_key`, with their keys",
        examples=[{"type": "basic", "username": {"env": "CRM_USER"}, "password": {"env": "CRM_PASSWORD"}}],
    )
    ok_statuses: Statuses = Field(
        (),
        description="statuses from 400 on that are a success too, where an API gives the token of a session that is "
        "there already with a 409",
        examples=[[409]],
    )

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.body is not None and self.form is not None:
            message = "`body` and `form` exclude each other: a request has one body"
            raise invalid("form", message=message, kind="combination")
        if self.method == "GET" and self.form is not None:
            raise invalid("form", message="`form` needs `method: POST`", kind="combination")
        return self

    @property
    def verb(self) -> str:
        """The method, told from the body where it is not written."""
        return self.method or ("GET" if self.body is None and self.form is None else "POST")

    def texts(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every string of the request, with its location."""
        for key in REQUEST_KEYS:
            yield from texts(getattr(self, key, None), (key,))


class _Answered(SpecModel):
    """What of an answer is kept, and how it is sent."""

    token: Found | None = Field(
        None,
        description="where the answer holds the token; without it, the cookies that the answer sets are what counts",
        examples=["$.token"],
    )
    expires_in: Lifetime | None = Field(
        None,
        description="how long the token is valid, or where the answer says so in seconds; without it, until the API "
        "answers 401",
        examples=["30m"],
    )
    send: Send | None = Field(
        None,
        description="how the token is sent, a bearer token unless given; of several steps, the last one's is sent, and "
        "that of each that has this key",
        examples=[{"name": "X-Session", "format": "{token}"}],
    )

    @model_validator(mode="after")
    def _has_a_token_to_send(self) -> Self:
        if self.token is None and self.send is not None:
            raise invalid("send", message="`send` needs `token`", kind="combination")
        return self


class LoginStep(_Answered):
    """One request of a login, and what of its answer is kept."""

    type: Literal["login"] = Field("login", description="may be repeated in each step", examples=["login"])
    name: Name | None = Field(None, description="what later steps call its token: `{login.NAME}`", examples=["session"])
    request: LoginRequest = Field(
        description="what is asked", examples=[{"path": "/login", "body": {"key": {"env": "CRM_KEY"}}}]
    )

    @model_validator(mode="after")
    def _has_a_token_to_name(self) -> Self:
        if self.token is None and self.name is not None:
            raise invalid("name", message="`name` needs `token`, which it names", kind="combination")
        return self


class LoginAuth(_Answered):
    """A login of one request, whose keys stand here, or of several `steps`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "login",
                    "request": {"path": "/login", "body": {"key": {"env": "CRM_KEY"}}},
                    "token": "$.token",
                }
            ]
        }
    )

    type: Literal["login"] = Field("login", description="a token from a request of its own; see [Logins](#logins)")
    request: LoginRequest | None = Field(
        None,
        description="what is asked; this or `steps`",
        examples=[{"path": "/login", "body": {"key": {"env": "CRM_KEY"}}}],
    )
    steps: tuple[Annotated[LoginStep, Word("step")], ...] = Field(
        (),
        description="several requests, one after the other, instead of `request`",
        examples=[[{"request": {"path": "/login"}}]],
    )
    renew_on: RenewOn = ()

    @property
    def chain(self) -> tuple[LoginStep, ...]:
        """The steps, one where the login is written without `steps`."""
        if self.request is None:
            return self.steps
        step = LoginStep.model_construct(
            name=None, request=self.request, token=self.token, expires_in=self.expires_in, send=self.send
        )
        return (step,)

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if (self.request is None) == (not self.steps):
            message = "a login has either a `request` or a list of `steps`"
            raise invalid("request", message=message, kind="combination")
        for key in ("token", "expires_in", "send"):
            if self.steps and getattr(self, key) is not None:
                raise invalid(key, message=f"`{key}` belongs to one of the `steps`", kind="combination")
        known: set[str] = set()
        for index, step in enumerate(self.chain):
            for loc, name in _foreign(step.request, known):
                place = ("steps", index, "request") if self.steps else ("request",)
                raise invalid(*place, *loc, message=_no_value(name))
            known |= {f"login.{step.name}"}
        return self


def _foreign(request: LoginRequest, known: set[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Templates of a request that nothing gives a value to."""
    for loc, text in request.texts():
        for name in foreign(text):
            if name not in known:
                yield loc, name


def _no_value(name: str) -> str:
    if name.startswith("login."):
        return f"`{{{name}}}` needs an earlier step with `name: {name.removeprefix('login.')}`"
    return f"`{{{name}}}` has no value in a login: use {{env.NAME}}, {{now}} or {{login.NAME}}"
