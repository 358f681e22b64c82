"""Following redirects, which requests would do with our credentials on board."""

from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urljoin

from rest_source.errors import RestSourceError
from rest_source.http.altered import altered
from rest_source.http.request import Answer, Request

MAX_REDIRECTS = 10
_AS_GET = (301, 302, 303)
_AS_IS = (307, 308)
_FOR_GOOD = (301, 308)


def is_redirect(answer: Answer) -> bool:
    """Whether the answer sends us elsewhere."""
    return answer.status in (*_AS_GET, *_AS_IS) and "location" in answer.headers


def follow(request: Request, answer: Answer, first: Request | None = None) -> Request:
    """The request a redirect asks for; raises where that is another than was meant.

    301, 302 and 303 turn a POST into a GET without a body, in every client (RFC 9110, 15.4): the answer to that is
    of something else. Only 307 and 308 repeat it. `first` is the request with which a chain of redirects began: one
    that leads through a sign-in page may come back with other parameters.
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
    first = first or request
    if changes := altered(first.full_url, request.full_url, url, answer.status in _FOR_GOOD):
        raise _changed(answer.status, first, url, f"which {' and '.join(changes)}")
    return replace(request, url=url, params=())


def _address(request: Request, url: str) -> str:
    """The URL as the file is to have it: without the parameters of this one request, such as the number of its page."""
    address, _, query = url.partition("?")
    asked = {name for name, _ in parse_qsl(request.full_url.partition("?")[2], keep_blank_values=True)}
    kept = [pair for pair in query.split("&") if pair and unquote(pair.partition("=")[0]) not in asked]
    return f"{address}?{'&'.join(kept)}" if kept else address


def _changed(status: int, request: Request, url: str, how: str) -> RestSourceError:
    final = _address(request, url)
    error = RestSourceError(
        "redirect_changes_request",
        f"The API redirects by {status} to {url}, {how}.",
        cause="The path differs from the documented one (often by a final slash, or http for https), or the API wants "
        "a sign-in.",
        remedy=f"Write the final address in the file: `path: {final}`.",
        status=status,
    )
    if final == _address(request, request.full_url):
        error.cause = "The API does not take these values, or wants a sign-in or a cookie first."
        error.remedy = "Compare `params` and `pagination` with the documentation of the API, and check `auth`."
    return error


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
