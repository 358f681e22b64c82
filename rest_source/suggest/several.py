"""Several URLs of one API as the endpoints of one source."""

from collections.abc import Sequence
from dataclasses import replace
from os.path import commonpath
from typing import Any
from urllib.parse import SplitResult, urlsplit

from rest_source.spec.base import free_name
from rest_source.suggest.draft import Draft, draft, endpoint_name, split_url


class NotOneSource(ValueError):
    """URLs of which no single source could be made, and why."""


def drafts(urls: Sequence[str], headers: Sequence[tuple[str, str]] = (), name: str | None = None) -> list[Draft]:
    """A draft for each URL, all of one source: base URL, sign-in and headers in common, and no name twice.

    Raises NotOneSource where the URLs cannot be of one.
    """
    found = [draft(url, headers, name) for url in urls]
    if len(found) == 1:
        return found
    origins = dict.fromkeys(_origin(split_url(url)) for url in urls)
    if len(origins) > 1:
        hosts = " and ".join(origins)
        raise NotOneSource(f"the URLs are of {hosts}, and a file holds one source, which has one of them")
    source, secrets = _signed(_based(found[0].source, found), found)
    taken: set[str] = set()
    named = []
    for each in found:
        path = _full_path(each).removeprefix(urlsplit(source["base_url"]).path)
        free = _free(each.name, path, taken)
        taken.add(free)
        named.append(replace(each, source=source, path=path, name=free, variables=secrets))
    return named


def _based(source: Any, found: Sequence[Draft]) -> dict[str, Any]:
    """The source with the base URL that all have in common."""
    paths = [urlsplit(each.source["base_url"]).path for each in found]
    common = commonpath([path or "/" for path in paths]).rstrip("/")
    return {**source, "base_url": urlsplit(source["base_url"])._replace(path=common).geturl()}


def _signed(source: dict[str, Any], found: Sequence[Draft]) -> tuple[dict[str, Any], dict[str, str]]:
    """The source with the sign-in of those URLs that have one, and the values of all variables."""
    secrets: dict[str, str] = {}
    for each in found:
        auth = each.source.get("auth")
        if auth and source.setdefault("auth", auth) != auth:
            raise NotOneSource("the URLs sign in in different ways, and a source has one")
        for variable, value in each.variables.items():
            if secrets.setdefault(variable, value) != value:
                raise NotOneSource(f"the URLs hold different secrets, and both would be {variable}")
    return source, secrets


def _full_path(each: Draft) -> str:
    return f"{urlsplit(each.source['base_url']).path}{each.path}"


def _free(name: str, path: str, taken: set[str]) -> str:
    """The name, or one that its path makes longer where another endpoint has it."""
    if name not in taken:
        return name
    outer = endpoint_name(path.rstrip("/").rpartition("/")[0])
    return free_name(f"{outer}_{name}" if outer and outer != name else name, taken)


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
