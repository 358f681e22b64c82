"""Bring any REST API into a warehouse: each endpoint of a YAML file becomes a Dagster asset."""

from rest_source.component import RestSource
from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.resource import RestApi
from rest_source.spec.file import load_source
from rest_source.spec.source import EndpointSpec, SourceSpec

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
