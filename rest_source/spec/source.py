"""A source: where the API is, how to sign in, how hard it may be asked, and its endpoints."""

from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from rest_source.spec.asset import AssetSettings
from rest_source.spec.auth import Auth
from rest_source.spec.base import SpecModel, invalid, located_error, mistakes, normalise, unknown
from rest_source.spec.braces import refuse_placeholders
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.fixed_auth import NoAuth
from rest_source.spec.names import Name
from rest_source.spec.params import Header
from rest_source.spec.places import PositiveInt
from rest_source.spec.schedule import Timezone
from rest_source.spec.template import foreign, parse
from rest_source.spec.text import Text
from rest_source.spec.units import Duration, Rate, Size, parse_duration
from rest_source.spec.word import Word

File = Annotated[Text, Word("file")]
CHECKS = "_checks"
"""What the name of a step for checks has at its end."""
RESERVED_SCHEMAS = ("_rest_source", "information_schema", "pg_catalog")


class Limits(SpecModel):
    """How hard a source may be asked, and how much it may answer."""

    rate: Rate | None = Field(
        None,
        description="requests per time, evenly spaced; holds for all endpoints, threads and processes together that "
        "load this source on one machine with the same `REST_SOURCE_STATE`",
        examples=["10/s"],
    )
    concurrency: PositiveInt = Field(
        4,
        description="requests under way at a time, for all endpoints of the source in one process; see "
        "[pages in parallel](#pages-in-parallel)",
        examples=[16],
    )
    timeout: Duration = Field(
        parse_duration("60s"),
        description="how long to wait for a connection, and for each next piece of an answer. An answer that takes "
        "longer in all ends if it arrives at less than 1 kB/s",
        examples=["120s"],
    )
    retries: int = Field(5, strict=True, ge=0, description="further attempts of one request", examples=[3])
    max_wait: Duration = Field(
        parse_duration("10m"),
        description="the longest pause an API may ask for (`Retry-After`) within a load. For a longer one Dagster "
        "starts the step again when it is over, up to three times; in `rest-source run` it is the error `retry_later`, "
        "which says when to run again",
        examples=["30m"],
    )
    max_pages: PositiveInt = Field(100_000, description="pages of one load", examples=[500])
    max_response: Size = Field(
        256_000_000,
        description="the largest answer, decompressed, unless it is [read in parts](#everything-in-one-answer)",
        examples=["1GB"],
    )
    resume_within: Duration = Field(
        parse_duration("1h"),
        description="how old an [interrupted load](#interrupted-loads) of numbered pages or offsets may be to be gone "
        "on with",
        examples=["15m"],
    )


class Tls(SpecModel):
    """How the API proves who it is, and how we do by a certificate. It holds where credentials may go."""

    verify: bool = Field(
        True,
        strict=True,
        description="`false` accepts any certificate, so that anybody on the way can read and change everything; every "
        "load warns of it",
        examples=[False],
    )
    ca: File | None = Field(
        None,
        description="the certificates of the authorities to trust, instead of the usual ones",
        examples=["certs/company.pem"],
    )
    cert: File | None = Field(
        None, description="our own certificate, and its key unless `key` is given", examples=["certs/client.pem"]
    )
    key: File | None = Field(None, description="the key of the certificate, unencrypted", examples=["certs/client.key"])

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.key is not None and self.cert is None:
            raise invalid("key", message="`key` needs `cert`, the certificate it belongs to", kind="combination")
        if self.ca is not None and not self.verify:
            raise invalid("ca", message="`verify: false` would not look at `ca`; leave one away", kind="combination")
        return self


