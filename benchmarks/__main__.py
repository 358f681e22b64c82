"""`python -m benchmarks`: measure the cases, print tables and verdicts."""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.cases import CASES, TARGETS, Case, Figures
from benchmarks.contestants import CONTESTANTS
from benchmarks.data import expected, write_pages
from benchmarks.job import WARM_UP, Job
from benchmarks.measure import Sample, Summary, in_table, run
from benchmarks.report import as_json, as_markdown, machine
from benchmarks.server import serving
from rest_source.demo.postgres import EmbeddedServer, embedded_postgres

HERE = Path(__file__).parent


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--case", "-c", "names", multiple=True, type=click.Choice([case.name for case in CASES]))
@click.option("--contestant", "-x", "only", multiple=True, type=click.Choice(list(CONTESTANTS)))
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds of every case, instead of its own number.")
@click.option("--quick", is_flag=True, help="A fiftieth of the sizes, one round, no verdicts, nothing for --write.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), default=HERE / "results.json", show_default=True)
@click.option(
    "--profile", type=click.Path(path_type=Path), help="A folder for a cProfile of every run, which slows it."
)
@click.option("--write", is_flag=True, help="Write the tables to benchmarks/RESULTS.md.")
def main(
    names: tuple[str, ...],
    only: tuple[str, ...],
    rounds: int | None,
    quick: bool,
    json_path: Path,
    profile: Path | None,
    write: bool,
) -> None:
    """Measure rest_source beside dlt and the physical floor.

    \b
    Examples:
      python -m benchmarks                                          everything
      python -m benchmarks --quick -c 500k -c cursor                in half a minute, to see that all runs
      python -m benchmarks -c 500k -x rest_source -x floor          without dlt
      python -m benchmarks -c page_number -c cursor --rounds 5
    """
    cases = [case.quick() if quick else case for case in CASES if not names or case.name in names]
    if rounds:
        cases = [replace(case, rounds=rounds) for case in cases]
    _refuse_what_cannot_be(cases, only, json_path, quick and write)
    figures: dict[tuple[str, str], Summary] = {}
    for case in cases:
        figures |= measure(case, set(only) or set(CONTESTANTS), profile)
    chosen = {case.name for case in cases}
    facts, targets = machine(), () if quick else [target for target in TARGETS if target.case in chosen]
    text = as_markdown(
        [case for case in cases if any(name == case.name for name, _ in figures)], figures, facts, targets
    )
    json_path.write_text(json.dumps(as_json(cases, figures, facts, targets), indent=2) + "\n", encoding="utf-8")
    if write:
        (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    click.echo(text)


def _refuse_what_cannot_be(cases: Sequence[Case], only: Sequence[str], json_path: Path, small: bool) -> None:
    """Before anything is measured: it takes up to a quarter of an hour."""
    if small:
        raise click.UsageError("--quick measures a fiftieth; RESULTS.md is for whole runs.")
    if not json_path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {json_path.parent}.", param_hint="--json")
    known = dict.fromkeys(contestant for case in cases for contestant in (*case.contestants, *case.once))
    if foreign := [contestant for contestant in only if contestant not in known]:
        raise click.UsageError(f"No case that was chosen measures {', '.join(foreign)}; there are {', '.join(known)}.")


def measure(case: Case, only: set[str], profile: Path | None = None) -> Figures:
    """Every contestant of a case in turn, round after round."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    # Beside this file and not in the system's folder, which may be memory.
    with TemporaryDirectory(prefix="tmp_", dir=HERE) as work:
        pages = Path(work) / "pages"
        if case.records:
            write_pages(pages, case.records, case.page_size)
        with (
            serving(pages, case.latency) if case.records else nullcontext("") as url,
            embedded_postgres() if case.postgres else nullcontext() as server,
        ):
            for turn in range(case.rounds):
                for contestant in (*case.contestants, *(case.once if turn == 0 else ())):
                    if contestant in only:
                        samples[contestant].append(_once(case, contestant, url, Path(work), profile, server))
    return {(case.name, contestant): Summary(case.size, tuple(taken)) for contestant, taken in samples.items()}


def _once(
    case: Case, contestant: str, url: str, work: Path, profile: Path | None, server: EmbeddedServer | None
) -> Sample:
    with TemporaryDirectory(dir=work) as folder:
        destination, warm_up = f"duckdb:///{folder}/warehouse.duckdb", WARM_UP
        if server:
            destination, warm_up = server.empty_database("bench"), server.empty_database("warm_up")
        job = Job(destination, warm_up, url, case.dialect, case.concurrency, case.endpoints)
        file = profile and profile.absolute() / f"{case.name}-{contestant.replace(' ', '_')}.prof"
        sample = run(contestant, job, Path(folder), file)
        if case.records and (found := in_table(destination)) != expected(case.records):
            raise RuntimeError(f"{contestant} left {found} (rows, ids, sum) in the table, not {expected(case.records)}")
    said = f"{case.name} · {contestant}: {sample.seconds:.2f} s, {sample.peak_mb:.0f} MB"
    click.echo(said, file=sys.stderr)
    return sample


if __name__ == "__main__":
    main()
