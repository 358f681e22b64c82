"""How an answer says that there is more, and how to ask for it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from rest_source.extract.announced import Sign, names_next
from rest_source.extract.answer_fields import AnswerField
from rest_source.extract.links import link_with_rel
from rest_source.extract.page_words import words
from rest_source.suggest.around import Around, place
from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.roots import Root
from rest_source.suggest.vocabulary import (
    OFFSET,
    OFFSET_PARAMS,
    OFFSETS_BESIDE,
    PAGE,
    PAGE_BESIDE,
    PAGE_PARAMS,
    SIZE,
    SIZE_PARAMS,
    SURE_TOKENS,
    TOKEN_PARAMS,
    TOKENS,
    TOKENS_ONLY,
)

Settings = Mapping[str, Any]
_ROUND = 10


def recognise(seen: Seen, root: Root) -> Finding[Settings]:
    """The pagination of an answer, as the file would say it; `none` where nothing announces more."""
    around = Around.of(seen, root)
    rules = (
        *(_link_header, _next_url, _cursor, _last_url, _by_offset, _by_page, _last_record, _last_token, _total_alone),
        _announced,
    )
    return next((found for rule in rules if (found := rule(around))), None) or _nothing(around)


def page_size(seen: Seen, root: Root) -> Finding[tuple[str, int]] | None:
    """The parameter that sets how many records a page has, and how many it had."""
    around = Around.of(seen, root)
    if (name := around.param(SIZE_PARAMS)) and around.params[name].isdecimal():
        return Finding((name, int(around.params[name])), "high", "the URL sends it")
    field = around.field(SIZE, 1)
    if field is None:
        return None
    told = f"{field.path} is {field.value}" + (", as many as there are records" if field.value == around.count else "")
    return Finding((field.name, field.value), "medium" if field.value == around.count else "low", told)


def alternatives(found: Settings, seen: Seen, root: Root, params: Mapping[str, Any]) -> list[Settings]:
    """Other ways in which the same answer could be meant, the likeliest first."""
    if found["type"] == "next_url":
        return [{**found, "base": base} for base in _bases(Around.of(seen, root), found["path"])]
    if found["type"] == "cursor" and found.get("param") not in params:
        where = found["value"]
        own = where["header"].rpartition("-")[2] if isinstance(where, dict) else str(where).rpartition(".")[2]
        names = dict.fromkeys([own, f"_{own}", "start_cursor", "after", "cursor"])
        return [{**found, "param": name} for name in names if name != found.get("param")]
    if found["type"] == "page_number":
        return [] if "start" in found else [{**found, "start": 0}]
    if found["type"] in ("none", "offset_limit") and root.kind != "one object":
        return [*_offsets(found, seen, root, params), *_pages(found, params)]
    return []


def _bases(around: Around, path: str) -> list[str]:
    """What a relative next URL may be relative to, beside the request: the URL of a context, or the source's."""
    contexts = (field for field in around.fields if {"context", "base"} & set(words(field.name)))
    paths = [field.path for field in contexts if isinstance(field.value, str) and field.value]
    value = next((field.value for field in around.fields if field.path == path), "")
    is_relative = isinstance(value, str) and value != "" and not urlsplit(value).netloc
    return [*paths, "root"] if is_relative else []


def _offsets(found: Settings, seen: Seen, root: Root, params: Mapping[str, Any]) -> list[Settings]:
    """Offsets beside the size that the URL sends, or where the answer tells which range of the records it holds."""
    if found["type"] == "offset_limit":
        names = OFFSETS_BESIDE.get(found.get("limit_param", ""), ())
        return [{**found, "offset_param": name} for name in names if name != found.get("offset_param")]
    size = next((name for name in params if name in SIZE_PARAMS and isinstance(params[name], int)), None)
    if size is not None and params[size] > 0:
        settings = {"type": "offset_limit", "limit_param": size, "limit": params[size]}
        return [{**settings, "offset_param": name} for name in OFFSETS_BESIDE.get(size, ())]
    if "-" in str(seen.headers.get("Content-Range", "")):
        return [{"type": "offset_limit", "limit": max(len(root.records), 1)}]
    return []


def _pages(found: Settings, params: Mapping[str, Any]) -> list[Settings]:
    total = {key: found[key] for key in ("total_records",) if key in found}
    name = next((PAGE_BESIDE[name] for name in params if name in PAGE_BESIDE), None)
    pages = {"type": "page_number", **({"param": name} if name else {}), **total}
    return [pages, {**pages, "start": 0}]


