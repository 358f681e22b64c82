"""What an asset check judges, what it finds, and how it comes to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rest_source.http.errors import Mask
from rest_source.load.destination import CommittedLoad, Destination, SchemaReport
from rest_source.load.past_loads import loads_of_run, schema_changes
from rest_source.spec.asset import Level
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec

_TOLD = 5


@dataclass(frozen=True)
class Case:
    """An endpoint as a run has left it in a destination; `run_id` is that of all attempts at the run."""

    destination: Destination
    source: SourceSpec
    endpoint: EndpointSpec
    mask: Mask
    run_id: str = ""

    @property
    def loads(self) -> list[CommittedLoad]:
        """The loads to judge: those of this run, of a run without any those of the last one that had some."""
        return self._recorded[0]

    @property
    def schema(self) -> SchemaReport:
        """How the table has changed so far."""
        return self._recorded[1]

    @cached_property
    def _recorded(self) -> tuple[list[CommittedLoad], SchemaReport]:
        source, endpoint = self.source.name, self.endpoint.name
        with self.destination.reading() as session:
            loads = loads_of_run(session, source, endpoint, self.run_id)
            return loads, schema_changes(session, source, endpoint)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: a sentence where something is wrong, and the figures behind it."""

    wrong: str | None
    right: str
    metadata: dict[str, Any]


NOTHING_LOADED = Verdict(None, "Nothing has been loaded yet.", {})
Judge = Callable[[Case], Verdict]


@dataclass(frozen=True, slots=True)
class Check:
    """How loud a check is, and how it judges."""

    level: Level | None
    judge: Judge


def of_each(loads: Sequence[CommittedLoad], judge: Callable[[CommittedLoad], Verdict]) -> Verdict:
    """One verdict on all loads: wrong if one of them is, whichever; it names the partitions concerned."""
    verdicts = [(load.partition, judge(load)) for load in loads]
    if not verdicts:
        return NOTHING_LOADED
    wrong = [(partition, verdict) for partition, verdict in verdicts if verdict.wrong]
    partition, verdict = (wrong or verdicts)[0]
    if len(verdicts) == 1:
        told = f"{partition}: {verdict.wrong}" if partition and verdict.wrong else verdict.wrong
        return Verdict(told, verdict.right, verdict.metadata)
    figures = {"loads": len(verdicts), "partitions": {key: one.metadata for key, one in wrong or verdicts[:_TOLD]}}
    if not wrong:
        return Verdict(
            None, f"All of {len(verdicts)} partitions passed. The first, {partition}: {verdict.right}", figures
        )
    return Verdict(named([(key, str(one.wrong)) for key, one in wrong], len(verdicts)), "", figures)


def named(told: Sequence[tuple[str, str]], count: int) -> str:
    """What is told of some of `count` loads, each with its partition; of many, the first ones."""
    sentences = " ".join(f"{partition}: {text}" if partition else text for partition, text in told[:_TOLD])
    if len(told) <= _TOLD:
        return sentences
    rest = ", ".join(partition for partition, _ in told[_TOLD : 4 * _TOLD]) + (", …" if len(told) > 4 * _TOLD else "")
    return f"{sentences} {len(told) - _TOLD} more of {count} partitions likewise: {rest}."
