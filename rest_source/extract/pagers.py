"""The pager of an endpoint, from its pagination."""

from typing import Any

from rest_source.extract.counted import CountedPager
from rest_source.extract.linked import CursorPager, LinkHeaderPager, NextUrlPager, SinglePager
from rest_source.extract.page import Pager
from rest_source.spec.pagination import Cursor, LinkHeader, NextUrl, NoPagination, OffsetLimit, PageNumber, Pagination


def pager_for(pagination: Pagination) -> Pager[Any]:
    """The pure value that knows the way through this pagination."""
    match pagination:
        case NoPagination():
            return SinglePager(pagination)
        case PageNumber() | OffsetLimit():
            return CountedPager(pagination)
        case Cursor():
            return CursorPager(pagination)
        case NextUrl():
            return NextUrlPager(pagination)
        case LinkHeader():
            return LinkHeaderPager(pagination)
