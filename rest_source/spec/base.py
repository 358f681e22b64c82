"""The base of every model of the YAML file: frozen, strict about keys, and helpful about typing errors."""

import difflib
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import chain, count
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails

_HIDDEN = "(not shown: it may be secret)"
Location = tuple[str | int, ...]


class SpecModel(BaseModel):
    """A frozen model that rejects unknown keys, naming the valid ones and the nearest match."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False, validate_by_name=False
    )
    belongs: ClassVar[Mapping[str, str]] = {}
    """Keys of other models that are easily written here, and where they go."""

    @model_validator(mode="wrap")
    @classmethod
    def _explain_errors(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            lines = [
                cls._with_example(found)
                if (found := _explained(line))
                else (line["loc"], cls._explain(line), line["type"])
                for line in error.errors()
            ]
            raise located_error(cls.__name__, _without_misspelt(lines)) from None

    @classmethod
    def _explain(cls, line: ErrorDetails) -> str:
        if line["type"] in ("extra_forbidden", "literal_error"):
            return cls._explain_word(line)
        if line["type"] == "missing":
            return f"the key `{line['loc'][-1]}` is required{cls._example(line['loc'])}"
        if wanted := _WANTED.get(line["type"]):
            return f"should be {wanted}, not {_NAMES.get(type(line['input']), 'this')}{cls._example(line['loc'])}"
        if limit := _LIMITS.get(line["type"]):
            return limit.format(**line["ctx"])
        return str(line["msg"]).removeprefix("Value error, ")

    @classmethod
    def _explain_word(cls, line: ErrorDetails) -> str:
        """A key or a value that is none of the choices."""
        if line["type"] == "extra_forbidden":
            key = str(line["loc"][-1])
            return f"`{key}` belongs {cls.belongs[key]}" if key in cls.belongs else unknown("key", key, _keys(cls))
        choices = re.findall(r"'([^']*)'", line["ctx"]["expected"])
        if isinstance(line["input"], str):
            return unknown("value", line["input"], choices)
        return f"should be {' or '.join(choices)}, not {_NAMES.get(type(line['input']), 'this')}"

    @classmethod
    def _with_example(cls, found: "Line") -> "Line":
        """A mapping that is written as something else is judged by its own model, but its key is one of this."""
        loc, message, kind = found
        return (loc, message + cls._example(loc), kind) if kind == "model_type" else found

    @classmethod
    def _example(cls, loc: Location) -> str:
        """A value that the key could have, as the file would hold it."""
        field = next((field for name, field in cls.model_fields.items() if loc == (field.alias or name,)), None)
        return f"; write one such as {flow(field.examples[0])}" if field and field.examples else ""


_NAMES: dict[type, str] = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
    type(None): "null",
}

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {
    "greater_than_equal": "should be at least {ge}",
    "less_than_equal": "should be at most {le}",
    "too_long": "should have at most {max_length} items, not {actual_length}",
}
_ELSEWHERE = {
    "upsert": "merge",
    "overwrite": "replace",
    "truncate": "replace",
    "insert": "append",
    "incremental": "merge",
    "string": "TEXT",
    "varchar": "TEXT",
    "int": "BIGINT",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "number": "DOUBLE",
    "timestamp": "TIMESTAMPTZ",
    "datetime": "TIMESTAMPTZ",
    "token": "bearer",
    "header": "api_key",
    "next_link": "next_url",
    "url": "base_url",
    "query_string": "query",
    "selector": "data_root",
}
"""What other tools call it."""


def flow(value: Any) -> str:
    """A value as YAML holds it on one line."""
    listed = yaml.safe_dump([value], default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return listed.strip()[1:-1]


def _without_misspelt(lines: "list[Line]") -> "list[Line]":
    """The mistakes without the keys that are missed only because they are written wrong."""
    meant = {
        (*loc[:-1], match[1])
        for loc, message, kind in lines
        if kind == "extra_forbidden" and (match := re.search(r"Did you mean `(.+?)`\?", message))
    }
    return [line for line in lines if not (line[2] == "missing" and line[0] in meant)]


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def unknown(what: str, given: object, choices: Sequence[str]) -> str:
    """One sentence for a word that is none of the choices."""
    same = _ELSEWHERE.get(str(given).lower())
    hint = f" Did you mean `{same}`?" if same in choices else nearest(str(given), choices)
    return f"unknown {what} `{given}`.{hint} Valid: {', '.join(choices)}"


def nearest(given: str, choices: Sequence[str]) -> str:
    """The question whether the most similar choice was meant, with a blank before it; empty where none is similar."""
    near = difflib.get_close_matches(given, choices, n=1, cutoff=0.5)
    return f" Did you mean `{near[0]}`?" if near else ""


class Mistake(ValueError):
    """An explained mistake in the file; `kind` is pydantic's error type, or a word of ours."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


