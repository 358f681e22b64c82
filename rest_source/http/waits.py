"""The waits that answers name, in all spellings in use."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rest_source.http.limit_words import speaks_of_limit
from rest_source.http.moments import moment_of, seconds_of
from rest_source.http.request import Answer
from rest_source.http.wrapped import glance
from rest_source.spec.places import HeaderValue

ON_ERROR = "on_error"
"""What names a wait that the file sets."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that an answer names: how long it is, in seconds, and what names it."""

    seconds: float
    by: str

    def is_longer_than(self, max_wait: timedelta) -> bool:
        """Whether an API asks for more than it may; a pause that the file sets may be of any length."""
        return self.by != ON_ERROR and self.seconds > max_wait.total_seconds()


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Headers whose names match; a `quota` says when requests are allowed again, which may be no reason to wait."""

    names: re.Pattern[str]
    quota: bool = False
    milliseconds: bool = False


_MS = r"-?(ms|millis|milliseconds)"
_QUOTA = r"(.+-)?(?:rate|error)-?limit-?(.+-)?reset"

# Names are in lower case here, with `-` for `_`. The first row that matches a name decides. Beside each header stands
# what its value is and where that is documented.
_SPELLINGS = (
    # retry-after-ms: milliseconds, github.com/openai/openai-python
    # x-ms-retry-after-ms: milliseconds, learn.microsoft.com/rest/api/cosmos-db/common-cosmosdb-rest-response-headers
    # X-Rate-Limit-Retry-After-Milliseconds: github.com/MarcGiffing/bucket4j-spring-boot-starter
    _Spelling(re.compile(rf"(.+-)?retry-?after{_MS}"), milliseconds=True),
    # Retry-After: seconds or a date, RFC 9110, 10.2.3; epoch seconds, docs.docker.com/docker-hub/usage/pulls
    # X-Retry-After: seconds, docs.docker.com/docker-hub/usage/pulls
    # X-RateLimit-Retry-After: seconds, developers-classic.mailerlite.com/docs/api-rate-limits
    # X-Rate-Limit-Retry-After-Seconds: github.com/MarcGiffing/bucket4j-spring-boot-starter
    _Spelling(re.compile(r"(.+-)?retry-?after(-?(in-?)?(s|secs|seconds))?")),
    # X-Rate-Limit-Time-Reset-Ms: milliseconds, docs.bigcommerce.com (API rate limits)
    _Spelling(re.compile(rf"{_QUOTA}(.+)?{_MS}"), quota=True, milliseconds=True),
    # RateLimit-Reset: seconds, draft-ietf-httpapi-ratelimit-headers-03; epoch seconds, dev.twitch.tv/docs/api/guide
    # RateLimit-ResetTime: a date, docs.gitlab.com/administration/settings/user_and_ip_rate_limits
    # X-RateLimit-Reset: epoch seconds, docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    # X-RateLimit-Reset: epoch milliseconds, launchdarkly.com/docs/api
    # X-RateLimit-Reset: seconds, docs.datadoghq.com/api/latest/rate-limits
    # X-RateLimit-Reset: ISO 8601, developer.atlassian.com/cloud/jira/platform/rate-limiting
    # X-RateLimit-Reset: as JavaScript writes a date, developer.lemlist.com/api-reference/getting-started/rate-limits
    # X-Rate-Limit-Reset: epoch seconds, developer.okta.com/docs/reference/rl-best-practices
    # X-Sentry-Rate-Limit-Reset: epoch seconds, docs.sentry.io/api/ratelimits
    # X-RateLimit-Reset-After: seconds, discord.com/developers/docs/topics/rate-limits
    # X-RateLimit-Requests-Reset: epoch milliseconds, linear.app/developers/rate-limiting
    # X-RateLimit-Reset-Requests: 6m0s, platform.openai.com/docs/guides/rate-limits
    # Anthropic-RateLimit-Requests-Reset: RFC 3339, docs.anthropic.com/en/api/rate-limits
    # Fitbit-Rate-Limit-Reset: dev.fitbit.com/build/reference/web-api/developer-guide/application-design
    # X-Sib-RateLimit-Reset: seconds, developers.brevo.com/docs/limit-headers
    # X-Gate-RateLimit-Reset-Timestamp: epoch seconds, gate.io/docs/developers/apiv4
    # X-ESI-Error-Limit-Reset: seconds, developers.eveonline.com/blog/article/error-limiting-imminent
    _Spelling(re.compile(rf"{_QUOTA}(-?.+)?"), quota=True),
)
_FIELDS = re.compile(r"(.+-)?rate-?limit(-.+)?")
"""Headers that hold several values.

