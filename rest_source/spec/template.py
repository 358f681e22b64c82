"""The few templates a file may hold: `{now-24h:%Y-%m-%d}`, `{env.NAME}` and their relatives.

Every other brace is literal, so that GraphQL and JSON in strings need no escaping.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from rest_source.errors import RestSourceError
from rest_source.spec.units import EPOCHS, SECONDS

FORMATS = ("iso", *EPOCHS)
"""What a template of time may be written in besides the formats of strftime."""
INSTANTS = ("now", "partition.start", "partition.end", "window.start", "window.end")
_JOINED = re.compile(r"(?P<name>parent\.[\w.]+):join\((?P<separator>[^{}]*)\)")
_INSTANT = re.compile(
    r"(?P<name>now|cursor|(?:partition|window)\.(?:start|end))(?:(?P<sign>[+-])(?P<count>\d+)(?P<unit>[smhdw]))?(?::(?P<format>.+))?",
    re.DOTALL,
)
_NAMED = re.compile(r"(?P<name>cursor|partition\.\w+|parent\.[\w.]+|login\.\w+)")
_VARIABLE = re.compile(r"(?P<name>env\.[A-Z_][A-Z0-9_]*)(?:\|(?P<default>.*))?", re.DOTALL)
_CANDIDATE = re.compile(
    r"\{(env\.[^{}|]*\|(?:[^{}]|\{[^{}]*\})*|(?:now|cursor|(?:partition|window|parent|login|env)\.)[^{}]*)\}"
)
POSITIONS = ("page", "offset", "limit", "next")
"""Templates of the place of a page, which are templates with `in: template` of a pagination only."""
_LITERAL = re.compile(r"(?:now|cursor)(?:\w|\s*[^\s\w+\-:.]|\s+\w|:\s[^%]*$)")
"""Braces that only begin like a template, such as GraphQL's `{cursor id}` and `{cursor: $after}`."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FURTHEST = 200 * 366 * 86400


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment, shifted and formatted. Days and weeks shift the calendar, smaller units the clock.

    A cursor may be `9999-12-31`, as APIs write "never": no shift leads beyond the years 1 to 9999.
    """

    name: str
    count: int = 0
    unit: str = "s"
    format: str = "iso"

    def render(self, moment: datetime, floor: datetime | None = None) -> str:
        """The moment as text, no earlier than a floor; `moment` carries the time zone to write it in."""
        moved = self.shifted(moment)
        if floor is not None and moved < floor:
            moved = floor.astimezone(moment.tzinfo)
        return written(moved, self.format)

    def shifted(self, moment: datetime) -> datetime:
        """The moment so much earlier or later."""
        try:
            return self._shift(moment)
        except OverflowError:
            return (datetime.max if self.count > 0 else datetime.min).replace(tzinfo=moment.tzinfo)

    def _shift(self, moment: datetime) -> datetime:
        delta = timedelta(seconds=self.count * SECONDS[self.unit])
        if self.unit in "dw":
            return moment + delta
        return (moment.astimezone(UTC) + delta).astimezone(moment.tzinfo)


def written(moment: datetime, format: str) -> str:
    """A moment in a format of templates."""
    if format in EPOCHS:
        micros = (moment - _EPOCH) // timedelta(microseconds=1)
        return str(micros * 10 ** EPOCHS[format] // 10**6)
    if format == "iso":
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    # What strftime of the system writes otherwise: years before 1000 without zeros, and %s by the clock on the wall.
    own = {"%Y": f"{moment.year:04}", "%s": str((moment - _EPOCH) // timedelta(seconds=1))}
    return moment.strftime(re.sub(r"%.", lambda found: own.get(found[0], found[0]), format, flags=re.DOTALL))


@dataclass(frozen=True, slots=True)
class Named:
    """A value looked up by name: `env.TOKEN`, `parent.id`, `partition.key`, `cursor`.

    The `default` of a variable may hold templates itself.
    """

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The values of a batch under one name, with a separator between them: `{parent.id:join(,)}`."""

    name: str
    separator: str


