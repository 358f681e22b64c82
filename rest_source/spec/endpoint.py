"""An endpoint: what to ask, where the records are, and how they are written."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rest_source.spec.asset import AssetSettings
from rest_source.spec.auth import Auth
from rest_source.spec.base import located_error
from rest_source.spec.combinations import combinations
from rest_source.spec.incremental import Incremental
from rest_source.spec.jsonpath import PathText
from rest_source.spec.names import Name, Names
from rest_source.spec.pagination import NoPagination, Pagination
from rest_source.spec.params import Header, Params
from rest_source.spec.parent import Parent
from rest_source.spec.rows import RecordColumns
from rest_source.spec.rules import ErrorRule
from rest_source.spec.scopes import without_value
from rest_source.spec.text import Json, Text
from rest_source.spec.word import Word


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


FixedType = Annotated[
    Literal["BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMPTZ", "JSON", "TEXT"], BeforeValidator(_upper)
]


class EndpointSpec(AssetSettings):
    """One endpoint: what to ask, where the records are, and how they are written."""

    belongs = dict.fromkeys(
        ("base_url", "allowed_hosts", "tls", "timezone", "limits", "endpoint_defaults", "endpoints"),
        "to the source, beside `base_url`",
    )
    name: Name = Field(
        description="second part of the asset key, and the table; unique within the source, whatever the case",
        examples=["orders"],
    )
    method: Annotated[
        Literal["GET", "POST"],
        BeforeValidator(_upper, json_schema_input_type=Literal["GET", "POST", "get", "post"]),
    ] = Field("GET", description="the method of every request", examples=["POST"])
    path: Text = Field(
        description="below `base_url`, or a full URL. A `?query` in it is sent too; `params` win over it",
        examples=["/orders"],
    )
    query: Text | None = Field(
        None,
        description="the query as it is to be sent, templates apart, whose values are percent-encoded; instead of "
        "`params`. What the pagination sends follows it",
        examples=["ids=List({parent.id:join(,)})&fields=id,name"],
    )
    params: Params = Field(
        {},
        description="query parameters. `true` and `false` are sent as such, `null` is left out, a list repeats the "
        "name",
        examples=[{"status": ["open", "paid"]}],
    )
    auth: Auth | None = Field(
        None,
        description="how its requests [sign in](#authentication), instead of the source's `auth`; `{type: none}` sends "
        "nothing",
        examples=[{"type": "bearer", "token": {"env": "REPORTS_TOKEN"}}],
    )
    headers: dict[str, Header] = Field(
        {}, description="win over the source's; `null` removes one", examples=[{"X-Api-Version": "2"}]
    )
    body: Json = Field(
        None, description="sent as JSON, with GET too where an API wants it", examples=[{"filter": {"open": True}}]
    )
    form: Params | None = Field(
        None,
        description="sent urlencoded, by the rules of `params`; needs `method: POST`, excludes `body`",
        examples=[{"kind": ["call", "meeting"]}],
    )
    data_root: PathText = Field("$", description="where the records are; see below", examples=["$.data.items"])
    data_root_optional: bool = Field(
        False, strict=True, description="whether the data root may be missing on the first page", examples=[True]
    )
    key_column: Annotated[str, Word("field name")] | None = Field(
        None,
        description="puts each key of a keyed map into this field of its record, where a field of that name moves to "
        "`NAME_2`; `data_root` ends with `.*` or `[*]`",
        examples=["state"],
    )
    record_columns: RecordColumns | None = Field(
        None,
        description="makes records of rows that are arrays: the names of their places, where the answer holds them, or "
        "`first_row`; see below",
        examples=["$.columns"],
    )
    pagination: Pagination = Field(
        NoPagination(), description="how to get the next [page](#pagination)", examples=[{"type": "link_header"}]
    )
    on_error: tuple[Annotated[ErrorRule, Word("rule")], ...] = Field(
        (),
        description="what certain answers mean; see "
        "[Errors that mean something else](#errors-that-mean-something-else)",
        examples=[[{"status": 403, "do": "skip"}]],
    )
    primary_key: Names = Field(
        (),
        description="what identifies a record, `__hevo_id` unless given; see [Keys and writes](#keys-and-writes)",
        examples=[["service", "hour"]],
    )
    write: Literal["merge", "append", "replace"] = Field(
        "merge",
        description="how records get into the table; see [Keys and writes](#keys-and-writes)",
        examples=["replace"],
    )
    deletes: Literal["mark"] | None = Field(
        None,
        description="`mark` sets `__hevo__marked_deleted` on rows that a complete load did not return; needs "
        "`write: merge` and a request for all records",
        examples=["mark"],
    )
    exclude: Annotated[Names, Word("path or list of paths")] = Field(
        (),
        description="fields dropped before anything is stored; a dot reaches into an object, also inside lists",
        examples=[["email", "custom.birthday"]],
    )
    nested: Literal["json", "flatten", "split", "string"] = Field(
        "json",
        description="objects and lists: `json` keeps them in `JSON` columns, `flatten` makes a column of each field of "
        "an object (`address_city`), `split` also a child table of each list, `string` keeps their JSON text in "
        "`VARCHAR` columns",
        examples=["flatten"],
    )
    columns: dict[str, FixedType] = Field(
        {},
        description="fixes the types of columns, by the field's name or the column's: `BOOLEAN`, `BIGINT`, `DOUBLE`, "
        "`DATE`, `TIMESTAMPTZ`, `JSON` or `TEXT`; a record that does not fit is rejected",
        examples=[{"zip": "TEXT"}],
    )
    schema_change: Literal["evolve", "freeze", "ignore"] = Field(
        "evolve",
        description="what becomes of a load that would change the table: `evolve` adds columns and widens types, "
        "`freeze` fails with nothing written, `ignore` leaves new fields out",
        examples=["freeze"],
    )

    incremental: Incremental | None = Field(
        None,
        description="reads what is new since the last load; see [Increments](#increments)",
        examples=[{"cursor": "$.updated_at", "initial": "2024-01-01T00:00:00Z"}],
    )
    cap: Annotated[int, Field(strict=True, ge=2)] | None = Field(
        None,
        description="how many records the API returns for one query at most; a window of time with so many is split, "
        "see [Caps](#caps)",
        examples=[10000],
    )
    parent: Parent | None = Field(
        None,
        description="asks once for each row of another endpoint, or each value; see [Parents](#parents)",
        examples=[{"endpoint": "posts", "include": "id"}],
    )
    requests: Literal["partition", "range"] = Field(
        "partition",
        description="of a run over several partitions: requests for each of them, or once for the whole range",
        examples=["range"],
    )

    @field_validator("query", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        if isinstance(value, dict) and "env" not in value:
            raise ValueError("`query` is text, sent as it is written; write a mapping of parameters as `params`")
        return value

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        errors = [(loc, message, "combination") for loc, message in (*combinations(self), *without_value(self))]
        if errors:
            raise located_error("endpoint", errors)
        return self
