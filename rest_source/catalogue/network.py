"""What keeps a request from its answer."""

from rest_source.catalogue.entry import Entry

NETWORK = (
    Entry(
        ("dns_failed",),
        "the host is misspelled or internal to another network",
        "check the host in `base_url`",
    ),
    Entry(
        ("tls_expired", "tls_wrong_host", "tls_unknown_ca", "tls_failed"),
        "expired certificate or wrong clock; certificate for another host; a company's own CA; a port without TLS",
        "check the clock and the host; `tls: {ca: FILE}`; check scheme and port",
    ),
    Entry(
        ("tls_certificate_wanted", "tls_file"),
        "the API admits only clients with a certificate; a file of `tls` is missing, is no PEM file, or its key is "
        "encrypted",
        "`tls: {cert: FILE, key: FILE}`; correct the path or the file",
    ),
    Entry(
        ("connection_refused",),
        "nothing listens at that port",
        "check host and port, and that the service runs",
    ),
    Entry(
        ("connection_reset", "connection_failed"),
        "the server or a firewall closed the connection; a disturbed network",
        "run again; check scheme and port",
    ),
    Entry(
        ("not_http",),
        "the port belongs to another service, or wants https",
        "check scheme and port",
    ),
    Entry(
        ("read_timeout", "connect_timeout"),
        "a slow API or too large a page; a firewall",
        "smaller pages, `limits: {timeout: 120s}`; check that this machine may reach the host",
    ),
    Entry(
        ("slow_response",),
        "the answer takes longer than `limits.timeout` and arrives at less than 1 kB/s",
        "smaller pages, `limits: {timeout: 120s}`",
    ),
    Entry(
        ("header_too_long",),
        "the API lists something without end in its headers: 10 MB, or 10,000 of them",
        "smaller pages, or take the next page from the body",
    ),
    Entry(
        ("two_lengths",),
        "a proxy added a second `Content-Length`, which says something else",
        "ask an address that leads past the proxy; tell the operator of the API",
    ),
    Entry(
        ("proxy_failed",),
        "the proxy is down or refuses",
        "correct `HTTPS_PROXY` or `NO_PROXY`",
    ),
)
