"""What an answer announces beyond itself: a next page, more records, totals; in the words and headers APIs use.

One recogniser for the run, the check `complete`, `check` and `suggest`. Names are compared by their words, so that
`next_page_token`, `nextPageToken` and `X-Next-Page-Token` are one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from rest_source.extract.answer_fields import AnswerField, around, of_headers
from rest_source.extract.links import Link, links
from rest_source.extract.page_words import (
    ASIDE,
    BEFORE,
    COUNTED,
    COUNTS,
    FAILED_SHARDS,
    FIRST,
    HELP,
    LAST,
    MORE,
    NEXT,
    PAGES,
    PARTIAL,
    TOKENS,
    words,
)

Kind = Literal["link", "url", "token", "number", "flag", "pages", "records"]
_NULLS = ("null", "none", "nil", "undefined")
_NO_TOKEN = ("", *_NULLS, "false", "0", "-1")


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that announces more: what it is, where it is (a JSONPath or a header), and its value.

    `is_sure` is false for names that often mean something else: the token that was sent, or the records of the page. A
    number that `is_least` is a lower bound.
    """

    kind: Kind
    place: str
    value: Any
    is_header: bool = False
    is_sure: bool = True
    is_least: bool = False

    def __str__(self) -> str:
        """The place and what it says; of a URL or token only that it is there: part of it may be a secret."""
        if self.kind == "link":
            return "Link: rel=next"
        if not self.place:
            return "its status is 206, a part"
        told = "is set" if isinstance(self.value, str) else f"is {json.dumps(self.value)}"
        return f"{f'the header {self.place}' if self.is_header else self.place} {told}"

    @property
    def count(self) -> int:
        """The number of pages or records that is announced."""
        return as_count(self.value) or 0

    @property
    def where(self) -> str:
        """The place as the file writes it, also within braces."""
        if self.is_header:
            return f"{{header: {self.place}}}"
        return self.place if re.fullmatch(r"[$\w.]+", self.place) else json.dumps(self.place, ensure_ascii=False)

    @property
    def remedy(self) -> str:
        """The YAML that follows it."""
        if self.kind == "number":
            by_offset = {"offset", "skip"} & set(words(self.place))
            return "`pagination: {type: offset_limit}`" if by_offset else "`pagination: {type: page_number}`"
        if not self.place:
            return "the pagination that the API documents"
        key = "has_more" if truth(self.value) else "done"
        return _REMEDIES[self.kind].format(where=self.where, key=key)


_REMEDIES = {
    "link": "`pagination: {{type: link_header}}`",
    "url": "`pagination: {{type: next_url, path: {where}}}`",
    "token": "`pagination: {{type: cursor, value: {where}, param: cursor}}`",
    "pages": "`pagination: {{type: page_number, total_pages: {where}}}`",
    "records": "`pagination: {{type: offset_limit, total_records: {where}}}`",
    "flag": "the pagination that the API documents, with `{key}: {where}`",
}


@dataclass(frozen=True)
class Announced:
    """The signs of one answer, the best known kind first; `end` is the flag that says that there is no more.

    `before` says that a page comes before this one, and `partial` that the answer does not hold all that it should.
    """

    signs: tuple[Sign, ...] = ()
    end: Sign | None = None
    before: Sign | None = None
    partial: Sign | None = None

    @cached_property
    def more(self) -> Sign | None:
        """What says that another page follows."""
        leads = (sign for sign in self.signs if sign.kind not in ("pages", "records"))
        return next((sign for sign in leads if sign.kind in ("link", "flag") or self.end is None), None)

    @property
    def flag(self) -> Sign | None:
        """A flag that says that there is more."""
        return next((sign for sign in self.signs if sign.kind == "flag"), None)

    @property
    def records(self) -> Sign | None:
        """The greatest number of records that is announced."""
        return self._greatest("records")

    @property
    def pages(self) -> Sign | None:
        """The greatest number of pages that is announced."""
        return self._greatest("pages")

    def _greatest(self, kind: Kind) -> Sign | None:
        return max((sign for sign in self.signs if sign.kind == kind), key=lambda sign: sign.count, default=None)


