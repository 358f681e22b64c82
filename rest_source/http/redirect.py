"""Following redirects, which requests would do with our credentials on board."""

from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from rest_source.errors import RestSourceError
from rest_source.http.request import Answer, Request

MAX_REDIRECTS = 10
_AS_GET = (301, 302, 303)
_AS_IS = (307, 308)
_FOR_GOOD = (301, 308)


def is_redirect(answer: Answer) -> bool:
    """Whether the answer sends us elsewhere."""
    return answer.status in (*_AS_GET, *_AS_IS) and "location" in answer.headers


def follow(request: Request, answer: Answer) -> Request:
    """The request a redirect asks for; raises where that is another than was meant.

    301, 302 and 303 turn a POST into a GET without a body, in every client (RFC 9110, 15.4): the answer to that is
    of something else. Only 307 and 308 repeat it.
    """
    # http.client reads headers as latin-1, but servers write UTF-8.
    location = answer.headers["location"].encode("latin-1", "replace").decode("utf-8", "replace")
    url = _join(answer.url, location).partition("#")[0]
    if answer.url.startswith("https:") and not url.startswith("https:"):
        raise RestSourceError(
            "insecure_redirect",
            f"The API redirects from https to {url}, which is not encrypted.",
            cause="The path differs from the documented one (often by a final slash), or the server is misconfigured.",
            remedy="Write the final address as `path` or `base_url`, with https.",
        )
    if answer.status in _AS_GET and request.method != "GET":
        how = f"to which a client sends a GET without the body of the {request.method}"
        raise _changed(answer.status, request, url, how)
    if lost := _lost(request.full_url, url, answer.status):
        raise _changed(answer.status, request, url, f"which lacks {_listed(lost)} of the request")
    return replace(request, url=url, params=())


def _lost(before: str, after: str, status: int) -> list[str]:
    """The parameters that a redirect to the same thing forgets.

    One for the time being to something else, such as a file made for this request, needs them no more.
    """
    try:
        source, target = urlsplit(before), urlsplit(after)
    except ValueError:  # not a URL; sending it says so
        return []
    if status not in _FOR_GOOD and PurePosixPath(source.path).name.lower() != PurePosixPath(target.path).name.lower():
        return []
    query = parse_qsl(target.query, keep_blank_values=True)
    names = {name for name, _ in query}
    values = {value for _, value in query} | {*unquote(target.path).split("/")}
    asked = parse_qsl(source.query, keep_blank_values=True)
    return list(dict.fromkeys(name for name, value in asked if name not in names and value not in values))


def _listed(names: list[str]) -> str:
    return f"the parameter{'s' if len(names) > 1 else ''} {', '.join(f'`{name}`' for name in names)}"


def _address(request: Request, url: str) -> str:
    """The URL as the file is to have it: without the parameters of this one request, such as the number of its page."""
    address, _, query = url.partition("?")
    asked = {name for name, _ in parse_qsl(request.full_url.partition("?")[2], keep_blank_values=True)}
    kept = [pair for pair in query.split("&") if pair and unquote(pair.partition("=")[0]) not in asked]
    return f"{address}?{'&'.join(kept)}" if kept else address


def _changed(status: int, request: Request, url: str, how: str) -> RestSourceError:
    return RestSourceError(
        "redirect_changes_request",
        f"The API redirects by {status} to {url}, {how}.",
        cause="The path differs from the documented one (often by a final slash, or http for https), or the API wants "
        "a sign-in.",
        remedy=f"Write the final address in the file: `path: {_address(request, url)}`.",
    )


def _join(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:  # not a URL; sending it says so
        return location


def too_many(visited: list[str]) -> RestSourceError:
    """The error for a chain that does not end."""
    looped = len(set(visited)) < len(visited)
    return RestSourceError(
        "too_many_redirects",
        f"The API redirected more than {MAX_REDIRECTS} times, {'in a loop' if looped else 'lastly'} to {visited[-1]}.",
        cause="It wants a sign-in page or a cookie, or the address differs from the documented one.",
        remedy="Check `auth`, and that `base_url` and `path` are the final address (scheme, host, final slash).",
    )
