"""Dagster's rules for the words it takes, checked here so that a mistake names its line in the file."""

import re

_TAG = r"[A-Za-z0-9_.-]{1,63}"


def valid_owner(value: str) -> str:
    """An email address, or `team:` and a name."""
    return _matching(
        value, r"[^@\s]+@[^@\s]+\.[^@\s]+|team:[A-Za-z0-9_.-]+", "an owner", "ada@shop.example or team:data"
    )


def valid_tag_key(value: str) -> str:
    """Letters, digits, `_`, `.` and `-`, with a prefix before a slash if wanted."""
    return _matching(value, f"({_TAG}/)?{_TAG}", "the key of a tag", "domain or acme.com/domain")


def valid_tag(value: str) -> str:
    """Letters, digits, `_`, `.` and `-`, or nothing."""
    return _matching(value, f"({_TAG})?", "a tag's value or a kind", "sales or snowflake")


def valid_group(value: str) -> str:
    """Letters, digits and `_`; slashes make groups in groups."""
    return _matching(value, "[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*", "a group name", "sales or rest/sales")


def _matching(value: str, pattern: str, what: str, example: str) -> str:
    if not re.fullmatch(pattern, value):
        raise ValueError(f"`{value}` is not {what} that Dagster takes; write one such as {example}")
    return value
