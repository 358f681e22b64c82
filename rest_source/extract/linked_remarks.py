"""What series that follow links tell of answers that do not lead on."""

from typing import Any

from rest_source.errors import RestSourceError
from rest_source.spec.jsonpath import step_to
from rest_source.spec.pagination import Cursor, NextUrl


def no_text(spec: NextUrl, value: Any) -> RestSourceError:
    """That what should be the URL of the next page is none."""
    held = next((name for name in ("href", "url", "uri", "link") if isinstance(value, dict) and name in value), None)
    inner = f"{spec.path}{step_to(held)}" if held and isinstance(spec.path, str) else None
    return RestSourceError(
        "next_url_not_text",
        f"The next page's URL at {spec.path} is {'an object' if isinstance(value, dict) else 'no text'}.",
        cause="The URL is one level deeper." if inner else "What is there leads to the next page in another way.",
        remedy=f"Write `path: {inner}`."
        if inner
        else "Let `path` point at the URL itself, such as $.links.next.href; "
        "a number or a token is followed by `type: cursor`.",
    )


def not_scalar(spec: Cursor) -> RestSourceError:
    """That a cursor cannot be sent where it should be."""
    return RestSourceError(
        "cursor_not_scalar",
        f"The cursor at {spec.value} is an object or a list, which cannot be sent in the {spec.place}.",
        remedy="Let `value` point at the text or number in it, or send it with `in: body`.",
    )


def stuck(spec: Cursor, mark: str, count: int) -> RestSourceError:
    """That a page ends where the one before it did."""
    return RestSourceError(
        "pagination_loop",
        f"The last record of a page has the {spec.value} that was asked for, {mark}, and the page is a full one.",
        cause=f"The API ignores the parameter of the cursor, or more than {count} records have this value.",
        remedy="Compare `param` with the documentation of the API. If many records have one value, ask for larger "
        "pages by `params`, or take a `value` that no two records share.",
    )


def ignored(spec: Cursor, page: int) -> RestSourceError:
    """That each page is page 1."""
    name = ", ".join(".".join(map(str, name)) if isinstance(name, tuple) else name for name in spec.tokens())
    return RestSourceError(
        "parameter_ignored",
        f"Each page up to page {page} holds exactly the records of page 1: the API seems to ignore `{name}`.",
        cause=f"The parameter of the cursor has another name than `{name}`, or is read elsewhere (`in`).",
        remedy="Look up the parameter's name in the API's documentation and write it as `param`. If equal pages are "
        "real, add `repeated_pages: allow`.",
    )


def no_cursor(spec: Cursor) -> str:
    """That a flag leads on and no cursor does."""
    flag = spec.has_more if spec.has_more is not None else spec.done
    return (
        f"{flag} says that there is more, but {spec.value} holds no cursor; the series ended there. "
        "Check the `value` of the pagination."
    )
