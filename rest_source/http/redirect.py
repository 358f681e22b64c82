"""Following redirects, which requests would do with our credentials on board."""

from dataclasses import replace
from urllib.parse import urljoin

from rest_source.errors import RestSourceError
from rest_source.http.request import Answer, Request

MAX_REDIRECTS = 10
_AS_GET = (301, 302, 303)
_AS_IS = (307, 308)
_BODY_HEADERS = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding"})


def is_redirect(answer: Answer) -> bool:
    """Whether the answer sends us elsewhere."""
    return answer.status in (*_AS_GET, *_AS_IS) and "location" in answer.headers


def follow(request: Request, answer: Answer) -> Request:
    """The request a redirect asks for.

    301, 302 and 303 turn a POST into a GET, as every client does (RFC 9110, 15.4); 307 and 308 repeat it.
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
    if answer.status in _AS_IS or request.method == "GET":
        return replace(request, url=url, params=())
    headers = tuple(pair for pair in request.headers if pair[0].lower() not in _BODY_HEADERS)
    return Request("GET", url, headers=headers)


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