def _link_header(around: Around) -> Finding[Settings] | None:
    header = str(around.seen.headers.get("Link", ""))
    if link_with_rel(header, "next"):
        return Finding({"type": "link_header"}, "high", "the Link header has rel=next")
    if any(link_with_rel(header, rel) for rel in ("prev", "previous", "first", "last")):
        told = "the Link header has no rel=next here, but another that only series of pages have"
        return Finding({"type": "link_header"}, "medium", told)
    return None


def _next_url(around: Around) -> Finding[Settings] | None:
    for sign in around.signs("url"):
        inside = re.sub(r"\.(?:href|url|uri|link)$", "", sign.place)
        telling = set(words(_name(inside))) - {"next"}
        same = bool(telling) or _same_place(around.seen.url, sign.value)
        told = f"{_shown(sign)} is a URL" + ("" if same else ", though of another path than this answer's")
        return Finding({"type": "next_url", "path": place(sign)}, "high" if same else "medium", told)
    return None


def _cursor(around: Around) -> Finding[Settings] | None:
    for sign in (*around.signs("token"), *around.signs("number")):
        name = _name(sign.place)
        is_continued = _name(sign.place.rpartition(".")[0]) == "continue"
        is_token = sign.kind == "token" and isinstance(sign.value, str) and name in TOKENS
        if not sign.is_header and (is_continued or is_token):
            return _by_token(around, sign, name if is_continued else TOKENS[name], is_continued or name in SURE_TOKENS)
    return None


def _by_token(around: Around, sign: Sign, param: str, is_sure: bool) -> Finding[Settings]:
    sent = around.param(TOKEN_PARAMS)
    settings = {"type": "cursor", "value": sign.place, "param": sent or param, **around.flagged}
    told = f"{sign.place} is a token"
    if sent:
        return Finding(settings, "high", f"{told}, and the URL sends one as `{sent}`")
    told += f"; APIs with such a field take it as `{param}`" + ("" if is_sure else ", most of them")
    return Finding(settings, "high" if _name(sign.place) in SURE_TOKENS else "medium", told)


def _by_page(around: Around) -> Finding[Settings] | None:
    sent, echo, pages = around.param(PAGE_PARAMS), around.field(PAGE), around.pages
    if not (sent or pages or (echo and (around.total or around.flag))):
        return None
    settings: dict[str, Any] = {"type": "page_number", "param": sent or (_as_param(echo) if echo else "page")}
    first = around.params.get(sent, "") if sent else str(echo.value) if echo else "1"
    if first == "0":
        settings["start"] = 0
    settings |= _size(around)
    if pages:
        settings["total_pages"] = place(pages)
    elif around.total:
        settings["total_records"] = place(around.total)
    told = [f"{_shown(pages)} is {pages.count}"] if pages else []
    told += [f"the URL sends `{sent}`"] if sent else [f"{echo.path} is {echo.value}"] if echo else []
    told += [f"{_shown(around.flag)} is {str(around.flag.value).lower()}"] if around.flag else []
    certain = pages and (sent or (echo and echo.name in ("page", "pageNumber", "page_number")))
    return Finding(settings, "high" if certain else "medium", ", ".join(told))


def _as_param(echo: AnswerField) -> str:
    return echo.name if echo.name in ("page", "pageNumber", "page_number", "pageIndex", "pageNo") else "page"


def _size(around: Around) -> dict[str, Any]:
    size = around.param(SIZE_PARAMS)
    if size and around.params[size].isdecimal():
        return {"size_param": size, "size": int(around.params[size])}
    echo = around.field(SIZE, 1)
    return {"size_param": echo.name, "size": echo.value} if echo else {}


def _by_offset(around: Around) -> Finding[Settings] | None:
    sent, echo, limit = around.param(OFFSET_PARAMS), around.field(OFFSET), around.field(SIZE, 1)
    limited = around.param(SIZE_PARAMS)
    if around.pages or not (sent or (echo and limit)):
        return None
    settings: dict[str, Any] = {
        "type": "offset_limit",
        "offset_param": sent or (echo.name if echo else "offset"),
        "limit_param": limited or (limit.name if limit else "limit"),
    }
    size = around.params[limited] if limited else str(limit.value) if limit else ""
    settings["limit"] = int(size) if size.isdecimal() and int(size) > 0 else max(around.count, 1)
    if not sent and echo and echo.value == 1:
        settings["start"] = 1
    if around.total:
        settings["total_records"] = place(around.total)
    told = f"the URL sends `{sent}`" if sent else f"{echo.path} is {echo.value}" if echo else ""
    told += f", {limit.path} is {limit.value}" if limit else f", the URL sends `{limited}`" if limited else ""
    told += ", and a total is announced" if around.total else ""
    certain = around.total and (sent or echo) and (limited or limit)
    return Finding(settings, "high" if certain else "medium", told)


