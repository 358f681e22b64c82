"""A source: where the API is, how to sign in, how hard it may be asked, and its endpoints."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from rest_source.spec.asset import AssetSettings
from rest_source.spec.auth import Auth, NoAuth
from rest_source.spec.base import SpecModel, invalid, located_error, mistakes, normalise
from rest_source.spec.endpoint import EndpointSpec, Header, Name
from rest_source.spec.pagination import PositiveInt
from rest_source.spec.schedule import valid_timezone
from rest_source.spec.template import Text, names, parse
from rest_source.spec.units import Duration, Rate, Size, parse_duration

RESERVED_SCHEMAS = ("_rest_source", "information_schema", "pg_catalog")


class Limits(SpecModel):
    """How hard a source may be asked, and how much it may answer."""

    rate: Rate | None = None
    concurrency: PositiveInt = 4
    timeout: Duration = parse_duration("60s")
    retries: Annotated[int, Field(strict=True, ge=0)] = 5
    max_wait: Duration = parse_duration("10m")
    max_pages: PositiveInt = 100_000
    max_response: Size = 256_000_000
    resume_within: Duration = parse_duration("1h")


class Tls(SpecModel):
    """How the API proves who it is, and how we do by a certificate. It holds where credentials may go."""

    verify: bool = Field(
        True,
        strict=True,
        description="`false` accepts any certificate, so that anybody on the way can read and change everything; each "
        "run warns of it.",
        examples=[False],
    )
    ca: Text | None = Field(
        None,
        description="A file with the certificates of the authorities to trust, instead of the usual ones.",
        examples=["certs/company.pem"],
    )
    cert: Text | None = Field(
        None,
        description="A file with our own certificate, and its key unless `key` is given.",
        examples=["certs/client.pem"],
    )
    key: Text | None = Field(
        None, description="A file with the certificate's key, unencrypted.", examples=["certs/client.key"]
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.key is not None and self.cert is None:
            raise invalid("key", message="`key` needs `cert`, the certificate it belongs to", kind="combination")
        if self.ca is not None and not self.verify:
            raise invalid("ca", message="`verify: false` would not look at `ca`; leave one away", kind="combination")
        return self


class SourceSpec(AssetSettings):
    """One API: where it is, how to sign in, how hard it may be asked, and its endpoints."""

    name: Name
    base_url: Text
    allowed_hosts: tuple[str, ...] = ()
    auth: Auth = NoAuth()
    tls: Tls = Field(
        Tls(), description="Certificates, where the usual ones do not do.", examples=[{"ca": "certs/company.pem"}]
    )
    headers: dict[str, Header] = {}
    timezone: Annotated[str, AfterValidator(valid_timezone)] = "UTC"
    limits: Limits = Limits()
    endpoint_defaults: dict[str, Any] = {}
    endpoints: tuple[EndpointSpec, ...]

    @model_validator(mode="before")
    @classmethod
    def _merge_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        defaults, endpoints = data.get("endpoint_defaults"), data.get("endpoints")
        if not isinstance(defaults, dict) or not isinstance(endpoints, list):
            return data
        _check_defaults(defaults)
        merged = [merge(defaults, own) if isinstance(own, dict) else own for own in endpoints]
        return {**data, "endpoints": merged}

    @field_validator("name")
    @classmethod
    def _is_not_ours(cls, value: str) -> str:
        if normalise(value) in RESERVED_SCHEMAS:
            raise ValueError(
                f"`{value}` would be the schema `{normalise(value)}`, which is a system's; choose another name"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        first = next(iter(parse(value)), "")
        if isinstance(first, str) and not first.startswith(("http://", "https://")):
            raise ValueError(f"`{value}` is not a URL: it starts with http:// or https://")
        foreign = [name for name in names(value) if not name.startswith("env.")]
        if foreign and foreign[0] != "now":
            raise ValueError(f"`{{{foreign[0]}}}` has no value in `base_url`; put it into an endpoint's `path`")
        return value

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if not self.endpoints:
            raise invalid("endpoints", message="a source has at least one endpoint")
        seen: dict[str, str] = {}
        for index, endpoint in enumerate(self.endpoints):
            table = normalise(endpoint.name)
            if table in seen:
                message = f"`{endpoint.name}` and `{seen[table]}` would share the table `{table}`; choose another name"
                raise invalid("endpoints", index, "name", message=message)
            seen[table] = endpoint.name
        return self


def merge(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The endpoint's own keys win and maps merge key by key, unless their `type` differs."""
    merged = {**defaults, **own}
    for key in defaults.keys() & own.keys():
        ours, theirs = own[key], defaults[key]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            other_kind = "type" in ours and "type" in theirs and ours["type"] != theirs["type"]
            merged[key] = ours if other_kind else merge(theirs, ours)
    return merged


def _check_defaults(defaults: dict[str, Any]) -> None:
    # A mistake in the defaults belongs to their own line, not to every endpoint's. What is missing, or
    # does not go together, is judged endpoint by endpoint after the merge.
    try:
        EndpointSpec.model_validate({"name": "defaults", "path": "/", **defaults})
    except ValidationError as error:
        found = [
            (("endpoint_defaults", *loc), message, kind)
            for loc, message, kind in mistakes(error)
            if kind not in ("missing", "combination")
        ]
        if found:
            raise located_error("endpoint_defaults", found) from None
