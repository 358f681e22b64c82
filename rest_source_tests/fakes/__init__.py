"""Fake APIs for tests: real HTTP on loopback, answers made to measure."""

from rest_source_tests.fakes.paged import (
    Api,
    after_tokens,
    by_links,
    by_number,
    by_offset,
    by_urls,
    in_one_answer,
    scripted,
)

__all__ = ["Api", "after_tokens", "by_links", "by_number", "by_offset", "by_urls", "in_one_answer", "scripted"]
