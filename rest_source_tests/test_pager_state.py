"""Pagers are values: what they hold survives JSON, and the series goes on from it as if nothing had happened."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source.extract.data_root import DataRoot
from rest_source.extract.document import parse
from rest_source.extract.page import Next, Pager, PageRequest, Response, Stop
from rest_source.extract.pagers import pager_for
from rest_source.extract.request import RequestBuilder
from rest_source.extract.stream import PageStream
from rest_source.http.request import Tally
from rest_source_tests.fakes import Api, scripted
from rest_source_tests.fakes.reading import opened
from rest_source_tests.fakes.scenarios import SCENARIOS

Step = tuple[Next[Any], Response, Next[Any] | Stop]


def fetch(stream: PageStream, page: PageRequest) -> Response:
    request = RequestBuilder(stream.source, stream.endpoint, stream.environment, stream.now).build(page)
    answer = stream.session.send(request, Tally())
    document = parse(answer, "test", str)
    selected = DataRoot.of(stream.endpoint).select(document.value, first_page=False)
    return Response(answer.url, answer.headers, document.value, len(selected.returned), selected.last)


def walk(stream: PageStream, pager: Pager[Any], step: Next[Any]) -> Iterator[Step]:
    after: Next[Any] | Stop = step
    while isinstance(after, Next):
        step, response = after, fetch(stream, after.request)
        after = pager.advance(step.state, response)
        yield step, response, after


def through_json(pager: Pager[Any], step: Next[Any]) -> Next[Any]:
    plain = json.loads(json.dumps(asdict(step)))
    request = PageRequest.restore(plain["request"])
    return Next(pager.restore(plain["state"]), request, plain["keep"], tuple(plain["warnings"]))


@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=12)
@given(data=st.data())
def test_a_series_goes_on_from_its_journal(name: str, data: st.DataObject, shared_api: Api) -> None:
    scenario = data.draw(SCENARIOS[name]())
    shared_api.serve(scenario.handler)
    with opened(shared_api.url, scenario.endpoint) as stream:
        pager = pager_for(stream.endpoint.pagination)
        steps = list(walk(stream, pager, pager.first()))
        place = data.draw(st.integers(0, len(steps) - 1))
        step = steps[place][0]
        restored = through_json(pager, step)
        assert restored == step
        assert list(walk(stream, pager_for(stream.endpoint.pagination), restored)) == steps[place:]


@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=5)
@given(data=st.data())
def test_to_advance_changes_nothing(name: str, data: st.DataObject, shared_api: Api) -> None:
    scenario = data.draw(SCENARIOS[name]())
    shared_api.serve(scenario.handler)
    with opened(shared_api.url, scenario.endpoint) as stream:
        pager = pager_for(stream.endpoint.pagination)
        for step, response, after in walk(stream, pager, pager.first()):
            before = json.dumps([asdict(step), response.document])
            assert pager.advance(step.state, response) == after
            assert json.dumps([asdict(step), response.document]) == before


@pytest.mark.parametrize("token", [2**70, [2**70, "a"], {"id": 2**64}, "\ud83d", 0.5, [None, {}]])
def test_a_cursor_of_any_kind_survives(api: Api, token: Any) -> None:
    api.serve(scripted(json.dumps({"data": [1], "next": token})))
    pagination = {"type": "cursor", "value": "$.next", "in": "body"}
    with opened(api.url, {"method": "POST", "pagination": pagination}) as stream:
        pager = pager_for(stream.endpoint.pagination)
        first = pager.first()
        after = pager.advance(first.state, fetch(stream, first.request))
        assert isinstance(after, Next)
        assert after.request.body == ((("cursor",), token),)
        assert through_json(pager, after) == after


@pytest.mark.parametrize("stops", range(7))
def test_a_circle_is_noticed_across_an_interruption(api: Api, stops: int) -> None:
    api.serve(lambda call: scripted({"data": [1], "next": (int(call.arg("cursor", "0") or 0) + 1) % 3})(call))
    with opened(api.url, {"pagination": {"type": "cursor", "value": "$.next"}}) as stream:
        pager = pager_for(stream.endpoint.pagination)
        with pytest.raises(RestSourceError) as caught:
            walk_on(stream, pager, stops)
    assert caught.value.id == "pagination_loop"


def walk_on(stream: PageStream, pager: Pager[Any], stops: int) -> None:
    """Twenty pages at most, interrupted once."""
    step = pager.first()
    for count in range(20):
        step = through_json(pager, step) if count == stops else step
        after = pager.advance(step.state, fetch(stream, step.request))
        assert isinstance(after, Next)
        step = after