def _last_record(around: Around) -> Finding[Settings] | None:
    more, records = around.said.flag, around.root.records
    if more is None or not records or "id" not in records[-1]:
        return None
    settings = {"type": "cursor", "value": "$.id", "from": "last_record", "param": "starting_after", **around.flagged}
    told = f"{more}, and no token is there: the id of the last record may be it"
    return Finding(settings, "medium", told)


def _last_url(around: Around) -> Finding[Settings] | None:
    """A next URL that is null, as on the last page."""
    for field in around.fields:
        beside = any(other.name.startswith("prev") for other in around.fields)
        is_url = {"url", "uri", "href", "link"} & set(words(field.name))
        if names_next(field.name) and field.value is None and (is_url or (beside and field.name not in TOKENS_ONLY)):
            told = f"{field.path} is null: this is the last page of a series that has next URLs, or tokens"
            return Finding({"type": "next_url", "path": field.path}, "medium", told)
    return None


def _last_token(around: Around) -> Finding[Settings] | None:
    """A token that is null or empty, as on the last page."""
    for field in around.fields:
        if field.name in TOKENS and names_next(field.name) and field.value in (None, ""):
            settings = {"type": "cursor", "value": field.path, "param": TOKENS[field.name]}
            return Finding(settings, "low", f"{field.path} is empty: this is the last page of a series that has tokens")
    return None


def _total_alone(around: Around) -> Finding[Settings] | None:
    total = around.total
    if around.count == 0 or around.root.kind == "one object" or total is None or total.count <= around.count:
        return None
    settings = {**_offset_beside(around), "total_records": place(total)}
    told = f"{_shown(total)} counts more records than the {around.count} here"
    return Finding(settings, "low", f"{told}; nothing tells how to ask for them")


def _offset_beside(around: Around) -> dict[str, Any]:
    """An offset of the name that goes with the size that the URL sends, or that the answer repeats."""
    settings: dict[str, Any] = {"type": "offset_limit", "limit": max(around.count, 1)}
    echo = around.field(OFFSET)
    if size := around.param(SIZE_PARAMS):
        names = OFFSETS_BESIDE.get(size, ("offset",))
        return settings | {"limit_param": size, "offset_param": names[0]}
    if echo is None:
        return settings
    size = next((size for size, names in OFFSETS_BESIDE.items() if echo.name in names), "limit")
    return settings | {"limit_param": size, "offset_param": echo.name} | ({"start": 1} if echo.value == 1 else {})


def _announced(around: Around) -> Finding[Settings] | None:
    """What a load would warn of, though the way to ask for it is a guess."""
    said = around.said
    sign = said.more or next((one for one in (said.pages, said.records) if one and one.count > around.count), None)
    if sign is None:
        return None
    where = place(sign)
    settings: dict[str, Settings] = {
        "link": {"type": "link_header"},
        "url": {"type": "next_url", "path": where},
        "token": {"type": "cursor", "value": where},
        "number": {"type": "page_number"},
        "pages": {"type": "page_number", "total_pages": where},
        "records": _offset_beside(around),
        "flag": {"type": "page_number", **around.flagged},
    }
    return Finding(settings[sign.kind], "low", f"{sign}, which announces more; how to ask for it is a guess")


def _nothing(around: Around) -> Finding[Settings]:
    none: Settings = {"type": "none"}
    if around.root.kind == "one object":
        return Finding(none, "medium", "one object, and nothing announces more")
    if around.said.end is not None:
        return Finding(none, "low", f"{around.said.end}: this is the last page, but of a series")
    size = around.param(SIZE_PARAMS)
    if size and around.params[size] == str(around.count):
        return Finding(none, "low", f"nothing announces more, but there are as many records as `{size}` asks for")
    if around.count and "-" in str(around.seen.headers.get("Content-Range", "")):
        return Finding(none, "low", "Content-Range tells which records are here, but not whether there are more")
    if around.count and around.count % _ROUND == 0:
        return Finding(none, "low", f"nothing announces more, but {around.count} records look like a full page")
    return Finding(
        none, "medium", f"{around.count} record{'s' if around.count != 1 else ''}, and nothing announces more"
    )


def _name(path: str) -> str:
    """The last name of a path."""
    return str(re.findall(r"[^.\[\]'\"]+", path or "$")[-1])


def _shown(sign: Sign) -> str:
    return f"the header {sign.place}" if sign.is_header else sign.place


def _same_place(url: str, target: str) -> bool:
    asked = urlsplit(url).path.rstrip("/")
    return urlsplit(urljoin(url, target)).path.rstrip("/") == asked
