"""The resource of a source: its authentication and its HTTP session, shared by the assets of one step."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.source import EndpointSpec, SourceSpec


@dataclass(frozen=True, slots=True)
class RestApi:
    """A signed-in API: turns an endpoint into a lazy stream of its pages."""

    source: SourceSpec
    session: ApiSession
    environment: Environment

    def stream(self, endpoint: EndpointSpec) -> PageStream:
        """The endpoint's pages; nothing is requested before they are drained."""
        return PageStream(self.source, endpoint, self.session, self.environment)


def resource_key(source: SourceSpec) -> str:
    """The key under which a source's resource is known to Dagster."""
    return f"{source.name}_api" if source.name[0].isalpha() else f"api_{source.name}"


def api_resource(source: SourceSpec) -> dg.ResourceDefinition:
    """The resource of a source. It reads the environment when a run starts, and closes its connections."""

    def rest_api(_: dg.InitResourceContext) -> Iterator[RestApi]:
        environment = Environment()
        with ApiSession(source, environment) as session:
            yield RestApi(source, session, environment)

    description = f"Authentication ({source.auth.type}) and HTTP session for {source.base_url}"
    return dg.ResourceDefinition(resource_fn=rest_api, description=description)
