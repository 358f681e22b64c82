"""Answers with a status that is no success, by status; then pauses and rules."""

from rest_source.catalogue.entry import Entry

STATUSES = (
    Entry(
        ("http_400",),
        "a parameter or the body has a wrong name, type or format",
        "compare `params`, `headers` and `body` with the API's documentation",
        shows="400",
    ),
    Entry(
        ("http_401",),
        "the token is expired or wrong, its header is missing or misnamed; or the URL is on another host than "
        "`base_url`",
        "check `auth` and its variable; add the host to `allowed_hosts` if it is trustworthy",
        shows="401",
    ),
    Entry(
        ("http_403",),
        "the credentials are valid but lack the scope, role or plan; or this machine's address is blocked",
        "give the key or user the permission",
        shows="403",
    ),
    Entry(
        ("http_404",),
        "`base_url` or `path` is misspelled or misses its version; some APIs hide what a key may not see",
        "compare both with the documentation",
        shows="404",
    ),
    Entry(
        ("http_405",),
        "the endpoint wants the other method",
        "set `method: POST` or `GET`",
        shows="405",
    ),
    Entry(
        ("http_406",),
        "the API cannot answer in the format asked for",
        "`headers: {Accept: application/json}`, or the media type the API documents",
        shows="406",
    ),
    Entry(
        ("http_408",),
        "the API did not get or finish the request in time",
        "ask for smaller pages or a shorter period; run again",
        shows="408",
    ),
    Entry(
        ("http_409",),
        "the request conflicts with the state of the resource, such as an export that still runs",
        "run again later; compare `params` and `body` with the API's documentation",
        shows="409",
    ),
    Entry(
        ("http_410",),
        "the endpoint or this version of it was removed; or a cursor has expired",
        "change `base_url` or `path` to the current version; after an expired cursor, run again",
        shows="410",
    ),
    Entry(
        ("http_415",),
        "the API does not read the format of the body",
        "use `form` instead of `body` or the reverse, or set `headers: {Content-Type: ...}`",
        shows="415",
    ),
    Entry(
        ("http_422",),
        "a value is not valid for the API",
        "check dates, enumerations and the upper limit of the page size",
        shows="422",
    ),
    Entry(
        ("http_429",),
        "more requests than the API allows, after all retries",
        "`limits: {rate: 5/s}`, `--jobs 1`, or run later",
        shows="429",
    ),
    Entry(
        ("rate_limited",),
        "an answer of 200 without records says that a rate limit is used up, after all retries",
        "as for 429",
    ),
    Entry(
        ("not_ready",),
        "an answer of 202 holds no records, after all retries: the API prepares them in the background, as a report",
        "run again later; `on_error: [{status: 202, do: retry, wait: 1m}]` with `limits: {retries: 30}` waits longer",
    ),
    Entry(
        ("http_4xx",),
        "the API refuses the request as it is",
        "compare `method`, `path`, `params`, `headers` and `body` with the API's documentation",
        shows="any other 4xx, such as `http_418`:",
    ),
    Entry(
        ("http_5xx",),
        "the API or a proxy is failing or overloaded, after all retries",
        "run again later; ask for smaller pages",
        shows="500, 502, 503, 504 and any other 5xx, such as `http_503`:",
    ),
    Entry(
        ("http_other",),
        "the address leads to something else than the API's data, such as a sign-in page or a cached answer",
        "check `base_url`, `path` and `headers`",
        shows="any other status, such as `http_304`:",
    ),
    Entry(
        ("retry_later",),
        "in `rest-source run`: the API asks for a longer pause than `limits.max_wait`",
        "run again when it says, or raise `max_wait`",
    ),
    Entry(
        ("on_error",),
        "a rule of `on_error` takes the answer for a failure",
        "look at what the API says; change the rule if it should not apply",
    ),
)
