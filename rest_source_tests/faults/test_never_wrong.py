"""Whatever an API does and whatever a file says: no load is green though records are missing or doubled."""

import os
from dataclasses import replace

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rest_source_tests.fakes import Api
from rest_source_tests.fakes.fitting import Case, fitting
from rest_source_tests.fakes.misfits import misfitting
from rest_source_tests.faults.judging import is_fine, load, load_into, load_together
from rest_source_tests.loading import Warehouse

EXAMPLES = 60 * int(os.environ.get("REST_SOURCE_TEST_EXAMPLES", "2"))
FIXED = "REST_SOURCE_TEST_EXAMPLES" not in os.environ
"""Whether the examples are the same in each run; the long suite draws others each time."""


@settings(max_examples=EXAMPLES, derandomize=FIXED)
@given(case=fitting())
def test_a_file_that_fits(case: Case, shared_api: Api) -> None:
    judge(shared_api, case)


@settings(max_examples=EXAMPLES, derandomize=FIXED)
@given(case=misfitting())
def test_a_file_that_does_not_fit(case: Case, shared_api: Api) -> None:
    if case.misfit == "another template":
        with pytest.raises(ValidationError):
            load(shared_api, case)
    else:
        judge(shared_api, case)


@settings(max_examples=EXAMPLES, derandomize=FIXED)
@given(case=fitting(honest=True))
def test_an_honest_api_is_loaded_without_a_word(case: Case, shared_api: Api) -> None:
    judged = load(shared_api, case, concurrency=4)
    assert (sorted(judged.rows), judged.told) == (case.records, ())


@settings(max_examples=EXAMPLES // 30, derandomize=FIXED, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(case=st.one_of(fitting(), fitting(honest=True), misfitting()))
def test_the_table_and_its_checks(case: Case, shared_api: Api, shared_warehouse: Warehouse) -> None:
    assume(case.misfit != "another template")
    judged, read = load_into(shared_warehouse, shared_api, case), load(shared_api, case)
    assert is_fine(case, judged), f"green with {judged.rows} instead of {case.records}"
    assert bool(judged.told) == bool(read.told)
    assert judged.told or sorted(judged.rows) == sorted(read.rows)


@settings(max_examples=EXAMPLES // 30, derandomize=FIXED, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(case=st.one_of(fitting(), misfitting()), breaks_after=st.integers(0, 4))
def test_a_load_that_is_resumed(case: Case, breaks_after: int, shared_api: Api, shared_warehouse: Warehouse) -> None:
    assume(case.misfit != "another template" and not case.api.ticks)
    whole = load_into(shared_warehouse, shared_api, case)
    resumed = load_into(shared_warehouse, shared_api, case, breaks_after)
    assert (sorted(resumed.rows, key=str), bool(resumed.told)) == (sorted(whole.rows, key=str), bool(whole.told))


@settings(max_examples=EXAMPLES // 4, derandomize=FIXED)
@given(
    case=st.one_of(fitting(), misfitting()),
    others=st.lists(st.text(st.sampled_from("aab0-"), max_size=9), min_size=1, max_size=2),
)
def test_several_series_of_one_load(case: Case, others: list[str], shared_api: Api) -> None:
    assume(case.misfit != "another template")
    case = replace(case, endpoint={**case.endpoint, "write": "merge"})
    cases = [case, *(replace(case, api=replace(case.api, slots=slots)) for slots in others)]
    alone = [load(shared_api, one) for one in cases]
    together = load_together(shared_api, cases)
    assert bool(together.told) == any(one.told for one in alone)
    assert together.told or {*together.rows} == {row for one in alone for row in one.rows}


@pytest.fixture(scope="module")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One file for the tables of all examples."""
    return Warehouse(tmp_path_factory.mktemp("never_wrong"))


def judge(api: Api, case: Case) -> None:
    """A load is right, or it tells why not; with pages read ahead it comes to the same."""
    judged = load(api, case)
    assert is_fine(case, judged), f"green with {judged.rows} instead of {case.records}"
    ahead = load(api, case, concurrency=4)
    assert (ahead.rows, ahead.told) == (judged.rows, judged.told)
