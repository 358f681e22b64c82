"""The parts of the README between markers, made from models and catalogue."""

import difflib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from rest_source.catalogue import CATALOGUE, Entry
from rest_source.catalogue.stops import STOPS
from rest_source.reference.keys import Model, keys_table, types_table, variants_table
from rest_source.reference.markdown import code, table
from rest_source.reference.matrix import matrix, progress_matrix
from rest_source.spec.asset import AssetSettings, Checks, FreshnessPolicy, RowBounds
from rest_source.spec.auth import Auth
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.incremental import Incremental
from rest_source.spec.jwt import Signing
from rest_source.spec.login import LoginRequest, LoginStep
from rest_source.spec.pagination import Pagination
from rest_source.spec.parent import Parent
from rest_source.spec.partitions import BackfillPolicy, Partitions
from rest_source.spec.places import HeaderValue
from rest_source.spec.rules import AnswerRule, ErrorRule
from rest_source.spec.schedule import Schedule
from rest_source.spec.send import Send
from rest_source.spec.source import Limits, SourceSpec, Tls

MAPPINGS: dict[str, tuple[str, Model]] = {
    "source": ("key", SourceSpec),
    "endpoint": ("key", EndpointSpec),
    "source or endpoint": ("key", AssetSettings),
    "freshness policy": ("key of `freshness_policy`", FreshnessPolicy),
    "send": ("key of `send`", Send),
    "jwt": ("key of `jwt`", Signing),
    "login step": ("key of a login step", LoginStep),
    "login request": ("key of `request`", LoginRequest),
    "tls": ("key of `tls`", Tls),
    "header": ("key of `{header: NAME}`", HeaderValue),
    "rules": ("key of an `on_error` rule", ErrorRule),
    "renew rules": ("key of a `renew_on` rule", AnswerRule),
    "incremental": ("key of `incremental`", Incremental),
    "backfill policy": ("key of `backfill_policy`", BackfillPolicy),
    "parent": ("key of `parent`", Parent),
    "schedule": ("key of `schedule`", Schedule),
    "limits": ("key of `limits`", Limits),
    "checks": ("key of `checks`", Checks),
    "rows": ("key of `rows`", RowBounds),
}
"""Marker, heading of the first column, and model of each table."""


def variants(union: Any) -> tuple[Model, ...]:
    """The models of a union that `type` chooses from."""
    return get_args(get_args(union)[0])


VARIANTS: dict[str, tuple[Model, ...]] = {
    "auth": variants(Auth),
    "pagination": variants(Pagination),
    "partitions_def": variants(Partitions),
}
"""Each key whose `type` chooses a model; it has two tables."""
_PART = re.compile(r"(<!-- generated: ([^\n]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def parts() -> Mapping[str, str]:
    """Each generated part by its marker."""
    tables = {marker: keys_table(head, model) for marker, (head, model) in MAPPINGS.items()}
    for key, models in VARIANTS.items():
        tables[f"{key} types"] = types_table(code(f"{key}.type"), models)
        tables[f"{key} keys"] = variants_table(f"key of {code(key)}", models)
    matrices = {"matrix": matrix(), "progress matrix": progress_matrix()}
    return {**tables, **matrices, "stop reasons": stop_reasons(), "troubleshooting": troubleshooting(CATALOGUE)}


def stop_reasons() -> str:
    """Why a series of pages ends, as a table."""
    return table(("`stop_reason`", "what it says"), ((code(id), end.sentence) for id, end in STOPS.items()))


def troubleshooting(entries: tuple[Entry, ...]) -> str:
    """The catalogue as a table."""
    head = ("what you see", "likely cause", "what to do")
    return table(head, ((entry.seen, entry.cause, entry.remedy) for entry in entries))


def rewritten(text: str) -> str:
    """The README with every part made anew; raises ValueError unless it has each marker exactly once."""
    made = parts()
    if (markers := sorted(match[2] for match in _PART.finditer(text))) != sorted(made):
        raise ValueError(f"the markers are {', '.join(markers)}; they should be {', '.join(sorted(made))}")
    return _PART.sub(partial(_replaced, made), text)


def difference(old: str, new: str) -> str:
    """The lines that differ, as a diff."""
    return "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), "README.md", "generated", "", "", 0, ""))


def _replaced(made: Mapping[str, str], match: re.Match[str]) -> str:
    # Without the empty lines Markdown would take the table for a part of the comment.
    return f"{match[1]}\n{made[match[2]]}\n\n{match[4]}"
