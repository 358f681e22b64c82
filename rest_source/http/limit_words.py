"""The words in which APIs say that too much was asked of them."""

import re

from rest_source.http.excerpt import server_message
from rest_source.http.request import Answer

_LIMIT = r"(?:rate|requests?|calls?)[\s_-]?limit(?:s|ing)?"
_REACHED = r"(?:exceeded|reached|(?<![a-z])hit(?![a-z]))"
# Each stands for words that are documented or seen:
# "You have exceeded a secondary rate limit", docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
# "userRateLimitExceeded", developers.google.com/workspace/drive/api/guides/handle-errors
# "Application request limit reached", developers.facebook.com/docs/graph-api/guides/error-handling
# "REQUEST_LIMIT_EXCEEDED", developer.salesforce.com (REST API, status codes and error responses)
# "ThrottlingException", "Rate exceeded", docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
# "Throttled", shopify.dev/docs/api/admin-graphql; "ratelimited", docs.slack.dev/apis/web-api/rate-limits
_SAID = re.compile(
    rf"{_LIMIT}[^.;]{{0,40}}?{_REACHED}|{_REACHED}[^.;]{{0,40}}?{_LIMIT}|rate[\s_-]?limited|\brate exceeded|"
    r"too many (?:requests|calls)|\bthrottl(?:ed|ing)",
    re.IGNORECASE,
)
_HINT = re.compile(rb"limit|thrott|too many|exceeded", re.IGNORECASE)
LONGEST = 20_000
"""Bytes of a body beyond which it is no message."""


def speaks_of_limit(answer: Answer) -> bool:
    """Whether the message of an answer, or the title of its page, says that a limit on requests was reached."""
    body = answer.body
    return len(body) <= LONGEST and _HINT.search(body) is not None and _SAID.search(server_message(answer)) is not None
