"""Bring any REST API into a warehouse: each endpoint of a YAML file becomes a Dagster asset.

Names are imported when they are first used, so that the core can be used without Dagster.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rest_source.component import RestSource
    from rest_source.errors import RestSourceError
    from rest_source.extract.stream import PageStream
    from rest_source.orchestrate.definitions import build_definitions
    from rest_source.orchestrate.io_manager import PaginatorIOManager
    from rest_source.orchestrate.resource import RestApi
    from rest_source.spec.endpoint import EndpointSpec
    from rest_source.spec.file import load_source
    from rest_source.spec.source import SourceSpec

__all__ = [
    "EndpointSpec",
    "PageStream",
    "PaginatorIOManager",
    "RestApi",
    "RestSource",
    "RestSourceError",
    "SourceSpec",
    "build_definitions",
    "load_source",
]

_HOMES = {
    "RestSource": "component",
    "RestSourceError": "errors",
    "PageStream": "extract.stream",
    "build_definitions": "orchestrate.definitions",
    "PaginatorIOManager": "orchestrate.io_manager",
    "RestApi": "orchestrate.resource",
    "load_source": "spec.file",
    "EndpointSpec": "spec.endpoint",
    "SourceSpec": "spec.source",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