- RateLimit: "default";r=0;t=25, draft-ietf-httpapi-ratelimit-headers-08 and later
- RateLimit: limit=9, remaining=0, reset=25, draft-ietf-httpapi-ratelimit-headers-07
- Zendesk-RateLimit-Tickets-Index: total=9; remaining=0; resets=25,
  developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting
"""
_QUOTED = re.compile(r'"[^"]*"')
_LEFT = re.compile(r"(?:^|[;,\s])(?:r|remaining)=(\d{1,18})")
_RESET = re.compile(r"(?:^|[;,\s])(?:t|resets?)=([\w.]+)")
_REMAINING = re.compile(r"(.+-)?(remaining|left)(-.+)?")
_SIDES = re.compile(r"-?(reset(-?(after|at|in|time|timestamp))?|remaining|left)\b")

_IN_BODY = {
    # discord.com/developers/docs/topics/rate-limits, core.telegram.org/bots/api#responseparameters
    "retryafter": False,
    "retryafterseconds": False,
    "retryafterms": True,
    # google.rpc.RetryInfo, cloud.google.com/apis/design/errors
    "retrydelay": False,
    # developer.monday.com/api-reference/docs/rate-limits
    "retryinseconds": False,
}
_BODY = 100_000
_DEPTH = 5
_LONGEST_NAME, _LONGEST_VALUE = 100, 2000

ACCEPTED = 202
_LIMITS = (420, 429, 430)
"""Statuses that say that it is too early: 429 by RFC 6585, and those of APIs that came before it or go beyond it.

