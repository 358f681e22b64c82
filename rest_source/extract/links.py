"""The Link header (RFC 8288), as servers write it: any case, any quotes, targets with and without brackets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_VALUE = r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|["']?(?P<bare>[^\s;,"']*))"""
_PARAM = rf"""\s*;\s*(?P<name>[^\s=;,"'<>]+)\s*(?:=\s*{_VALUE})?"""
_PARAMS = f"(?P<params>(?:{re.sub('[?]P<[a-z]+>', '?:', _PARAM)})*)"
_LINK = re.compile(rf"""\s*,?\s*(?:<(?P<target>[^<>]*)>|(?P<bare_target>[^\s<>;,"'][^\s<>;"']*)){_PARAMS}\s*""")
_EACH_PARAM = re.compile(_PARAM)


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the header: where it leads, and its parameters by their names in lower case."""

    target: str
    params: Mapping[str, str]

    def has_rel(self, rel: str) -> bool:
        """Whether it has this relation; a link may have several, in any case."""
        return rel.lower() in self.params.get("rel", "").lower().split()


def links(header: str) -> Iterator[Link]:
    """Every link of a header that can be read."""
    at = 0
    while at < len(header):
        match = _LINK.match(header, at)
        if match is None or match.end() == at:
            at = header.find(",", at) + 1 or len(header)
            continue
        at = match.end()
        target = match["target"] if match["target"] is not None else match["bare_target"]
        params: dict[str, str] = {}
        for param in _EACH_PARAM.finditer(match["params"]):
            value = next((text for text in (param["double"], param["single"], param["bare"]) if text is not None), "")
            params.setdefault(param["name"].lower(), value)
        yield Link(target.strip(), params)


def link_with_rel(header: str, rel: str) -> Link | None:
    """The first link of that relation."""
    return next((link for link in links(header) if link.target and link.has_rel(rel)), None)
