"""Why a series of pages ends: every stop reason, in words."""

from typing import NamedTuple


class Ending(NamedTuple):
    """A stop reason in two or three words, as in a table, and in a sentence."""

    brief: str
    sentence: str


STOPS = {
    "single_request": Ending("no pagination", "the endpoint has no pagination, so there is one request"),
    "empty_page": Ending("empty page", "the page was empty, and no total says that more is to come"),
    "empty_pages": Ending(
        "empty pages", "too many pages in a row held no new records, though the announced total is not reached"
    ),
    "short_page": Ending(
        "short page", "the page held fewer records than a full one, and `stop_on_short_page` takes that for the end"
    ),
    "total_reached": Ending("total reached", "as many records or pages were read as the API announced"),
    "repeated_page": Ending(
        "repeated page", "the page held the same records as an earlier one, as where a server repeats its last page"
    ),
    "not_found_after_short_page": Ending("no such page", "the page after a short one does not exist"),
    "end_status": Ending("end status", "the API answered with a status of `end_statuses`"),
    "has_more_false": Ending("flag says no more", "the flag at `has_more` is false"),
    "done": Ending("flag says done", "the flag at `done` is true"),
    "same_url": Ending("same URL", "the next URL is the request's own, and `same_url: end` takes that for the end"),
    "link_ends": Ending("link says so", "the link says by a parameter of `stop_when` that it leads to nothing more"),
    "ended_by_rule": Ending("rule", "a rule of `on_error` takes the answer for the end of the series"),
    "no_cursor": Ending("no cursor", "the answer holds no cursor for a next page"),
    "no_next_url": Ending("no next URL", "the answer holds no URL of a next page"),
    "no_link": Ending("no next link", "the Link header names no next page"),
    "cursor_reached": Ending("cursor reached", "all further records are older than the cursor, by `order: desc`"),
    "up_to_date": Ending(
        "up to date", "there was nothing to ask for: no row of the parent, or no time since the cursor"
    ),
    "retried": Ending("retried", "rejected records were loaded again, without asking the API"),
    "stored": Ending("stored", "an asset of yours returned the rows"),
    "child_skipped": Ending("rule", "a rule of `on_error` skipped the last row of the parent"),
    "skipped": Ending("rule", "a rule of `on_error` skipped the endpoint"),
}


def ending(reason: str) -> Ending:
    """A stop reason in words; one of a pager from elsewhere as it names it."""
    return STOPS.get(reason, Ending(reason, reason))
