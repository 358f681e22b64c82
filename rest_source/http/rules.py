"""The first `on_error` rule that an answer fulfils."""

from collections.abc import Sequence

import orjson

from rest_source.errors import RestSourceError
from rest_source.http.errors import Mask
from rest_source.http.excerpt import server_message
from rest_source.http.request import Answer
from rest_source.http.wrapped import glance
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.rules import AnswerRule, ErrorRule


class Ruled(RestSourceError):
    """An answer that a rule describes; `do` is what the rule says."""

    def __init__(self, answer: Answer, rule: ErrorRule, mask: Mask) -> None:
        said = server_message(answer, mask)
        super().__init__(
            "on_error",
            f"The API answered {answer.status}" + (f': "{said}".' if said else "."),
            cause=f"A rule of `on_error` takes this answer for a reason to {rule.do}.",
            remedy="Look at what the API says; change the rule if it should not apply.",
            retryable=rule.do == "retry",
            status=answer.status,
        )
        self.do = rule.do


def first_rule(rules: Sequence[ErrorRule], answer: Answer) -> ErrorRule | None:
    """The rule that decides over an answer, if any does."""
    return next((rule for rule in rules if holds(rule, answer)), None)


def holds(rule: AnswerRule, answer: Answer) -> bool:
    """Whether every key of a rule describes an answer."""
    if rule.status and answer.status not in rule.status:
        return False
    if rule.empty and answer.body and not answer.body.isspace():
        return False
    if rule.json_path is None:
        return rule.contains is None or rule.contains.encode() in answer.body
    return any(
        rule.contains is None or rule.contains in (value if isinstance(value, str) else orjson.dumps(value).decode())
        for value in _found(rule.json_path, answer.body)
    )


def _found(path: str, body: bytes) -> list[object]:
    try:
        document = glance(body)
    except ValueError:
        return []
    return [value for value in compile_path(path).find(document) if value not in (None, False, "", [], {})]
