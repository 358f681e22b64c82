"""JSON in a wrapper that browsers of old needed, and JSON where a glance at it is enough."""

import json
import re
from typing import Any

import orjson

# What keeps another site's <script> from reading JSON: angular.io ("JSON vulnerability protection"), Google, Facebook.
_GUARD = re.compile(
    rb"\s*+(?:\)\]\}'?,?|while\s*\(\s*(?:1|true)\s*\)\s*;|for\s*\(\s*;\s*;\s*\)\s*;|"
    rb"throw\s+1\s*;(?:\s*<[^<>]{0,40}>)?|\{\s*\}\s*&&)"
)
# A call of a function with JSON as its argument (JSONP), as Rails, Spring and jQuery write it.
_CALL = re.compile(
    rb"\s*+(?:/\*\*/\s*)?(?:typeof\s+[\w$.]{1,100}\s*===?\s*['\"]function['\"]\s*&&\s*)?[A-Za-z_$][\w$.]{0,100}\s*\("
)


def unwrapped(body: bytes) -> tuple[int, bytes] | None:
    """What stands behind a guard or in a call, and at which byte; None for a body without either.

    Whether it is JSON is for whoever parses it.
    """
    if guard := _GUARD.match(body):
        return guard.end(), body[guard.end() :]
    call, tail = _CALL.match(body), body.rstrip().removesuffix(b";").rstrip()
    if call and tail.endswith(b")"):
        return call.end(), tail[call.end() : -1]
    return None


def glance(body: bytes) -> Any:
    """The document of an answer as rules and messages look into it, its numbers rounded; a ValueError if it is none.

    Whatever can be loaded can be read here too.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        inner = unwrapped(body)
    try:
        return json.loads((inner[1] if inner else body).decode("utf-8-sig"), strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
