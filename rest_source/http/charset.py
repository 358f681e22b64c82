"""Bodies as UTF-8, whatever charset they came in."""

import codecs
import json
import re
from contextlib import suppress

from rest_source.http.headers import charset

_LOOKED_AT = 2000
_WESTERN = ("ascii", "cp1252", "iso8859-1")
"""What servers declare by default, whatever they send."""
# A server says which codec decodes what it sends: none that is no charset, such as unicode_escape or zlib.
_CHARSETS = re.compile(
    r"ascii|utf-(16|32)\S*|(cp|iso)\d[\w-]+|(koi8|mac|gb)[\w-]+|(big5|shift_|euc_)\w*|hz|johab", re.ASCII
)


def to_utf8(body: bytes, content_type: str) -> bytes:
    """The body in UTF-8; as it is where it is not in the charset that it declares.

    UTF-16 and UTF-32 are told by their first bytes (RFC 4627, 3). JSON is UTF-8 unless it says otherwise (RFC 8259,
    8.1), also where it declares a western charset and yet is UTF-8 beyond ASCII: no such text is so by chance. Browsers
    read ISO-8859-1 as windows-1252 (encoding.spec.whatwg.org, 4.2), and so is it here.
    """
    told: str = json.detect_encoding(body[:4]) if body else "utf-8"
    declared = declared_codec(content_type)
    if not told.startswith("utf-8"):
        return _decoded(body, told)
    if declared is None or declared == "utf-8" or (declared in _WESTERN and _decodes(body, "utf-8")):
        return body
    return _decoded(body, *(("cp1252", "iso8859-1") if declared in _WESTERN else (declared,)))


def _decoded(body: bytes, *encodings: str) -> bytes:
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            # Incrementally: half a character at the end is for the parser of JSON, who tells that the text is cut.
            return codecs.getincrementaldecoder(encoding)().decode(body).encode("utf-8", "surrogatepass")
    return body


def declared_codec(content_type: str) -> str | None:
    """The charset that a Content-Type names, by Python's name for it; None for one that is not known."""
    named = charset(content_type)
    try:
        codec = codecs.lookup(named).name if named else ""
    except LookupError:
        return None
    return codec if codec == "utf-8" or _CHARSETS.fullmatch(codec) else None


def likely_charset(body: bytes, at: int) -> str:
    """What a text that is not UTF-8 looks like around its first such byte; '' where that is not clear.

    Letters beyond ASCII that stand alone among others are those of western languages.
    """
    part = body[max(0, at - _LOOKED_AT) : at + _LOOKED_AT]
    if not re.search(rb"[\x80-\xff]{3}", part) and _decodes(part, "cp1252"):
        return "windows-1252"
    from charset_normalizer import from_bytes  # which requests brings and imports

    best = from_bytes(part).best()
    return best.encoding if best is not None else ""


def _decodes(part: bytes, codec: str) -> bool:
    try:
        part.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
