"""Answers with a good status that cannot be used, or that lead elsewhere."""

from rest_source.catalogue.entry import Entry

ANSWERS = (
    Entry(
        ("csv_instead_of_json",),
        "the endpoint is an export",
        "ask for JSON: `headers: {Accept: application/json}`, `params: {format: json}`, or the JSON variant "
        "of the path",
    ),
    Entry(
        ("html_instead_of_json", "xml_instead_of_json", "not_json"),
        "a web or sign-in page; another format",
        "check `base_url`, `path`, `method` and `auth`; ask for JSON as above",
    ),
    Entry(
        ("ndjson_instead_of_json", "binary_instead_of_json", "zip_instead_of_json"),
        "one JSON value per line; a download in a binary format; an archive of several files",
        "use an endpoint that answers in pages; ask for JSON as above",
    ),
    Entry(
        ("empty_body",),
        "the endpoint has nothing to say, or a proxy dropped the body",
        "past the last page: `on_error: [{empty: true, do: end}]`; otherwise check `method`, `path` and `params`",
    ),
    Entry(
        ("not_utf8",),
        "text in another charset than the answer declares; the error names the byte and what it looks like",
        "`headers: {Accept-Charset: utf-8}`; tell the operator of the API",
    ),
    Entry(
        ("invalid_json",),
        "`NaN`, a comma too many, single quotes and the like; the error names the byte",
        "leave the field out by the API's parameters; tell the operator of the API",
    ),
    Entry(
        ("truncated_body", "truncated_json"),
        "the connection or the server broke off",
        "run again; ask for smaller pages",
    ),
    Entry(
        ("undecodable_body",),
        "a compression that is announced but not applied, or not known; the error names it",
        "`headers: {Accept-Encoding: identity}`",
    ),
    Entry(
        ("response_too_large",),
        "the endpoint returns everything at once, and not as [one array](#everything-in-one-answer)",
        "use a pagination with a size, a plain `data_root`, or raise `limits: {max_response: 1GB}`",
    ),
    Entry(
        ("record_columns_not_found",),
        "the names of rows that are arrays are elsewhere in the answer; the error lists where they may be",
        "correct `record_columns`, or write the names themselves",
    ),
    Entry(
        ("secret_in_body",),
        "a redirect or next page leads a request with a secret in its body to another host",
        "add the host to `allowed_hosts` if it is trustworthy",
    ),
    Entry(
        ("link_local_address",),
        "a redirect or next page leads to an address such as 169.254.169.254, where cloud machines keep credentials",
        "look at the answer of the API",
    ),
    Entry(
        ("too_many_redirects", "insecure_redirect"),
        "a sign-in page, or an address that is not the final one",
        "write the final address, with https, into `base_url` or `path`",
    ),
    Entry(
        ("redirect_changes_request",),
        "a redirect that would make another request: a `POST` would become a `GET` without its body (301, 302, 303), "
        "or parameters would be lost or changed; often for a missing final slash, or http instead of https",
        "write the final address, which the error names, as `path`; if only values change, compare them with the API's "
        "documentation, and check `auth`",
    ),
)