420 is that of EVE Online (developers.eveonline.com/blog/article/error-limiting-imminent) and once of Twitter. 430 is
that of Shopify (shopify.dev/docs/api/usage/response-codes).
"""
_MAY_BE_LIMITS = (200, 403, 503)
"""With these statuses some APIs answer who has used up a quota (docs.github.com, as above)."""
_NEVER_PASS = (401, 404, 405, 407, 410)
"""Refusals that another try does not change, whatever wait they name."""


def named_wait(answer: Answer, now: float, max_wait: timedelta) -> Wait | None:
    """The longest plausible wait that a refusal names.

    A quota's reset counts only where the quota is the reason: with a 429, and with a 403, a 503 or words of a limit
    where nothing remains of it. One of which something remains counts after all others. What is longer than `max_wait`
    gives way to what is not: a limit by the day stands beside one by the minute.
    """
    now = _served_at(answer, now)
    remaining = dict(_remaining(answer))
    is_limit = answer.status in _LIMITS or speaks_of_limit(answer)
    may_be = is_limit or answer.status in _MAY_BE_LIMITS
    of_quotas = answer.status in _LIMITS or (may_be and 0 in remaining.values())
    waits: list[Wait] = []
    doubtful: list[Wait] = []
    for wait, quota in _waits(answer, now, is_limit):
        if not quota or (of_quotas and not remaining.get(quota)):
            waits.append(wait)
        elif of_quotas:
            doubtful.append(wait)
    fitting = [wait for wait in waits or doubtful if not wait.is_longer_than(max_wait)]
    return max(fitting or waits, key=_seconds, default=None)


def is_limit(answer: Answer, wait: Wait | None) -> bool:
    """Whether a refusal only says that it is too early, so that the request was not acted on.

    A refusal that names a wait does, as 413 by RFC 9110, 15.5.14, and 418 at Binance. So does one that says it in
    words, as 403 at GitHub and 400 at Facebook and AWS. A status of success other than 202 is refused for nothing else.
    """
    if answer.status in _LIMITS or (200 <= answer.status < 300 and answer.status != ACCEPTED):
        return True
    may_pass = 400 <= answer.status < 500 and answer.status not in _NEVER_PASS
    return may_pass and (wait is not None or speaks_of_limit(answer))


def is_used_up(answer: Answer) -> bool:
    """Whether an answer says in a header that nothing remains of a quota."""
    return any(left == 0 for _, left in _remaining(answer))


def ruled_wait(answer: Answer, wanted: timedelta | HeaderValue, now: float) -> Wait | None:
    """The wait that a rule of `on_error` sets, or names a header for."""
    if isinstance(wanted, timedelta):
        return Wait(wanted.total_seconds(), ON_ERROR)
    text = answer.headers.get(wanted.header)
    seconds = seconds_of(text, _served_at(answer, now)) if text is not None else None
    return Wait(seconds, wanted.header) if seconds else None


def _seconds(wait: Wait) -> float:
    return wait.seconds


def _waits(answer: Answer, now: float, is_limit: bool) -> Iterator[tuple[Wait, str]]:
    """Every wait that an answer names, with the quota whose reset it is, or ''."""
    for name, plain, text in _named(answer):
        spelling = next((row for row in _SPELLINGS if row.names.fullmatch(plain)), None)
        if spelling is not None:
            found = [(seconds_of(text, now, spelling.milliseconds), _quota(plain) if spelling.quota else "")]
        elif _FIELDS.fullmatch(plain):
            found = [(seconds_of(reset, now), quota) for quota, _, reset in _policies(plain, text) if reset]
        else:
            continue
        yield from ((Wait(seconds, name), quota) for seconds, quota in found if seconds)
    if is_limit and len(answer.body) <= _BODY:
        yield from ((Wait(seconds, f"{key} in the body"), "") for key, seconds in _of_body(answer.body, now) if seconds)


def _remaining(answer: Answer) -> Iterator[tuple[str, int]]:
    """What remains of each quota."""
    for _, plain, text in _named(answer):
        if _REMAINING.fullmatch(plain) and (number := re.match(r"\s*(\d{1,18})", text)):
            yield _quota(plain), int(number[1])
        elif _FIELDS.fullmatch(plain):
            yield from ((quota, left) for quota, left, _ in _policies(plain, text) if left is not None)


def _named(answer: Answer) -> Iterator[tuple[str, str, str]]:
    """Each header as it is spelled, in plain spelling, and its value; none is long enough to keep a pattern busy."""
    for name, text in answer.headers.items():
        if len(name) <= _LONGEST_NAME:
            yield name, name.lower().replace("_", "-"), text[:_LONGEST_VALUE]


def _policies(name: str, text: str) -> Iterator[tuple[str, int | None, str | None]]:
    """Each quota of a RateLimit field, what is left of it, and its reset."""
    for place, policy in enumerate(_QUOTED.sub("", text).split(",") if ";" in text else [text]):
        left, reset = _LEFT.search(policy), _RESET.search(policy)
        yield f"{name} {place}", int(left[1]) if left else None, reset[1] if reset else None


def _of_body(body: bytes, now: float) -> Iterator[tuple[str, float | None]]:
    with suppress(ValueError):
        for key, value in _members(glance(body), _DEPTH):
            milliseconds = _IN_BODY.get(re.sub(r"[_\s-]", "", key).lower())
            if milliseconds is not None and isinstance(value, int | float | str):
                yield key, seconds_of(str(value), now, milliseconds)


def _members(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth and isinstance(value, list):
        for item in value[:_DEPTH]:
            yield from _members(item, depth - 1)
    elif depth and isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from _members(item, depth - 1)


def _served_at(answer: Answer, now: float) -> float:
    """When the API answered, by its own clock, as its resets are; by ours where it does not say."""
    date = answer.headers.get("Date")
    moment = moment_of(date) if date else None
    return now if moment is None else moment


def _quota(plain: str) -> str:
    """What the reset and the rest of one quota share of their names."""
    return _SIDES.sub("", plain.replace("rate-limit", "ratelimit"))
