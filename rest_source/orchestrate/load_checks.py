"""The checks `complete` and `rows`, which judge each load of a run."""

from functools import partial

from rest_source.catalogue.stops import ending
from rest_source.http.errors import Mask
from rest_source.load.destination import CommittedLoad
from rest_source.orchestrate.verdict import Case, Verdict, of_each
from rest_source.spec.asset import RowBounds


def judge_complete(case: Case) -> Verdict:
    """Each load of the run read all that the API announced: its totals, and every next page."""
    return of_each(case.loads, partial(_complete, case.mask))


def judge_rows(bounds: RowBounds, case: Case) -> Verdict:
    """Each load of the run read as many records as it should."""
    return of_each(case.loads, partial(_rows, bounds))


def _complete(mask: Mask, load: CommittedLoad) -> Verdict:
    rows, total = load.result.rows_read, load.total_reported
    returned = rows if load.records_returned is None else load.records_returned
    figures = {
        "rows_read": rows,
        "stop_reason": load.stop_reason,
        "ended_as": ending(load.stop_reason).sentence,
        **({} if total is None else {"total_reported": total}),
    }
    if load.stop_reason == "cursor_reached":
        return Verdict(None, f"{rows} records read; `order: desc` asks for no more than is new.", figures)
    if total is not None and returned != total:
        return Verdict(f"The API announced {total} records, the last load read {returned}.", "", figures)
    if load.shortfall:
        return Verdict(mask(load.shortfall), "", figures)
    if load.stop_reason == "empty_pages":
        return Verdict(
            f"Empty pages ended the last load before the announced end; it read {rows} records.", "", figures
        )
    return Verdict(None, f"{returned} records read; the API announced no more.", figures)


def _rows(bounds: RowBounds, load: CommittedLoad) -> Verdict:
    rows, figures = load.result.rows_read, {"rows_read": load.result.rows_read}
    if bounds.least is not None and rows < bounds.least:
        return Verdict(f"The last load read {rows} records, fewer than {bounds.least}.", "", figures)
    if bounds.most is not None and rows > bounds.most:
        return Verdict(f"The last load read {rows} records, more than {bounds.most}.", "", figures)
    return Verdict(None, f"{rows} records read.", figures)