Line = tuple[Location, str, str]
"""Location, message and kind of a mistake."""


def located_error(title: str, lines: Iterable[Line]) -> ValidationError:
    """A ValidationError with one message for each location, which outer models extend with their own place.

    Each is a plain value error: Dagster builds the error anew to add file and line, and keeps the texts of
    no other type.
    """
    return ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(
                type="value_error",
                loc=tuple(step for step in loc if step != "[key]"),
                input=_HIDDEN,
                ctx={"error": Mistake(message, kind)},
            )
            for loc, message, kind in lines
        ],
        hide_input=True,
    )


def mistakes(error: ValidationError) -> list[Line]:
    """The mistakes of a ValidationError that models of ours raised."""
    return [_explained(line) or (line["loc"], line["msg"], line["type"]) for line in error.errors()]


def _explained(line: ErrorDetails) -> Line | None:
    mistake = line.get("ctx", {}).get("error")
    return (line["loc"], str(mistake), mistake.kind) if isinstance(mistake, Mistake) else None


def invalid(*loc: str | int, message: str, kind: str = "invalid") -> ValidationError:
    """One mistake at one place below the model that raises it."""
    return located_error("file", [(loc, message, kind)])


def tagged(models: Sequence[type[SpecModel]]) -> Callable[[Any], Any]:
    """A before-validator that picks the model by its `type` key.

    A discriminated union of pydantic does the same but puts the tag into the location of an error, which
    then matches no line of the file.
    """
    by_type = {str(model.model_fields["type"].default): model for model in models}

    def pick(data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = data.get("type")
        if given is None:
            raise invalid("type", message=f"the key `type` is required: {', '.join(by_type)}", kind="missing")
        if not isinstance(given, str) or given not in by_type:
            raise invalid("type", message=unknown("type", given, list(by_type)))
        return by_type[given].model_validate(data)

    return pick


NAME = re.compile(r"[A-Za-z0-9_]+")


def valid_name(value: str) -> str:
    """Names become asset keys, schemas and tables, so they hold letters, digits and underscores only."""
    if not NAME.fullmatch(value):
        raise ValueError(f"`{value}` is not a valid name: use letters, digits and _ only")
    return value


def normalise(name: str) -> str:
    """A name in the destination: `Table$namE_05_` becomes `table_name_05`.

    Lower-case, each other character than a-z and 0-9 an underscore, none at the end; nothing left is `column`.
    """
    return re.sub(r"[^a-z0-9]", "_", name.lower()).rstrip("_") or "column"


def free_name(name: str, taken: Container[str], longest: int | None = None) -> str:
    """The name, or with `_2`, `_3` … the first that is not taken; none is longer than `longest`."""
    candidates = chain((name,), (f"{name}_{number}" for number in count(2)))
    return next(short for candidate in candidates if (short := shortened(candidate, longest)) not in taken)


def shortened(name: str, longest: int | None) -> str:
    """The name, or where it is too long its beginning and eight digits of a hash of all of it."""
    if longest is None or len(name) <= longest:
        return name
    return f"{name[: longest - 9]}_{sha256(name.encode()).hexdigest()[:8]}"
