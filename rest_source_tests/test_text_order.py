"""Texts that are neither times nor numbers: which is before which, where that is certain."""

from zoneinfo import ZoneInfo

import pytest

from rest_source.extract.cursors import CursorValues, Unordered
from rest_source.extract.text_order import latest_id

VALUES = CursorValues(None, ZoneInfo("UTC"))
IN_ORDER = [
    ("31 Dec 2025", "05 Jan 2026"), ("Sep 30, 2025", "Oct 1, 2025"), ("December 31, 2025", "January 5, 2026"),
    ("5th Jan 2026", "31st January 2026"), ("31-DEC-2025", "05-Jan-2026 10:00"), ("2025/12/31", "2026/1/5"),
    ("2026-1-9", "2026-1-10"), ("2026-01-05 12:30 AM", "2026-01-05 01:30 AM"),
    ("Jan 5, 2026 12:59 PM", "Jan 5, 2026 1:00 PM"),
    ("2025-12-31T10:00:00Z[UTC]", "2026-01-05T10:00+01:00[Europe/Paris]"),
    ("Wed Oct 10 20:19:24 +0000 2018", "Tue Jan 01 00:00:00 +0000 2019"),
    ("Thu Dec 31 10:00:00 UTC 2026", "Fri Jan 01 10:00:00 UTC 2027"),
    ("2025-12", "2026-01"), ("2025-Q4", "2026-Q1"), ("2025", "2026-01-02"), ("2025-W52", "2026-W01"),
    ("ORD-999", "ORD-1000"), ("v9", "v13"), ("ORD-0999", "ORD-1000"), ("a9b", "a10b"), ("1.9.0", "1.10.0"),
    ("INV-2025-0099", "INV-2026-0001"), ("2025-12-31#7", "2026-01-01#2"), ("2026-10-03", "2026-10-45"),
    ("01HV6Z0000QY7M3R1T2K4N5P6X", "01HV6Z0000QY7M3R1T2K4N5P6Y"),
    ("evt_01hv6z0000qy7m3r1t2k4n5p6x", "evt_01hv7a0000qy7m3r1t2k4n5p6x"),
    ("018f3a2b-0000-7abc-8000-00000000000f", "018f3a2b-0001-7abc-8000-000000000000"),
    ("662f1a000000000000000000", "662f1a00000000000000000a"), ("0x00000000000007D9", "0x00000000000007DA"),
    ("AAAAAAAAB9k=", "AAAAAAAAB+E="), ("000123", "001000"), ("9", "10"), ("10.5", "10.75"),
    ("1700000000000-9", "1700000000001-0"),
    ("00012025", "00012026"), ("20251231", "20260105"), ("31122025", "31122026"),
]  # fmt: skip
UNCERTAIN = [
    ("31122025", "05012026"), ("12312025", "01052026"),
    ("31/12/2025", "05/01/2026"), ("12/31/2025", "01/05/2026"), ("31.12.25", "05.01.26"), ("Q4 2025", "Q1 2026"),
    ("beta", "alpha"), ("Mon", "Tue"), ("dec-25", "jan-26"), ("1.9", "1.10"), ("1.9.5", "1.10.0"), ("x-9", "y-10"),
    ("9f1b2c", "a01b2c"), ("31/12/2025 12:30 AM", "31/12/2025 01:30 AM"), ("YXJyYXk6MA==", "YXJyYXk6MQ=="),
    ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", "9c5b94b1-35ad-49bb-b118-8e8fc24abf80"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), IN_ORDER)
def test_the_later_of_two_texts_is_found_whichever_comes_first(one: str, other: str) -> None:
    assert VALUES.latest([one, other]) == VALUES.latest([other, one]) == VALUES.latest([one], other) == other
    assert VALUES.precedes(one, other)
    assert not VALUES.precedes(other, one)


@pytest.mark.parametrize(("one", "other"), UNCERTAIN)
def test_texts_without_a_certain_order_have_no_latest_and_none_precedes(one: str, other: str) -> None:
    for values in ([one, other], [other, one]):
        with pytest.raises(Unordered):
            VALUES.latest(values)
    assert not VALUES.precedes(one, other)
    assert not VALUES.precedes(other, one)
    assert VALUES.latest([one, one], one) == one


def test_ids_of_one_kind_that_are_all_digits_stay_ids() -> None:
    ids = ["662f1a00000000000000000a", "662911000000000000000000", "662f1a000000000000000001"]
    assert latest_id(ids) == VALUES.latest(ids) == VALUES.latest(ids[1:], ids[0]) == ids[0]
