"""The Link header (RFC 8288), as servers write it: names in any case, values quoted or not."""

import re

_LINK = re.compile(r"""<([^<>]*)>((?:[^,"<]|"(?:[^"\\]|\\.)*")*)""")
_PARAM = re.compile(r""";\s*([^\s=;,"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))""")


def link_with_rel(header: str, rel: str) -> str | None:
    """The target of the first link of that relation; a link may have several relations, in any case."""
    for target, text in _LINK.findall(header):
        params: dict[str, str] = {}
        for name, quoted, bare in _PARAM.findall(text):
            params.setdefault(name.lower(), quoted or bare)
        if rel.lower() in params.get("rel", "").lower().split():
            return str(target).strip()
    return None
