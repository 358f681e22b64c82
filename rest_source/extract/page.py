"""What travels between the parts of an extraction: a page, the request for the next, and why a series stops."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, Protocol, Self, TypeVar

from rest_source.errors import RestSourceError
from rest_source.extract.announced import as_count
from rest_source.extract.answer_fields import is_bound
from rest_source.extract.records import EncodedRecords
from rest_source.spec.jsonpath import MISSING, compile_path
from rest_source.spec.places import Found, HeaderValue

State = TypeVar("State")


def found_at(where: Found, headers: Mapping[str, str], document: Any) -> Any:
    """The value at a JSONPath or in a header of an answer; MISSING where there is none."""
    if isinstance(where, HeaderValue):
        return headers.get(where.header, MISSING)
    return compile_path(where).first(document)


BodyPath = tuple[str | int, ...]
"""The steps to a place in a body: keys of objects and indices of lists."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What sets one page's request apart from the endpoint's own; JSON-serialisable.

    `positions` are the values of the templates `{page}`, `{offset}`, `{limit}` and `{next}`; None is one that has no
    value yet. A `url` is sent as it is; one that is relative is so to `base_url`. A request that is `alone` leaves out
    the endpoint's own parameters in the place of its own.
    """

    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: tuple[tuple[BodyPath, Any], ...] = ()
    path: Mapping[str, Any] = field(default_factory=dict)
    positions: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None
    alone: bool = False

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> Self:
        """The request from its JSON form."""
        return cls(**{**stored, "body": tuple((tuple(path), value) for path, value in stored["body"])})


@dataclass(frozen=True, slots=True)
class Response:
    """One page as a pager sees it: what the API returned, before a filter or slice of the data root selects from it.

    `url` is where the answer came from, `count` the number of records, null ones included. `twin` is the number of an
    earlier page of the series that held the same records, and `known` how many of the records the page before or the
    first page held; both are calls because they cost the encoding of the page. Pages of up to `uncut` records are known
    to be shorter than the server allows.
    """

    url: str
    headers: Mapping[str, str]
    document: Any
    count: int
    last_record: Any = None
    twin: Callable[[], int | None] = field(default=lambda: None, compare=False)
    known: Callable[[], int] = field(default=lambda: 0, compare=False)
    uncut: int = 0

    def find(self, where: Found) -> Any:
        """The value at a JSONPath or in a header; MISSING where there is none."""
        return found_at(where, self.headers, self.document)

    def total(self, where: Found) -> int | None:
        """The total at a place; None where there is none, or where it is a lower bound."""
        path = compile_path(where) if isinstance(where, str) else None
        held = compile_path(path.parent).first(self.document) if path is not None and path.parent else None
        return None if is_bound(held) else as_count(self.find(where))


@dataclass(frozen=True, slots=True)
class Next(Generic[State]):
    """There is another page: its request, and the state to judge it with. Both are JSON-serialisable.

    `keep` is false where the page before it holds nothing that other pages do not.
    """

    state: State
    request: PageRequest
    keep: bool = True
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """The series ends, for a reason. `keep` is false where the last page holds nothing new."""

    reason: str
    keep: bool = True
    warnings: tuple[str, ...] = ()


NOTHING = EncodedRecords(b"", 0, "", 0)


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request for a row of a parent that a rule of `on_error` skips: the row's fields, and what the API said.

    `scope` is that of the cursor of its series, which does not move past what was not read.
    """

    scope: str
    parent: Mapping[str, Any]
    request: str
    status: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """Values of a cursor that lie beyond the time of the request: how many, and the first with what it is of, masked.

    JSON-serialisable.
    """

    count: int
    value: str
    holder: str

    def plus(self, further: "Ahead | None") -> "Ahead":
        """These and those of a further page."""
        return self if further is None else replace(self, count=self.count + further.count)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, ready for the spool, and what comes after it; `total` is the announced number of records.

    A page too large for memory comes in parts, of which only the last says what comes `after`. `follows` is that
    for the journal. It is empty where it holds a secret, such as a key that the API repeats in its next URL, which
    must not be kept on disk: the load cannot be resumed from this page. `returned` counts the records by which paging
    goes: those the API returned, whichever of them are selected, and each once. `shortfall` says what the API announced
    beyond what its series read, and `shrunk` that its total fell meanwhile. `cursor` is the latest value in it of
    the cursor of increments, `unordered` two of which it is not certain which is the later, `ahead` those that are
    none, and `failed` the request by which a child's series ended.
    """

    number: int
    records: EncodedRecords
    after: Next[Any] | Stop | None
    total: int | None = None
    follows: Mapping[str, Any] = field(default_factory=dict)
    cursor: Any = None
    unordered: tuple[str, str] | None = None
    ahead: Ahead | None = None
    failed: FailedRequest | None = None
    returned: int = 0
    shortfall: str | None = None
    shrunk: bool = False


def journalled(after: Next[Any] | Stop) -> dict[str, Any]:
    """What comes after a page, as the journal holds it."""
    return {"next" if isinstance(after, Next) else "stop": asdict(after)}


class Pager(Protocol[State]):
    """The paging of one endpoint as a pure value: no I/O, no mutation.

    Whoever holds a `Next` can resume from there, in this process or another. Pages are compared with all earlier ones
    where it `keeps_digests`, and record by record with the one before where it `keeps_marks`.
    """

    @property
    def keeps_digests(self) -> bool:
        """Whether `Response.twin` is asked for."""
        ...

    @property
    def tells_twins(self) -> bool:
        """Whether a page like an earlier one is told and nothing else, as the answer leads on all the same."""
        ...

    @property
    def keeps_marks(self) -> bool:
        """Whether `Response.known` is asked for."""
        ...

    def first(self) -> Next[State]:
        """The first request."""
        ...

    def advance(self, state: State, response: Response) -> Next[State] | Stop:
        """What follows the response to the request made in `state`; raises RestSourceError on a loop."""
        ...

    def ahead(self, state: State) -> Next[State] | None:
        """What will follow the request made in `state` in all likelihood; None where only its response tells."""
        ...

    def knows_end(self, state: State) -> bool:
        """Whether a total is known, so that looking ahead stops where it should."""
        ...

    def past_end(self, state: State, error: RestSourceError) -> Stop | None:
        """The end, if an error in this state only says that the last page is behind us."""
        ...

    def total(self, state: State, response: Response) -> int | None:
        """The number of records the API announced, up to and with this response."""
        ...

    def new(self, state: State, response: Response) -> int:
        """How many of the response's records count towards a total."""
        ...

    def restore(self, state: Mapping[str, Any]) -> State:
        """The state from its JSON form."""
        ...