NOTHING_MORE = Announced()


def announced(
    status: int, headers: Mapping[str, str], document: Any, lead: Sequence[str | int], is_record: bool = False
) -> Announced:
    """What an answer announces around its records, which are below `lead`.

    Where the answer itself `is_record`, its counts and flags are data, and only a next URL counts.
    """
    found = [sign for sign in (_link(headers), _content_range(status, headers)) if sign]
    fields = [*of_headers(headers), *around(document, tuple(lead))]
    said = [_judged(field, lead) for field in fields]
    flags = [field for field in fields if truth(field.value) is not None] if not is_record else []
    found += [sign for sign in said if isinstance(sign, Sign)]
    if is_record:
        found = [sign for sign in found if sign.is_header or sign.kind in ("link", "url")]
    ends = next((_sign(field) for field, one in zip(fields, said, strict=True) if one == "end"), None)
    order = ("link", "url", "token", "number", "flag", "pages", "records")
    found.sort(key=lambda sign: (order.index(sign.kind), not sign.is_sure))
    return Announced(
        tuple(found),
        None if is_record or any(sign.kind == "flag" for sign in found) else ends,
        next((_sign(field) for field in flags if _is_before(field)), None),
        next((_sign(field) for field in flags if _is_partial(field)), None),
    )


def leads_on(value: Any) -> bool:
    """Whether a value can be the token or the URL of a next page; some APIs write the word for null as a text.

    A 0 can be a token.
    """
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", *_NULLS)
    return value is not False and value not in (None, [], {})


def as_count(value: Any) -> int | None:
    """A count, which some APIs write as text, as 3.0, or as a Content-Range; None for anything else."""
    if isinstance(value, str) and (match := re.fullmatch(r"(?:[^/]*/)?\s*(\d{1,18})\s*", value)):
        value = int(match[1])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def truth(value: Any) -> bool | None:
    """A flag, which some APIs write as text or as a number; None where it says nothing."""
    if isinstance(value, str):
        said = value.strip().lower()
        return None if said in _NULLS else said not in ("", "false", "0", "no", "n", "f", "off")
    return bool(value) if isinstance(value, bool | int | float) else None


def _sign(field: AnswerField) -> Sign:
    return Sign("flag", field.path, field.value, field.is_header)


def _is_before(field: AnswerField) -> bool:
    used = set(words(field.name))
    if used in FIRST:
        return isinstance(field.value, bool) and not field.value
    return used in BEFORE and truth(field.value) is True


def _is_partial(field: AnswerField) -> bool:
    used = set(words(field.name))
    says = isinstance(field.value, bool | str) or used == FAILED_SHARDS
    return used in PARTIAL and says and truth(field.value) is True


def _link(headers: Mapping[str, str]) -> Sign | None:
    link = next((link for link in links(headers.get("Link", "")) if link.target and _is_next(link)), None)
    ends = link is not None and link.params.get("results") == "false"
    return Sign("link", "Link", link.target, is_header=True) if link and not ends else None


def _is_next(link: Link) -> bool:
    """Whether a link leads to the next page, by the relation `next` or by one of the API's own, which is a URI."""
    named = re.search(r"://\S*[/#:]([\w-]+)", link.params.get("rel", ""))
    return link.has_rel("next") or (named is not None and set(words(named[1])) in ({"next"}, {"next", "page"}))


def _content_range(status: int, headers: Mapping[str, str]) -> Sign | None:
    """A part of the records (RFC 9110, 14.4): `items 0-24/640`, or none of them: `items */640`."""
    window = r"\s*(?:(?!bytes)[\w-]+\s+)?(?:\d+\s*-\s*\d+|\*)\s*/\s*(\d+|\*)\s*"
    match = re.fullmatch(window, headers.get("Content-Range", ""))
    if match and match[1] != "*":
        return Sign("records", "Content-Range", int(match[1]), is_header=True)
    return Sign("flag", "", True) if status == 206 else None


