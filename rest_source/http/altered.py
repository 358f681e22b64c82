"""What a redirect does to the parameters of a request."""

import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from rest_source.errors import quoted
from rest_source.http.moments import moment_of

_SIGNED = re.compile(r"x-(?:amz|goog)-.+|sig|.*signature|.*token_*|hdn\w+|expires|policy|key-pair-id", re.IGNORECASE)
"""Parameters of a URL that opens one file for a while: S3, Google, Azure, CloudFront, Akamai, Firebase."""
_ONLY_FOR_ACCESS = re.compile(
    r"(?:access|auth|api|id|security)[_-]?(?:token|key)|jwt|ticket|signature|session(?:[_-]?id)?|sid", re.IGNORECASE
)
"""Parameters that open an API and choose nothing; a sign-in takes them out of the URL once it has set a cookie."""
_FIRST = re.compile(r"(?:page|paged)(?:[_-]?(?:number|num|no))?=1|(?:offset|skip)=0", re.IGNORECASE)
"""The first page, which is what is given where no page is named."""
_SWITCHES = {"yes": "1", "true": "1", "on": "1", "no": "0", "false": "0", "off": "0"}
_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?")


class _Sent(NamedTuple):
    """A parameter as it is spelled, and its values."""

    name: str
    values: list[str]


def altered(first: str, before: str, after: str, for_good: bool) -> list[str]:
    """How a redirect changes what the `first` URL of a chain, or the one `before`, asks for; a clause for each change.

    A redirect for the time being may lead to something else, such as a file made for this request, which needs none
    of the parameters. It asks for the same if the last name of its path is the same. A path of another name asks for
    the same if it has the same parameters. A parameter that is added, renamed, put into the path or spelled otherwise
    asks for the same too.
    """
    try:
        begun, source, target = urlsplit(first), urlsplit(before), urlsplit(after)
    except ValueError:  # not a URL; sending it says so
        return []
    ours = _query(begun)
    values = {value for sent in ours.values() for value in sent.values}
    # What a redirect added, such as a test for cookies, a further one may take away.
    sent = {name: it for name, it in _query(source).items() if name in ours or not values.isdisjoint(it.values)}
    return _changes(source, target, sent, for_good) or _changes(begun, target, ours, for_good)


def _changes(source: SplitResult, target: SplitResult, sent: dict[str, _Sent], for_good: bool) -> list[str]:
    got = _query(target)
    is_named_so = for_good or _name(source) == _name(target)
    if not for_good and _is_signed(source, target, got.keys() - sent.keys()):
        return []
    if not is_named_so and not _asks_alike(source, target, sent, got):
        return []
    moved = {value for name, taken in got.items() if name not in sent for value in taken.values}
    moved |= _pieces(target) - _pieces(source)
    lost = [it.name for name, it in sent.items() if name not in got and not {*it.values} <= {*moved, ""}]
    lost = [name for name in lost if not _goes_without_saying(sent[name.casefold()])]
    changed = [(asked, got[name]) for name, asked in sent.items() if name in got and not _are_same(asked, got[name])]
    return [
        *(_lacks(lost) if lost and is_named_so else ()),
        *(f"changes {_written(asked)} to {_written(taken)}" for asked, taken in changed),
    ]


def _lacks(names: list[str]) -> Iterator[str]:
    listed = ", ".join(f"`{name}`" for name in names)
    yield f"lacks the parameter{'s' if len(names) > 1 else ''} {listed} of the request"


def _query(url: SplitResult) -> dict[str, _Sent]:
    found: dict[str, _Sent] = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        found.setdefault(name.casefold(), _Sent(name, [])).values.append(value)
    return found


def _name(url: SplitResult) -> str:
    return PurePosixPath(unquote(url.path)).name.casefold()


def _pieces(url: SplitResult) -> set[str]:
    """The segments of a path, and what dots part in them: `/orders.json` has the value of `format=json`."""
    return {*unquote(url.path).split("/"), *re.split(r"[/.]", unquote(url.path))}


def _is_signed(source: SplitResult, target: SplitResult, added: set[str]) -> bool:
    """Whether the redirect leads elsewhere by a URL with a signature, whose parameters are all its own."""
    is_elsewhere = (source.netloc, source.path.rstrip("/")) != (target.netloc, target.path.rstrip("/"))
    return is_elsewhere and any(map(_SIGNED.fullmatch, added))


def _asks_alike(source: SplitResult, target: SplitResult, sent: dict[str, _Sent], got: dict[str, _Sent]) -> bool:
    """Whether another path of the same server has the parameters of the request, or some of them and no others."""
    has_them = bool(sent and got) and (sent.keys() <= got.keys() or got.keys() <= sent.keys())
    return has_them and source.netloc == target.netloc


def _goes_without_saying(asked: _Sent) -> bool:
    """Whether the same is asked for without the parameter."""
    return _ONLY_FOR_ACCESS.fullmatch(asked.name) is not None or (
        len(asked.values) == 1 and _FIRST.fullmatch(f"{asked.name}={asked.values[0]}") is not None
    )


def _are_same(asked: _Sent, taken: _Sent) -> bool:
    """Whether the values are the same, in any order; a list is written as repeated parameters or with commas."""
    one, other = (sorted(_plain(part) for value in it.values for part in value.split(",")) for it in (asked, taken))
    return one == other


def _plain(value: str) -> str:
    """The value in one spelling: numbers, moments, switches, languages and letters have several."""
    if _NUMBER.fullmatch(value):
        return str(Decimal(value).normalize())
    with suppress(ValueError, OverflowError):
        if (moment := moment_of(value)) is not None:
            return str(moment)
    value = value.casefold()
    return _SWITCHES.get(value, value.replace("_", "-"))


def _written(parameter: _Sent) -> str:
    return f"`{parameter.name}` = {quoted(', '.join(parameter.values))}"
