"""Why a series of pages ends: every stop reason, explained."""

STOPS = {
    "single_request": "the endpoint has no pagination, so there is one request",
    "empty_page": "the page was empty, and no total says that more is to come",
    "empty_pages": "too many pages in a row were empty, though the announced total is not reached",
    "short_page": "the page held fewer records than asked for, and `stop_on_short_page` takes that for the end",
    "total_reached": "as many records or pages were read as the API announced",
    "repeated_page": "the page held the same records as the one before, as servers answer that repeat their last page",
    "not_found_after_short_page": "the page after a short one does not exist",
    "end_status": "the API answered with a status of `end_statuses`",
    "has_more_false": "the flag at `has_more` is false",
    "no_cursor": "the answer holds no cursor for a next page",
    "no_next_url": "the answer holds no URL of a next page",
    "no_link": "the Link header names no next page",
    "cursor_reached": "all further records are older than the cursor, by `order: desc`",
    "up_to_date": "there was nothing to ask for: no row of the parent, or no time since the cursor",
    "retried": "rejected records were loaded again, without asking the API",
    "child_skipped": "a rule of `on_error` skipped the last row of the parent",
    "skipped": "a rule of `on_error` skipped the endpoint",
}
