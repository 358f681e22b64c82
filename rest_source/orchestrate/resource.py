"""The resource of a source: its authentication and its HTTP session, shared by the assets of one step."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from threading import Lock

import dagster as dg

from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.pauses import Report
from rest_source.http.redact import Redactor
from rest_source.http.session import ApiSession
from rest_source.load.state import explained, state_directory
from rest_source.spec.combinations import texts
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import names


class RestApi:
    """A signed-in API: turns an endpoint into a lazy stream of its pages.

    The session is opened when the first stream is asked for: a missing variable then fails the asset that
    needs it, not the run with all its other assets. The longer pauses between requests are told to `report`, or
    else to the log of the step that asked for the newest stream.
    """

    def __init__(self, source: SourceSpec, report: Report | None = None) -> None:
        self.source = source
        self._report = report
        self._log: Report = lambda told: None
        self.environment = Environment()
        self._session: ApiSession | None = None
        self._opening = Lock()

    @property
    def session(self) -> ApiSession:
        """The session, one for all threads; raises RestSourceError where a variable it needs is missing."""
        with self._opening:
            if self._session is None:
                self._read_variables()
                with explained():
                    self._session = ApiSession(
                        self.source, self.environment, state=state_directory(), report=self._told
                    )
            return self._session

    def stream(self, endpoint: EndpointSpec, full_refresh: bool = False, log: Report | None = None) -> PageStream:
        """The endpoint's pages; nothing is requested before they are drained."""
        self._log = log or self._log
        return PageStream(self.source, endpoint, self.session, self.environment, full_refresh)

    def _told(self, told: str) -> None:
        (self._report or self._log)(told)

    def mask(self, text: str) -> str:
        """The text without secrets, also where no session was opened, as when a check runs alone."""
        return self._redactor.mask(text)

    def clean(self, error: BaseException) -> None:
        """Mask every text of an error and of those behind it, as `mask` does."""
        self._redactor.clean(error)

    @property
    def _redactor(self) -> Redactor:
        """The session's, which knows what is written in the file; without one, that of the variables."""
        with suppress(RestSourceError):
            return self.session.redactor
        self._read_variables()
        return Redactor(self.environment, self.source.names)

    def _read_variables(self) -> None:
        """Know all secrets from the start: an API may repeat what another endpoint, or an earlier run, has sent."""
        for name in self._variables:
            with suppress(RestSourceError):  # one that is not set has no value to mask
                self.environment[name]

    @cached_property
    def _variables(self) -> frozenset[str]:
        """Every variable that the file names."""
        named = (name for _, text in texts(self.source.model_dump(mode="json")) for name in names(text))
        return frozenset(name.removeprefix("env.") for name in named if name.startswith("env."))

    def close(self) -> None:
        """Close the session's connections, if it was opened."""
        if self._session is not None:
            self._session.close()


def resource_key(source: SourceSpec) -> str:
    """The key under which a source's resource is known to Dagster."""
    return f"{source.name}_api" if source.name[0].isalpha() else f"api_{source.name}"


def api_resource(source: SourceSpec) -> dg.ResourceDefinition:
    """The resource of a source; it reads the environment when a run needs it, and closes its connections."""

    def rest_api(_: dg.InitResourceContext) -> Iterator[RestApi]:
        api = RestApi(source)
        try:
            yield api
        finally:
            api.close()

    description = f"Authentication ({source.auth.type}) and HTTP session for {source.base_url}"
    return dg.ResourceDefinition(resource_fn=rest_api, description=description)
