"""A source and its endpoints, as the file states them."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from rest_source.spec.asset import valid_group, valid_owner, valid_tag, valid_tag_key
from rest_source.spec.auth import Auth, NoAuth
from rest_source.spec.base import Location, SpecModel, invalid, located_error, mistakes, unknown, valid_name
from rest_source.spec.jsonpath import PathText
from rest_source.spec.pagination import Cursor, NoPagination, Pagination, PositiveInt
from rest_source.spec.schedule import Schedule, valid_timezone
from rest_source.spec.template import ENV_SCHEMA, Json, Text, env_reference, names, parse
from rest_source.spec.units import Duration, Rate, Size, parse_duration

Name = Annotated[str, AfterValidator(valid_name)]
SYSTEM_SCHEMA = "_rest_source"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _method(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _scalar(value: Any) -> Any:
    value = env_reference(value)
    if isinstance(value, str):
        parse(value)
    elif not isinstance(value, int | float | None):
        raise ValueError("write text, a number, true, false, null or {env: NAME}")
    return value


def _param(value: Any) -> Any:
    return tuple(_scalar(item) for item in value) if isinstance(value, list) else _scalar(value)


_SCALAR_SCHEMA: dict[str, Any] = {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, ENV_SCHEMA]}
_PARAM_SCHEMA = {"anyOf": [*_SCALAR_SCHEMA["anyOf"], {"type": "array", "items": _SCALAR_SCHEMA}]}
Names = Annotated[tuple[str, ...], BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...])]
Header = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
Params = dict[str, Annotated[Any, BeforeValidator(_param), WithJsonSchema(_PARAM_SCHEMA)]]
"""Names to values: null is left out, booleans are written true and false, lists repeat the name."""


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


class FreshnessPolicy(SpecModel):
    """How old an asset may grow before Dagster says so."""

    fail_window: Duration
    warn_window: Duration | None = None


class Checks(SpecModel):
    """How loud each asset check is."""

    duplicates: Literal["error", "warn", "off"] = "warn"

    @field_validator("duplicates", mode="before", json_schema_input_type=Literal["error", "warn", "off", False])
    @classmethod
    def _yaml_reads_off_as_false(cls, value: Any) -> Any:
        return "off" if value is False else value


class AssetSettings(SpecModel):
    """Dagster's own vocabulary, on a source for all its endpoints or on one endpoint."""

    description: str | None = None
    group_name: Annotated[str, AfterValidator(valid_group)] | None = None
    owners: tuple[Annotated[str, AfterValidator(valid_owner)], ...] = ()
    tags: dict[Annotated[str, AfterValidator(valid_tag_key)], Annotated[str, AfterValidator(valid_tag)]] = {}
    kinds: tuple[Annotated[str, AfterValidator(valid_tag)], ...] = ()
    deps: tuple[str, ...] = ()
    freshness_policy: FreshnessPolicy | None = None
    schedule: Schedule | None = None
    checks: Checks | None = None


class EndpointSpec(AssetSettings):
    """One endpoint: what to ask, where the records are, and how they are written."""

    name: Name
    method: Annotated[
        Literal["GET", "POST"],
        BeforeValidator(_method, json_schema_input_type=Literal["GET", "POST", "get", "post"]),
    ] = "GET"
    path: Text
    params: Params = {}
    headers: dict[str, Header] = {}
    body: Json = None
    form: Params | None = None
    data_root: PathText = "$"
    data_root_optional: bool = Field(False, strict=True)
    key_column: str | None = None
    pagination: Pagination = NoPagination()
    primary_key: Names = ()
    write: Literal["merge", "append", "replace"] = "merge"
    exclude: Names = ()
    nested: Literal["json", "string"] = "json"

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        errors: list[tuple[Location, str]] = []
        if self.body is not None and self.form is not None:
            errors.append((("form",), "`body` and `form` exclude each other: a request has one body"))
        for key in ("body", "form"):
            if self.method == "GET" and getattr(self, key) is not None:
                errors.append(((key,), f"`{key}` needs `method: POST`"))
        if getattr(self.pagination, "place", None) == "body":
            if self.method == "GET":
                errors.append((("pagination", "in"), "`in: body` needs `method: POST`"))
            elif self.body is not None and not isinstance(self.body, dict):
                errors.append((("body",), "`in: body` needs a mapping as `body` to put the page into"))
        errors += self._unavailable_templates()
        if errors:
            raise located_error("endpoint", [(loc, message, "combination") for loc, message in errors])
        return self

    def _unavailable_templates(self) -> list[tuple[Location, str]]:
        pages_in_path = isinstance(self.pagination, Cursor) and self.pagination.place == "path"
        wanted = {"partition": "a partitioned asset", "window": "`incremental`", "parent": "`parent`"}
        wanted |= {} if pages_in_path else {"cursor": "`incremental`, or a cursor pagination with `in: path`"}
        values = {key: getattr(self, key) for key in ("path", "params", "headers", "body", "form")}
        return [
            (loc, f"`{{{name}}}` needs {wanted[name.split('.')[0]]}, which this endpoint does not have")
            for key, value in values.items()
            for loc, text in texts(value, (key,))
            for name in names(text)
            if name.split(".")[0] in wanted
        ]


def texts(value: Any, loc: Location = ()) -> list[tuple[Location, str]]:
    """Every string in a nested value, with its location."""
    if isinstance(value, str):
        return [(loc, value)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in texts(item, (*loc, key))]
    if isinstance(value, list | tuple):
        return [found for index, item in enumerate(value) for found in texts(item, (*loc, index))]
    return []


class SourceSpec(AssetSettings):
    """One API: where it is, how to sign in, how hard it may be asked, and its endpoints."""

    name: Name
    base_url: Text
    allowed_hosts: tuple[str, ...] = ()
    auth: Auth = NoAuth()
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
        if value.lower() == SYSTEM_SCHEMA:
            raise ValueError(f"`{value}` is the schema of the system tables; choose another name")
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
            table = endpoint.name.lower()
            if table in seen:
                message = f"`{endpoint.name}` and `{seen[table]}` would share one table; names differ by more than case"
                raise invalid("endpoints", index, "name", message=message)
            seen[table] = endpoint.name
        return self

    def endpoint(self, name: str) -> EndpointSpec:
        """The endpoint of that name; raises KeyError with the valid names."""
        for endpoint in self.endpoints:
            if endpoint.name == name:
                return endpoint
        raise KeyError(unknown("endpoint", name, [endpoint.name for endpoint in self.endpoints]))


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
