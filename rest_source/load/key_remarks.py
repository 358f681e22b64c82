"""What a load tells of its key: records that it merged though they differ, and rows that it took from elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rest_source.extract.slices import parent_fields
from rest_source.load.destination import CommitResult
from rest_source.load.merged import is_large
from rest_source.spec.base import flow
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.names import PARTITION

Quote = Callable[[str], str]
in_backticks: Quote = "`{}`".format


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a key; `is_wrong` unless it may well be as it should be."""

    is_wrong: bool
    text: str


def key_remarks(result: CommitResult, endpoint: EndpointSpec, quote: Quote = in_backticks) -> Iterator[Remark]:
    """What a load did to records of one key; `quote` makes code of names, which come from the API."""
    key = quote(", ".join(endpoint.primary_key))
    read = result.rows_read - result.rows_rejected
    if result.rows_merged:
        yield _of_merged(result, endpoint, read, key, quote)
    if result.rows_united:
        yield Remark(False, f"{result.rows_united} rows of the table are gone, as newer ones have the same {key}.")
    if result.rows_shared:
        yield _of_shared(result.rows_shared, endpoint, quote)
    if 2 * result.rows_moved >= max(1, read - result.rows_merged) and endpoint.requests == "partition":
        remedy = quote(written_key(endpoint, endpoint.primary_key))
        yield Remark(
            True,
            f"{result.rows_moved} rows were taken out of other partitions, as their {key} was read in this one too. If "
            f"a record belongs to one partition at a time, nothing is to be done; if each has its own, write {remedy} "
            "and load the partitions again.",
        )


def _of_shared(count: int, endpoint: EndpointSpec, quote: Quote) -> Remark:
    parent = endpoint.parent
    include = parent.include if parent else ()
    names = [*include, *(name for name in parent_fields(endpoint) if name not in include)]
    written = quote(f"include: {flow(names[0] if len(names) == 1 else names)}")
    alone = "leave out `batch` and " if parent and parent.batch else ""
    stay = f" Rows stored so far stay, without {quote(f'parent_{names[-1]}')}." if endpoint.write == "merge" else ""
    return Remark(
        False,
        f"{count} records were equal to those of another row of the parent, and are no rows of their own. If a record "
        f"belongs to several, name its `primary_key`; if each is its own, {alone}write {written} in `parent`, and "
        f"{again(endpoint)}.{stay}",
    )


def _of_merged(result: CommitResult, endpoint: EndpointSpec, read: int, key: str, quote: Quote) -> Remark:
    sample = f", such as {', '.join(map(quote, result.merged_sample))}" if result.merged_sample else ""
    if not result.identity and not is_large(result.rows_merged, read):
        return Remark(
            False,
            f"{_records(result.rows_merged)} merged into others with the same {key} though they differ{sample}. "
            f"Either they changed while they were read, or {key} does not identify a record.",
        )
    if result.identity:
        remedy = f"Write {quote(written_key(endpoint, result.identity))}, which tells them apart, and {again(endpoint)}"
    else:
        remedy = f"Without `primary_key` each of them is a row; leave it out, and {again(endpoint)}"
    return Remark(
        True,
        f"{key} does not identify a record: {result.rows_merged} of {read} records were merged into others with the "
        f"same {key} though they differ{sample}. {remedy}.",
    )


def _records(count: int) -> str:
    return "1 record was" if count == 1 else f"{count} records were"


def written_key(endpoint: EndpointSpec, names: Sequence[str]) -> str:
    """A key as the file has it; one of a partitioned endpoint takes no row out of another partition."""
    beside = (PARTITION,) if endpoint.partitions_def and endpoint.requests == "partition" else ()
    parts = [*names, *(part for part in beside if part not in names)]
    return f"primary_key: {flow(parts[0] if len(parts) == 1 else parts)}"


def again(endpoint: EndpointSpec) -> str:
    """How all records are read again, which removes no row of a record that is not."""
    what = "load its partitions again" if endpoint.partitions_def else "load once"
    return f"{what} with `--full-refresh`" if endpoint.incremental or not endpoint.partitions_def else what
