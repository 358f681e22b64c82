"""What somebody meant who wrote nearly the name of a template, or the spelling of another tool."""

import re
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher

from rest_source.spec.template import FORMATS, POSITIONS

WORDS = ("now", "cursor", *POSITIONS)
"""The templates of one word."""
_FAMILIES = ("partition", "window", "parent", "login")
_MEMBERS = {"window": ("start", "end"), "partition": ("key", "start", "end")}
_SAMPLES = {
    "partition": "partition.key",
    "window": "window.start",
    "parent": "parent.id",
    "login": "login.NAME",
    "env": "env.NAME",
}
_OTHER_WORDS = {
    "today": "now:%Y-%m-%d",
    "yesterday": "now-1d:%Y-%m-%d",
    "tomorrow": "now+1d:%Y-%m-%d",
    "utcnow": "now",
    "timestamp": "now",
    "skip": "offset",
    "page_size": "limit",
    "per_page": "limit",
}
_OTHER_MEMBERS = {"begin": "start", "from": "start", "since": "start", "stop": "end", "until": "end", "to": "end"}
_VARIABLE = re.compile(
    r"(?P<of>(?:os\.)?env(?:iron(?:ment)?)?(?:_?vars?)?|secrets?|vars?|config)\s*(?:[.:_(\[]|\.get\()\s*['\"]?"
    r"(?P<name>[A-Za-z_]\w*)['\"]?\s*[)\]]?(?:\s*(?:\||:-)\s*(?P<default>[^'\"]*))?",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"(?P<name>[A-Z][A-Z0-9_]{2,})(?::-(?P<default>.*))?")
_INDEX = re.compile(r"\[['\"]?(\w+)['\"]?\]")
_WORD = re.compile(
    r"(?P<head>[A-Za-z]\w*(?:\.\w*)*)(?:\(\))?(?P<shift>\s*[+-]\s*\d[\w. ]*)?"
    r"(?:\s*:\s*(?P<format>[^\"']*%[^\"']*|\w*[YMDHms]{2}.*|iso|epoch\w*))?",
    re.IGNORECASE,
)
_SHIFT = re.compile(r"\s*([+-])\s*(\d+)\s*(second|sec|minute|min|hour|hr|day|week|[smhdw])s?\s*", re.IGNORECASE)
_JOINTS = re.compile(r"[._-]+|(?<=[a-z])(?=[A-Z])")
_DIGITS = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def meant(text: str, loosely: bool) -> Iterator[str]:
    """What may have been meant by a text in braces, the likeliest first; `loosely` takes the words of other tools too.

    What comes of it need not be a template.
    """
    variable = _VARIABLE.fullmatch(text)
    if variable and (loosely or variable["of"].lower().startswith(("env", "os."))):
        yield _variable(variable)
    word = _WORD.fullmatch(_INDEX.sub(r".\1", text))
    name = _name(word["head"], loosely) if word else None
    if word and name:
        head, _, own = name.partition(":")
        form = _format(word["format"] or own)
        yield f"{head}{_shift(word['shift'] or '')}{f':{form}' if form else ''}"
        if word["head"] != name:
            yield name
    elif loosely and (capitals := _CAPITALS.fullmatch(text)):
        yield _variable(capitals)


def _variable(match: re.Match[str]) -> str:
    default = "" if match["default"] is None else f"|{match['default']}"
    return f"env.{match['name'].upper()}{default}"


def _name(head: str, loosely: bool) -> str | None:
    """The name of a template, with a format where it needs one, that a word is nearly."""
    first, *rest = [part for part in _JOINTS.split(head) if part]
    family = _closest(first.lower(), _FAMILIES)
    if family and (rest or "." in head) and (loosely or "." in head):
        return _member(family, head[len(first) :].lstrip("._-"))
    if not rest and (word := _closest(first.lower(), WORDS)):
        return word
    if not loosely:
        return None
    words = [first.lower(), *(part.lower() for part in rest)]
    other = _OTHER_WORDS.get("_".join(words)) or next((part for part in words if part in WORDS), None)
    return _SAMPLES.get(head.lower(), other)


def _member(family: str, written: str) -> str:
    members = _MEMBERS.get(family, ())
    near = _closest(written.lower(), members) or _OTHER_MEMBERS.get(written.lower())
    if near in members:
        return f"{family}.{near}"
    return f"{family}.{written}" if written and family != "window" else _SAMPLES[family]


def _closest(word: str, names: Collection[str]) -> str | None:
    """The name that a word in lower case is but for a slip of the finger."""
    likeness = {name: SequenceMatcher(None, word, name).ratio() for name in names if name[0] == word[:1]}
    best = max(likeness, key=lambda name: likeness[name], default=None)
    if best is not None and likeness[best] > 0.8:
        return best
    return next((name for name in names if sorted(word) == sorted(name)), None)


def _shift(written: str) -> str:
    """An offset as templates have it; what is none of one unit stays, and is no template then."""
    match = _SHIFT.fullmatch(written)
    return f"{match[1]}{match[2]}{match[3][0].lower()}" if match else written.replace(" ", "")


def _format(written: str) -> str:
    if written.lower() in FORMATS:
        return written.lower()
    return written if "%" in written else re.sub("|".join(_DIGITS), lambda match: _DIGITS[match[0]], written)
