"""Answers beside 401 that mean the end of a token: it is renewed once, and the same request is sent again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.fakes.reading import Read, read
from rest_source_tests.test_spec import errors

ENDED: list[tuple[dict[str, Any], Reply]] = [
    ({"status": 403, "contains": "expired"}, Reply({"message": "token expired"}, 403)),
    ({"status": [400, 403], "json": "$.error"}, Reply({"error": "INVALID_SESSION"}, 400)),
    ({"status": 200, "json": "$.error", "contains": "session"}, Reply({"error": {"code": "session_over"}}, 200)),
    ({"json": "$.errors[0].code", "contains": "1002"}, Reply({"errors": [{"code": 1002}]}, 200)),
    ({"empty": True}, Reply("", 200)),
    ({"status": 500, "contains": "Session"}, Reply("Session timed out", 500)),
]


@dataclass
class Ending:
    """An API of five pages of two records, whose tokens open `uses` requests each and then get the answer `ended`."""

    ended: Reply
    uses: int = 2
    then: int = 0
    """How many the tokens after the first one open, if other."""
    issued: int = 0
    left: int = 0
    asked: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, call: Call) -> Reply:
        with self._lock:
            if call.path in ("/token", "/login"):
                self.issued += 1
                self.left = self.uses if self.issued == 1 or not self.then else self.then
                return Reply({"access_token": f"t0ken-{self.issued}", "t": f"t0ken-{self.issued}"})
            self.asked.append(f"{call.method} {call.target} {call.body.decode()}")
            if call.headers["Authorization"] != f"Bearer t0ken-{self.issued}" or self.left == 0:
                return self.ended
            self.left -= 1
        page = int(call.arg("page") or 1)
        return Reply({"data": [{"id": page * 10 + n} for n in range(2)] if page <= 5 else []})


AUTHS: list[Callable[[str], dict[str, Any]]] = [
    lambda url: {"type": "oauth2", "token_url": f"{url}/token", "client_id": "me"},
    lambda url: {"type": "login", "request": {"path": "/login"}, "token": "$.t"},
]


@contextmanager
def serving(api: Ending) -> Iterator[str]:
    with LoopbackServer(api) as server:
        yield server.url


def load(url: str, auth: dict[str, Any], **endpoint: Any) -> Read:
    return read(url, {"pagination": {"type": "page_number"}, **endpoint}, auth=auth, limits={"concurrency": 1})


IDS = [page * 10 + n for page in range(1, 6) for n in range(2)]


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize(("rule", "reply"), ENDED)
def test_an_answer_that_means_the_end_of_a_token_renews_it(
    rule: dict[str, Any], reply: Reply, auth: Callable[[str], dict[str, Any]]
) -> None:
    api = Ending(reply)
    with serving(api) as url:
        found = load(url, {**auth(url), "renew_on": [rule]})
    assert found.ids == IDS
    assert api.issued == 3
    assert found.stream.tally.retries == 2


def test_a_post_is_sent_again_as_it_was() -> None:
    api = Ending(Reply({"error": "expired"}, 403))
    with serving(api) as url:
        keys = {"method": "POST", "params": {"q": "a b"}, "body": {"x": [1]}}
        assert load(url, {**AUTHS[0](url), "renew_on": [{"status": 403}]}, **keys).ids == IDS
    again = 'POST /records?q=a%20b&page=3 {"x":[1]}'
    assert [call for call in api.asked if "page=3" in call] == [again, again]


def test_pages_in_parallel_cause_one_renewal() -> None:
    api = Ending(Reply({"error": "expired"}, 403), uses=3, then=99)
    with serving(api) as url:
        auth = {**AUTHS[0](url), "renew_on": [{"status": 403}]}
        found = read(url, {"pagination": {"type": "page_number"}}, auth=auth, limits={"concurrency": 4})
    assert found.ids == IDS
    assert api.issued == 2


@pytest.mark.parametrize("status", [200, 403])
def test_a_fresh_token_that_is_refused_again_is_an_error(status: int) -> None:
    api = Ending(Reply({"error": "not for you"}, status), uses=0)
    with serving(api) as url, pytest.raises(RestSourceError) as caught:
        load(url, {**AUTHS[0](url), "renew_on": [{"json": "$.error"}]})
    assert api.issued == 2
    assert caught.value.id == ("token_still_refused" if status == 200 else "http_403")
    assert "not for you" in caught.value.message
    assert "renew_on" in caught.value.message or "fresh" in caught.value.cause


def test_without_a_rule_nothing_is_renewed() -> None:
    api = Ending(Reply({"error": "expired"}, 403))
    with serving(api) as url, pytest.raises(RestSourceError, match="403"):
        load(url, AUTHS[0](url))
    assert api.issued == 1


@pytest.mark.parametrize(
    ("auth", "place", "told"),
    [
        ({"type": "bearer", "token": "x", "renew_on": []}, "renew_on", "unknown key `renew_on`"),
        ({**AUTHS[0]("http://h"), "renew_on": [{}]}, "renew_on.0", "at least one of `status`"),
        ({**AUTHS[0]("http://h"), "renew_on": {"status": 403}}, "renew_on", "should be a list"),
        ({**AUTHS[1]("http://h"), "renew_on": [{"status": 403, "do": "skip"}]}, "renew_on.0.do", "unknown key `do`"),
    ],
)
def test_a_rule_that_cannot_be(auth: dict[str, Any], place: str, told: str) -> None:
    [(found, message)] = errors(auth=auth)
    assert (found, told in message) == (f"auth.{place}", True), message
