"""What the earlier pages of a series held and announced, by which the next one is judged."""

from dataclasses import dataclass, field

from rest_source.extract.announced import NOTHING_MORE, Announced
from rest_source.extract.identity import Identity
from rest_source.extract.recovery import Interrupted


@dataclass(slots=True)
class History:
    """The pages of one series so far.

    `digests` has the page that first held some records. `returned` counts the records by which paging goes, and `empty`
    the pages without any at the end. `first` and `last` are what the first and the last answer announced. `is_list`
    says that an answer was a list, and `had_records` that one held several records. `names` are those of rows that are
    arrays. `is_wrapped` says that the data root was told to be one of a wrapper. `most` is the greatest total of
    records so far. `has_accepted` says that a page with records had the status 202.
    """

    digests: dict[str, int] = field(default_factory=dict)
    returned: int = 0
    pages: int = 0
    empty: int = 0
    first: Announced = NOTHING_MORE
    last: Announced = NOTHING_MORE
    is_list: bool = False
    had_records: bool = False
    names: tuple[str, ...] = ()
    is_wrapped: bool = False
    most: int = 0
    has_accepted: bool = False
    _latest: int = 0
    _last_page: Identity | None = None

    @classmethod
    def resumed(cls, load: Interrupted, pages: int) -> "History":
        """The pages of the series under way in a load that goes on, as far as later ones are judged by them."""
        last = load.last
        history = cls(dict(load.identities), last["returned"] - load.returned_before, pages)
        history.is_list, history.names = last.get("is_list", False), tuple(last.get("names", ()))
        history.most = last.get("most", 0)
        return history

    def twin(self, identity: Identity) -> int | None:
        """The earlier page that held the same records."""
        return self.digests.get(identity.digest) if identity.digest is not None else None

    def known(self, identity: Identity) -> int:
        """How many of the records the page before held."""
        return len(identity.marks & self._last_page.marks) if self._last_page is not None else 0

    def hear(self, said: Announced) -> None:
        """Take in what an answer announces."""
        self.first = said if not self.pages else self.first
        self.last = said

    def count(self, total: int | None) -> None:
        """Take in the total of records, which the file names, or the answer by a name that is sure."""
        sign = self.last.records
        if total is None and sign is not None and sign.is_sure:
            total = sign.count
        if total is not None:
            self.most, self._latest = max(self.most, total), total

    @property
    def has_shrunk(self) -> bool:
        """Whether records were deleted while pages were read: then those behind may have moved to an earlier page.

        The total fell, and no more were read than are left.
        """
        return self._latest <= self.returned < self.most

    def add(self, number: int, identity: Identity, new: int, keeps_digest: bool, keeps_marks: bool) -> None:
        """Take in a page that is kept, with so many records that count, and what later pages are compared with."""
        self.pages, self.returned = number, self.returned + new
        self.empty = 0 if new else self.empty + 1
        self._last_page = identity if keeps_marks else None
        if keeps_digest and identity.digest is not None:
            self.digests.setdefault(identity.digest, number)
