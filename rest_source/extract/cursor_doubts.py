"""Why the cursors that a load has reached may not do for the next one, in words."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rest_source.errors import RestSourceError, quoted
from rest_source.extract.cursors import as_instant
from rest_source.extract.page import Ahead
from rest_source.extract.slices import Slicer
from rest_source.spec.combinations import shifts_cursor, used
from rest_source.spec.incremental import Incremental

_LIKE_A_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}|\b\d\d:\d\d\b")


def cursor_doubts(
    slicer: Slicer,
    reached: Mapping[str, Any],
    ahead: Ahead | None,
    unordered: Mapping[str, tuple[str, str]],
    has_rows: bool,
) -> Iterator[str]:
    """Why the cursors that a load has reached may not do for the next one."""
    incremental = slicer.endpoint.incremental
    if incremental is None:
        return
    for scope, value in list(slicer.known.stuck.items())[:1]:
        yield _stuck(value, slicer.known.cursors[scope])
    if unordered:
        yield _unordered(incremental, *next(iter(unordered.values())))
        return
    if ahead is not None:
        yield _beyond(incremental, ahead)
    elif has_rows and not reached and incremental.origin == "record":
        yield (
            f"No record has a value at {incremental.cursor}, the cursor of `incremental`: it does not move, and "
            "the next load starts where this one did."
        )
    value = next(iter(reached.values()), None)
    if value is None or not has_rows:
        return
    try:
        slicer.values.earlier(value, incremental.lookback)
        if shifts_cursor(slicer.endpoint) or used(slicer.endpoint) & {"window.start", "window.end"}:
            as_instant(slicer.values, value)
        is_text = incremental.origin == "record" and slicer.values.instant(value) is None
    except RestSourceError as error:
        yield f"The next load would fail: {error.message} {error.cause} {error.remedy}"
        return
    if is_text and _LIKE_A_DATE.search(str(value)):
        yield (
            f"The cursor value {quoted(value)} is no date or time of a certain form. If it is one of another form, "
            "give that as `format` of `incremental`: else a cursor does not move where the order of its texts is not "
            "certain."
        )


def _stuck(kept: Any, used: Any) -> str:
    return (
        f"The cursor kept by an earlier load, {quoted(kept)}, lies in the future, and what came since may be missing. "
        f"This load asked from {quoted(used)}, the time of that load; `--full-refresh` reads all again."
    )


def _unordered(incremental: Incremental, one: str, other: str) -> str:
    stays = "`order: desc` ends no load, and the cursor" if incremental.order == "desc" else "The cursor"
    return (
        f"It is not certain which {incremental.cursor} is the later, {quoted(one)} or {quoted(other)}: they are "
        f"neither numbers nor dates of a certain form. {stays} does not move, so that the next load starts where this "
        "one did and misses nothing. Write their form as `format` of `incremental`, such as %d/%m/%Y, or "
        "choose another field as `cursor`."
    )


def _beyond(incremental: Incremental, ahead: Ahead) -> str:
    """What is told of cursor values that lie beyond the time of their request."""
    if incremental.origin != "record":
        return (
            f"The cursor that the answer names, {ahead.value}, lies in the future: it does not move, and the next load "
            "starts where this one did."
        )
    which = f"{ahead.count} records have" if ahead.count > 1 else "A record has"
    return (
        f"{which} a {incremental.cursor} beyond the time of the request: {ahead.value} ({ahead.holder}"
        f"{', the first of them' if ahead.count > 1 else ''}). Loaded, but the cursor does not move there, as the next "
        "load would miss what comes until then. If the API writes times of another zone, give it as `timezone`."
    )
