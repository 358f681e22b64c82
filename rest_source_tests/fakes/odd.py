"""APIs that count pages and do not keep to what they say, drawn by hypothesis."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from rest_source.demo.server import Call, Reply
from rest_source_tests.fakes.paged import Handler, Record, by_number, by_offset
from rest_source_tests.strategies import pages


@dataclass(frozen=True, slots=True)
class Odd:
    """An API that does not keep to what it says; `failing` answers a page with a status, at first or always."""

    cut: list[list[Record]]
    size: int
    beyond: Any
    totals: list[Any]
    failing: dict[int, tuple[int, bool]]

    def handler(self) -> Handler:
        slots = [slot for page in self.cut for slot in [*page, *[None] * (self.size - len(page))]]
        by_page, by_place, passed = by_number(self.cut), by_offset(slots, cap=self.size), set[int]()

        def answer(call: Call) -> Reply:
            offset = call.arg("offset")
            index = int(call.arg("page") or 1) - 1 if offset is None else int(offset) // self.size
            status, always = self.failing.get(index, (0, False))
            if status and (always or index not in passed):
                passed.add(index)
                return Reply({"error": "busy"}, status)
            if index >= len(self.cut) and isinstance(self.beyond, Reply):
                return self.beyond
            if index >= len(self.cut) and self.beyond == "clamp":
                reply = Reply({"data": self.cut[-1] if self.cut else []})
            else:
                reply = (by_page if offset is None else by_place)(call)
            total = self.totals[index % len(self.totals)]
            return Reply({**reply.body, "meta": {"n": total}}, headers={"X-N": str(total)})

        return answer


PAST = [Reply(status=204), Reply({"error": "no"}), *(Reply({}, status) for status in (400, 404, 416, 500))]


@st.composite
def odd(draw: st.DrawFn) -> tuple[Odd, dict[str, Any], dict[str, Any]]:
    """An odd API, the endpoint that reads it, and its limits."""
    size = draw(st.integers(1, 4))
    cut = draw(pages(size=size, empty=5))
    count, rows = len(cut), sum(map(len, cut))
    totals = st.none() | st.sampled_from([count, rows, "some"]) | st.integers(0, 2 * rows + 3)
    statuses = st.tuples(st.sampled_from([404, 429, 500, 503]), st.booleans())
    api = Odd(
        cut,
        size,
        draw(st.sampled_from(["clamp", "empty", *PAST])),
        draw(st.lists(totals, min_size=1, max_size=4)),
        draw(st.dictionaries(st.integers(0, count), statuses, max_size=draw(st.sampled_from([0, 0, 2])))),
    )
    where = draw(st.sampled_from(["$.meta.n", {"header": "X-N"}]))
    pagination: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"type": "page_number", "size": size},
                {"type": "page_number"},
                {"type": "page_number", "total_pages": where},
                {"type": "offset_limit", "limit": size},
                {"type": "offset_limit", "limit": size + 3},
            ]
        )
    )
    pagination |= draw(st.sampled_from([{}, {"total_records": where}]))
    pagination |= draw(st.sampled_from([{}, {"repeated_pages": "allow"}, {"end_statuses": [404, 500]}]))
    if "size" in pagination or "limit" in pagination:
        pagination |= {"stop_on_short_page": draw(st.sampled_from([False, False, True]))}
    limits = {"retries": draw(st.integers(0, 2)), "max_pages": draw(st.sampled_from([30, 30, 4]))}
    return api, {"pagination": pagination}, limits
