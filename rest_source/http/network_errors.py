"""What went wrong on the way to an answer, told from the exceptions of requests, urllib3, ssl and socket."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import requests
import requests.exceptions as requested
import urllib3.exceptions as pooled

from rest_source.errors import RestSourceError, quoted
from rest_source.http.head import LONGEST, MOST, HeadTooLong, TwoLengths
from rest_source.http.pace import SLOWEST, TooSlow

CAUGHT = (requests.RequestException, pooled.HTTPError, OSError, http.client.HTTPException, UnicodeError)
"""Everything that sending a request or reading its answer raises when the network or the URL is at fault."""


class Trouble(NamedTuple):
    """One kind of trouble: how it shows, and what it means."""

    types: tuple[type[BaseException], ...]
    id: str
    message: str
    cause: str
    remedy: str
    retryable: bool = True


_BASE_URL = "Check the host in `base_url` (or the full URL in `path`)"
_CERTIFICATE = (
    "Write `tls: {ca: FILE}` with a file that holds the missing CA (or name it in REQUESTS_CA_BUNDLE), or correct the "
    "host in `base_url`."
)

_CUT = Trouble(
    (pooled.IncompleteRead, pooled.InvalidChunkLength, http.client.IncompleteRead),
    "truncated_body",
    "The connection ended before the answer was complete",
    "The server or a proxy broke off in the middle of the body.",
    "Run again; if it persists, ask for smaller pages (`pagination` with a `size`).",
)

# The first row that matches any exception of the chain decides, so the specific ones stand before the general.
_TROUBLES = (
    Trouble(
        (
            *(requested.InvalidURL, requested.InvalidSchema, requested.MissingSchema),
            *(pooled.LocationValueError, http.client.InvalidURL, UnicodeError),
        ),
        "invalid_url",
        "This is not a URL that can be requested",
        "The address has no host, an impossible port, or a scheme other than http and https.",
        "Check `base_url` and `path`, and where the address of a next page comes from (`pagination`).",
        retryable=False,
    ),
    Trouble(
        (requested.InvalidHeader, pooled.InvalidHeader),
        "invalid_header",
        "The name of a header cannot be sent",
        "Header names are letters, digits and dashes, without blanks or a colon.",
        "Correct the name in `headers` or `auth`.",
        retryable=False,
    ),
    Trouble(
        (requested.ProxyError, pooled.ProxyError),
        "proxy_failed",
        "The proxy could not be reached or refused to connect",
        "HTTP_PROXY or HTTPS_PROXY names a proxy that is down, wants a sign-in, or does not allow this host.",
        "Correct HTTPS_PROXY, or list the host in NO_PROXY.",
    ),
    Trouble(
        (socket.gaierror, pooled.NameResolutionError),
        "dns_failed",
        "The host name could not be resolved",
        "It is misspelled, internal to another network, or the name server is out of reach.",
        f"{_BASE_URL}, and that this machine resolves it.",
    ),
    Trouble(
        (ConnectionRefusedError,),
        "connection_refused",
        "The connection was refused",
        "Nothing listens at that port: the service is down, or the port is wrong.",
        f"{_BASE_URL} and its port, and that the service runs.",
    ),
    Trouble(  # stands before the read timeout, which urllib3 makes of it
        (TooSlow,),
        "slow_response",
        f"The answer takes longer than limits.timeout and arrives at less than {SLOWEST // 1000} kB/s",
        "The API or the network is overloaded, or the server holds the connection open without an end.",
        "Ask for smaller pages (`pagination` with a `size`), or raise `limits: {timeout: 120s}`.",
    ),
    Trouble(
        (pooled.ReadTimeoutError, requested.ReadTimeout),
        "read_timeout",
        "The API sent nothing within limits.timeout",
        "It is slow or overloaded, or the request asks for too much at once.",
        "Ask for smaller pages (`pagination` with a `size`), or raise `limits: {timeout: 120s}`.",
    ),
    _CUT,
    Trouble(  # the server hung up, whichever layer noticed
        (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, ssl.SSLEOFError),
        "connection_reset",
        "The server closed the connection without an answer",
        "It restarts or is overloaded, or a firewall cuts the connection.",
        "Run again; if it persists, check `base_url` (scheme and port) and slow down by `limits: {rate: 5/s}`.",
    ),
    Trouble(
        (ssl.SSLError, pooled.SSLError, requested.SSLError),
        "tls_failed",
        "No secure connection could be made",
        "The port does not speak TLS, or only versions that are no longer considered safe.",
        "Check scheme and port in `base_url`.",
        retryable=False,
    ),
    Trouble(
        (HeadTooLong,),
        "header_too_long",
        f"The answer has more than {MOST:,} headers, or {LONGEST // 1_000_000} MB of them",
        "The server lists something without end in a header, such as links or cookies.",
        "Ask for smaller pages, or take the next page from the body (`pagination: {type: next_url}`).",
        retryable=False,
    ),
    Trouble(
        (TwoLengths,),
        "two_lengths",
        "The answer says two different lengths of its body (Content-Length)",
        "A proxy added a length of its own, so nobody knows where the body ends (RFC 9112, 6.3).",
        f"{_BASE_URL}: another address may lead past the proxy. Otherwise tell the operator of the API.",
        retryable=False,
    ),
    Trouble(
        (http.client.HTTPException,),
        "not_http",
        "What answered does not speak HTTP",
        "The port belongs to another service, or wants https instead of http.",
        "Check scheme and port in `base_url`.",
        retryable=False,
    ),
    Trouble(
        (TimeoutError, requested.ConnectTimeout),
        "connect_timeout",
        "No connection within limits.timeout",
        "The host is down, or a firewall drops the packets.",
        f"{_BASE_URL}, and that this machine may reach it.",
    ),
)
_OTHER = Trouble(
    (Exception,),
    "connection_failed",
    "The connection failed",
    "The network between this machine and the API is disturbed.",
    f"{_BASE_URL}, and that this machine may reach it; then run again.",
)

# Codes of X509_verify_cert, as ssl passes them on.
_EXPIRED = Trouble(
    (ssl.SSLCertVerificationError,),
    "tls_expired",
    "The server's certificate is expired or not valid yet",
    "The API's operator did not renew it, or this machine's clock is wrong.",
    "Check this machine's date; otherwise the API's operator has to renew the certificate.",
    retryable=False,
)
_WRONG_HOST = _EXPIRED._replace(
    id="tls_wrong_host",
    message="The server's certificate is for another host",
    cause="The host is misspelled, an alias, or an address instead of a name.",
    remedy="Use the host name the certificate is for in `base_url`.",
)
_UNKNOWN_CA = _EXPIRED._replace(
    id="tls_unknown_ca",
    message="The server's certificate is signed by an authority this machine does not know",
    cause="It is self-signed or of a company's own CA, an intermediate is missing, or a proxy inspects the traffic.",
    remedy=_CERTIFICATE,
)
_CERTIFICATE_WANTED = Trouble(
    (ssl.SSLError,),
    "tls_certificate_wanted",
    "The API wants a certificate of ours",
    "It admits only clients that it knows by their certificate.",
    "Write `tls: {cert: FILE, key: FILE}` with the certificate that the API's operator gave you.",
    retryable=False,
)
_VERIFY_CODES = {9: _EXPIRED, 10: _EXPIRED, 62: _WRONG_HOST, 64: _WRONG_HOST}


def network_error(error: BaseException) -> RestSourceError:
    """The explained error for an exception in CAUGHT."""
    found = list(chain(error))
    trouble = _trouble(found)
    detail = _detail(trouble, found)
    return RestSourceError(
        trouble.id,
        f"{trouble.message} ({detail})." if detail else f"{trouble.message}.",
        cause=trouble.cause,
        remedy=trouble.remedy,
        retryable=trouble.retryable,
    )


def _detail(trouble: Trouble, found: list[BaseException]) -> str:
    if trouble.id in ("connection_failed", "tls_failed", "proxy_failed"):
        return str(found[-1])
    said = next((str(error) for error in found if isinstance(error, http.client.BadStatusLine)), "").strip()
    return f"it began with {quoted(said)}" if said and trouble.id == "not_http" else ""


def _trouble(found: list[BaseException]) -> Trouble:
    for error in found:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _VERIFY_CODES.get(error.verify_code, _UNKNOWN_CA)
        if isinstance(error, ssl.SSLError) and "CERTIFICATE_REQUIRED" in str(error):
            return _CERTIFICATE_WANTED
    matching = (row for row in _TROUBLES if any(isinstance(error, row.types) for error in found))
    return next(matching, _OTHER)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it wraps, outermost first: in arguments, `reason` or `__cause__`."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        wrapped = (*current.args, getattr(current, "reason", None), current.__cause__)
        pending += [inner for inner in wrapped if isinstance(inner, BaseException)]
