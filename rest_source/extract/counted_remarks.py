"""What series that count tell of pages that are not as asked for."""

from rest_source.errors import RestSourceError
from rest_source.spec.pagination import OffsetLimit, PageNumber

ROWS_HIDDEN = (
    "A page was shorter than asked for, and the rows behind it were partly the same: the API counts rows that it does "
    "not show, such as those that the credentials may not see, or records came in between. The offset goes up by the "
    "limit from there. If rows are hidden, write `advance: limit` in the pagination; if the API returns fewer records "
    "than asked for, write as many as it does return as `limit`."
)
FROM_ONE = "Page 0 is empty and page 1 is not: the API counts pages from 1. Write `start: 1` in the pagination."


def capped(spec: OffsetLimit, step: int) -> str:
    """That the server gives fewer records than asked for."""
    return (
        f"The server returns at most {step} records a page though `{_shown(spec.limit_param)}={spec.limit}` was asked "
        f"for; the offset goes up by {step}. Write `limit: {step}` in the pagination."
    )


def _shown(name: object) -> str:
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)


def ignored(spec: PageNumber | OffsetLimit) -> RestSourceError:
    """That page 2 is page 1."""
    param = _shown(spec.param if isinstance(spec, PageNumber) else spec.offset_param)
    from_zero = isinstance(spec, PageNumber) and spec.start == 0
    zero = " If the API counts pages from 1 and takes 0 for 1, write `start: 1`." if from_zero else ""
    return RestSourceError(
        "parameter_ignored",
        f"Page 2 holds exactly the records of page 1: the API seems to ignore `{param}`.",
        cause=f"The page parameter has another name than `{param}`, or is read elsewhere (in: query or body).",
        remedy="Look up the parameter's name in the API's documentation and write it into the pagination. If all "
        "records come in one answer, use `pagination: {type: none}`, which warns if the answer announces more; if "
        f"equal pages are real, add `repeated_pages: allow`.{zero}",
    )