class SourceSpec(AssetSettings):
    """One API: where it is, how to sign in, how hard it may be asked, and its endpoints."""

    belongs = dict.fromkeys(EndpointSpec.model_fields, "to an endpoint, or to all of them under `endpoint_defaults`")
    name: Name = Field(
        description="first part of the asset keys, asset group, and schema of the tables", examples=["shop"]
    )
    base_url: Text = Field(
        description="where every `path` begins; a query in it is sent with every request",
        examples=["https://api.example.com/v1"],
    )
    allowed_hosts: tuple[Annotated[Text, Word("host")], ...] = Field(
        (),
        description="further hosts that may get the credentials; see [Secrets](#secrets)",
        examples=[["files.example.com"]],
    )
    auth: Auth = Field(
        NoAuth(),
        description="how requests [sign in](#authentication)",
        examples=[{"type": "bearer", "token": {"env": "SHOP_TOKEN"}}],
    )
    tls: Tls = Field(
        Tls(),
        description="certificates, where the usual ones do not do; see [Certificates](#certificates)",
        examples=[{"ca": "certs/company.pem"}],
    )
    headers: dict[str, Header] = Field({}, description="headers of every request", examples=[{"Accept-Language": "en"}])
    timezone: Timezone = Field(
        "UTC",
        description="zone of `{now}`, of schedules, and of timestamps that come without one",
        examples=["Europe/Paris"],
    )
    limits: Limits = Field(
        Limits(), description="how hard the API may be asked; see [Limits](#limits)", examples=[{"rate": "10/s"}]
    )
    endpoint_defaults: dict[str, Any] = Field(
        {},
        description="any endpoint keys, for all endpoints. The endpoint's own key wins, and `primary_key: null` or "
        "`exclude: null` resets it; mappings merge key by key, unless their `type` differs",
        examples=[{"primary_key": "id"}],
    )
    endpoints: tuple[Annotated[EndpointSpec, Word("endpoint")], ...] = Field(
        description="the [endpoints](#endpoint); at least one", examples=[[{"name": "orders", "path": "/orders"}]]
    )

    @model_validator(mode="before")
    @classmethod
    def _merge_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        defaults, endpoints = data.get("endpoint_defaults") or {}, data.get("endpoints")
        if not isinstance(defaults, dict) or not isinstance(endpoints, list):
            return data
        if defaults:
            _check_defaults(defaults)
        # Whether a template has a value depends on them, which an endpoint judges for itself.
        defaults = {key: data[key] for key in ("partitions_def", "backfill_policy") if key in data} | defaults
        merged = (
            [merge(defaults, own) if isinstance(own, dict) else own for own in endpoints] if defaults else endpoints
        )
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
        if without := foreign(value):
            raise ValueError(f"`{{{without[0]}}}` has no value in `base_url`; put it into an endpoint's `path`")
        return refuse_placeholders(value)

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
        names = {endpoint.name: index for index, endpoint in enumerate(self.endpoints)}
        for name in names:
            checks = f"{name}{CHECKS}"
            if checks in names:
                message = (
                    f"`{checks}` would have the step of the checks of `{name}` in Dagster; choose another name, as the "
                    "`path` stays"
                )
                raise invalid("endpoints", names[checks], "name", message=message)
        return self

    @model_validator(mode="after")
    def _parents_are_there(self) -> Self:
        names_ = [endpoint.name for endpoint in self.endpoints]
        for index, endpoint in enumerate(self.endpoints):
            parent = endpoint.parent.endpoint if endpoint.parent else None
            if parent and parent not in names_:
                others = [name for name in names_ if name != endpoint.name] or names_
                raise invalid("endpoints", index, "parent", "endpoint", message=unknown("endpoint", parent, others))
        return self

    @model_validator(mode="after")
    def _can_be_put_in_order(self) -> Self:
        keys = [self.key(endpoint.name) for endpoint in self.endpoints]
        try:
            TopologicalSorter(dict(zip(keys, map(self.upstream, self.endpoints), strict=True))).prepare()
        except CycleError as error:
            way = [keys.index(key) for key in reversed(error.args[1][1:])]
            start = way.index(min(way))
            circle = [self.endpoints[index] for index in (*way[start:], *way[: start + 1])]
            told = " -> ".join(endpoint.name for endpoint in circle)
            place = self._where_it_waits(min(way), circle[1])
            raise invalid(*place, message=f"each waits for the next in a circle: {told}") from None
        return self

    def _where_it_waits(self, index: int, other: EndpointSpec) -> tuple[str | int, ...]:
        """The key by which an endpoint waits for another."""
        endpoint, key = self.endpoints[index], self.key(other.name)
        if endpoint.parent and endpoint.parent.endpoint == other.name:
            return "endpoints", index, "parent", "endpoint"
        if endpoint.parent and key in endpoint.parent.deps:
            return "endpoints", index, "parent", "deps"
        return ("endpoints", index, "deps") if key in endpoint.deps else ("deps",)

    @property
    def names(self) -> list[str]:
        """The names of the source and of its endpoints."""
        return [self.name, *(endpoint.name for endpoint in self.endpoints)]

    def key(self, endpoint: str) -> str:
        """The key of an endpoint's asset, by its name, as `deps` write it."""
        return f"{self.name}/{endpoint}"

    def upstream(self, endpoint: EndpointSpec) -> tuple[str, ...]:
        """The keys of the assets that are loaded before an endpoint: those in `deps`, and its parent."""
        own, parent = self.key(endpoint.name), endpoint.parent
        shared = (dep for dep in self.deps if dep != own)
        queried = parent.deps if parent else ()
        parents = (self.key(parent.endpoint),) if parent and parent.endpoint else ()
        return tuple(dict.fromkeys((*shared, *endpoint.deps, *queried, *parents)))


def step_names(source: str, endpoint: str) -> tuple[str, str]:
    """The names of an endpoint's steps in Dagster: that of its load and that of its checks."""
    step = f"{source}__{endpoint}"
    return step, f"{step}{CHECKS}"


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