Part = str | Instant | Named | Joined


@dataclass(frozen=True, slots=True)
class Scope:
    """What templates are rendered with: instants by name, and a look-up for the other names.

    An instant is not shifted to before its `floor`, if it has one.
    """

    instants: Mapping[str, datetime]
    lookup: Callable[[str], Any]
    positions: tuple[str, ...] = ()
    floors: Mapping[str, datetime] = field(default_factory=dict)


@lru_cache(maxsize=65536)
def parse(text: str, positions: tuple[str, ...] = ()) -> tuple[Part, ...]:
    """The text cut into literals and templates; raises ValueError on a template that is nearly right.

    Of `POSITIONS` those that are given are templates too.
    """
    parts: list[Part] = []
    end = 0
    for match in _candidates(positions).finditer(text):
        template = Named(match[1]) if match[1] in positions else _parse_one(match[1])
        if template is None:
            continue
        parts += [text[end : match.start()], template]
        end = match.end()
    parts.append(text[end:])
    if any(isinstance(part, str) and "{env." in part for part in parts):
        raise ValueError(
            f"`{text}` holds a `{{env.` without its end; a default holds templates, but none with a default"
        )
    return tuple(part for part in parts if part != "")


@lru_cache
def _candidates(positions: tuple[str, ...]) -> re.Pattern[str]:
    more = "".join(f"|{name}" for name in positions)
    return re.compile(rf"{_CANDIDATE.pattern[:-3]}{more})\}}") if positions else _CANDIDATE


def _parse_one(inner: str) -> Part | None:
    if match := _JOINED.fullmatch(inner):
        return Joined(match["name"], match["separator"])
    if match := _VARIABLE.fullmatch(inner):
        return Named(match["name"], match["default"])
    if match := _NAMED.fullmatch(inner):
        if match["name"] not in INSTANTS:
            return Named(match["name"])
    elif _LITERAL.match(inner):
        return None
    match = _INSTANT.fullmatch(inner)
    if match and (match["format"] is None or "%" in match["format"] or match["format"] in FORMATS):
        count = int(f"{match['sign'] or '+'}{(match['count'] or '0')[:18]}")
        if abs(count) * SECONDS[match["unit"] or "s"] > _FURTHEST:
            raise ValueError(f"`{{{inner}}}` reaches further than 200 years")
        return Instant(match["name"], count, match["unit"] or "s", match["format"] or "iso")
    if inner.startswith("env."):
        raise ValueError(f"`{{{inner}}}` names no environment variable: write {{env.NAME}} in upper case")
    raise ValueError(
        f"`{{{inner}}}` is not a template: write {{now}}, {{now-24h}} (units s m h d w) or {{now-1d:%Y-%m-%d}} "
        f"(a strftime format, {', '.join(FORMATS)})"
    )


def render(text: str, scope: Scope, encode: bool = False) -> str:
    """The text with its templates replaced; with `encode` each value is percent-encoded for a path and its query.

    A template that opens the text as a full URL stays as it is, and a cursor also as a path.
    """
    rendered = ""
    for part in parse(text, scope.positions):
        if isinstance(part, str):
            rendered += part
        elif not encode:
            rendered += value_of(part, scope)
        elif not rendered and _opens(part, value := value_of(part, scope)):
            rendered += value
        else:
            rendered += value_of(part, scope, quoted if "?" in rendered else segment)
    return rendered


def _opens(part: Instant | Named | Joined, value: str) -> bool:
    """Whether a value is the beginning of a URL; `initial` writes the first path where the cursor is a stored link."""
    return value.startswith(("http://", "https://", *(["/"] if part.name == "cursor" else [])))


def render_query(text: str, scope: Scope) -> str:
    """A query as it is written, with its templates replaced by percent-encoded values."""
    return "".join(
        part if isinstance(part, str) else value_of(part, scope, quoted) for part in parse(text, scope.positions)
    )