def _judged(field: AnswerField, lead: Sequence[str | int]) -> Sign | Literal["end"] | None:
    used = set(words(field.name))
    value = field.value
    if used in LAST and _is_flag(value, used):
        return "end" if truth(value) else Sign("flag", field.path, value, field.is_header)
    if used in MORE or ("has" in used and used & {"more", "next", "additional"} and not used & {"previous", "prev"}):
        return _flag(field)
    if names_next(field.name):
        return _lead(field)
    if (
        used & {"continuation", "resumption"}
        or used == {"continue"}
        or ("more" in used and used & {"link", "uri", "url"} and not used & HELP)
    ):
        return _lead(field)
    if used in TOKENS and ".cursors." not in field.path:
        sign = _lead(field)
        return replace(sign, is_sure=False) if sign and sign.kind == "token" and not _is_number(value) else None
    return _total(field, used, lead)


def names_next(name: str) -> bool:
    """Whether a field of this name leads to the next page, if it holds something."""
    used = set(words(name)) - {"x"}
    return "next" in used and used <= NEXT | ASIDE


def _is_flag(value: Any, used: set[str]) -> bool:
    """Whether a value says yes or no; `last: 1` and `last_page: 1` are numbers of pages."""
    if isinstance(value, bool) or str(value).lower() in ("true", "false"):
        return True
    return str(value) in ("0", "1") and not used <= {"last", "page"}


def _flag(field: AnswerField) -> Sign | Literal["end"] | None:
    """A flag; a text that is neither yes nor no, as the `more` that leads to a page of help, says nothing."""
    value = field.value
    is_text = isinstance(value, str) and not re.fullmatch(r"(?i)\s*(?:true|false|yes|no|[ytnf]|on|off|\d+)?\s*", value)
    said = None if is_text else truth(value)
    return None if said is None else Sign("flag", field.path, field.value, field.is_header) if said else "end"


def _lead(field: AnswerField) -> Sign | None:
    """A URL, a token or a number that leads to the next page."""
    value = field.value
    if isinstance(value, bool):
        return Sign("flag", field.path, value, field.is_header) if value else None
    if isinstance(value, str) and value.strip().lower() not in _NO_TOKEN:
        if value.startswith(("http://", "https://", "/", "?")) or _names_a_url(field.name):
            return Sign("url", field.path, value, field.is_header)
        if _is_number(value) and _counts(field.name):
            return Sign("number", field.path, int(value), field.is_header)
        return Sign("token", field.path, value, field.is_header)
    if isinstance(value, int | float) and value > 0:
        return Sign("number" if _counts(field.name) else "token", field.path, value, field.is_header)
    return None


def _names_a_url(name: str) -> bool:
    return bool({"url", "uri", "href", "link", "links"} & set(words(name)))


def _counts(name: str) -> bool:
    """Whether a number of this name is that of a page or record, rather than a token made of digits."""
    return not {"batch", "token", "cursor", "marker", "key", "id", "continuation"} & set(words(name))


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.strip().isdecimal()


def _total(field: AnswerField, used: set[str], lead: Sequence[str | int]) -> Sign | None:
    if used <= {"page", "pages"} and (match := re.fullmatch(r"\D*\d+\s*(?:of|/)\s*(\d{1,9})", str(field.value))):
        return Sign("pages", field.path, int(match[1]), field.is_header)
    count = as_count(field.value)
    if count is None:
        return None
    core = used - ASIDE or used
    if core in PAGES:
        return Sign("pages", field.path, count, field.is_header)
    nouns = COUNTED | set(words(str(lead[-1]))) if lead else COUNTED
    if core in COUNTS or ("total" in core and core <= nouns):
        return Sign("records", field.path, count, field.is_header, "total" in core, field.is_least)
    return None
