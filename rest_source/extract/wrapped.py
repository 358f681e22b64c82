"""JSON in a wrapper that browsers of old needed."""

import re

# What keeps another site's <script> from reading JSON: angular.io ("JSON vulnerability protection"), Google, Facebook.
_GUARD = re.compile(
    rb"\s*(?:\)\]\}'?,?|while\s*\(\s*(?:1|true)\s*\)\s*;|for\s*\(\s*;\s*;\s*\)\s*;|"
    rb"throw\s+1\s*;(?:\s*<[^<>]{0,40}>)?|\{\s*\}\s*&&)"
)
# A call of a function with JSON as its argument (JSONP), as Rails, Spring and jQuery write it.
_CALL = re.compile(
    rb"\s*(?:/\*\*/\s*)?(?:typeof\s+[\w$.]{1,100}\s*===?\s*['\"]function['\"]\s*&&\s*)?[A-Za-z_$][\w$.]{0,100}\s*\("
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