def segment(value: str) -> str:
    """A value percent-encoded for a place between two slashes of a path; raises where none can stand for it.

    Clients and servers take `.` and `..` for steps on the way, encoded or not (RFC 3986, 5.2.4): a record's value
    could lead a request to another endpoint.
    """
    if value in (".", ".."):
        raise RestSourceError(
            "unsafe_path_value",
            f"The value `{value}` cannot stand in a path, where it would mean another address.",
            cause="A record, a cursor or a variable holds it in the place of an id.",
            remedy="Look where the template in `path` gets its value from, and leave such records out.",
        )
    return quoted(value)


def quoted(value: str) -> str:
    """A value percent-encoded for any place in a URL."""
    return quote(value, safe="", errors="surrogatepass")


ABSENT: Final = object()
"""A position that has no value yet, as the token of the first page."""


def value_of(part: Instant | Named | Joined, scope: Scope, encoded: Callable[[str], str] = str) -> str:
    """What a template becomes; of a batch each value is `encoded`, and the separator stays as it is written."""
    if isinstance(part, Instant):
        return encoded(part.render(scope.instants[part.name], scope.floors.get(part.name)))
    if isinstance(part, Named):
        value = _looked_up(part, scope)
        return "" if value is None and part.name in POSITIONS else encoded(plain_text(value))
    value = scope.lookup(part.name)
    values = value if isinstance(value, list | tuple) else [value]
    return part.separator.join(encoded(plain_text(item)) for item in values)


def _looked_up(part: Named, scope: Scope) -> Any:
    """The value, or the default of a variable that is not set or empty."""
    if part.default is None:
        return scope.lookup(part.name)
    try:
        found = scope.lookup(part.name)
    except RestSourceError as error:
        if error.id != "missing_env":
            raise
        found = ""
    return render(part.default, scope) if found == "" else found


def plain_text(value: Any) -> str:
    """A value as APIs take it in a URL or header: booleans are true and false."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def render_json(value: Any, scope: Scope) -> Any:
    """A JSON value with templates replaced in every string.

    A string that is one epoch template becomes a number; one that is a cursor, a position or a parent's field keeps its
    JSON type. It is null where there is no cursor yet, and left out where there is no position yet.
    """
    if isinstance(value, str):
        return _render_text(value, scope)
    if isinstance(value, Mapping):
        rendered = ((key, render_json(item, scope)) for key, item in value.items())
        return {key: item for key, item in rendered if item is not ABSENT}
    if isinstance(value, list | tuple):
        return [item for item in (render_json(item, scope) for item in value) if item is not ABSENT]
    return value


def _render_text(value: str, scope: Scope) -> Any:
    parts = parse(value, scope.positions)
    lone = parts[0] if len(parts) == 1 else None
    if isinstance(lone, Named) and lone.name in POSITIONS:
        position = scope.lookup(lone.name)
        return ABSENT if position is None else position
    if isinstance(lone, Named) and lone.name.split(".")[0] in ("cursor", "parent"):
        return scope.lookup(lone.name)
    if isinstance(lone, Instant) and lone.name not in scope.instants:
        return None
    text = render(value, scope)
    return int(text) if isinstance(lone, Instant) and lone.format in EPOCHS else text


def names(text: str) -> list[str]:
    """The names of the templates in a text, in order: `now`, `env.TOKEN`, `partition.start`."""
    return [name for part in parse(text) if not isinstance(part, str) for name in _names(part)]


def _names(part: Instant | Named | Joined) -> list[str]:
    return [part.name, *(names(part.default) if isinstance(part, Named) and part.default else ())]


def instants(text: str) -> list[Instant]:
    """The templates of moments in a text, those in defaults of variables included."""
    found: list[Instant] = []
    for part in parse(text):
        if isinstance(part, Instant):
            found.append(part)
        elif isinstance(part, Named) and part.default:
            found += instants(part.default)
    return found


def foreign(text: str) -> list[str]:
    """The names in a text that have a value in some requests only: all but `now` and those of `env`."""
    return [name for name in names(text) if name != "now" and not name.startswith("env.")]
