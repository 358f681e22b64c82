"""Which endpoints of a file a command is for."""

from collections.abc import Sequence

from rest_source.errors import RestSourceError
from rest_source.spec.base import unknown
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec


def selected(source: SourceSpec, select: Sequence[str]) -> list[EndpointSpec]:
    """The endpoints of these names, in the file's order; all where none is named."""
    names = [endpoint.name for endpoint in source.endpoints]
    for name in select:
        if name not in names:
            raise RestSourceError("unknown_endpoint", f"{unknown('endpoint', name, names)}.")
    return [endpoint for endpoint in source.endpoints if not select or endpoint.name in select]
