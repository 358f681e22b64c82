"""Environment variables as a file refers to them: read when a load runs, remembered so that they can be masked."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

from rest_source.errors import RestSourceError


class Environment:
    """Looks variables up by name and remembers every value it gave out, by name."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self.given: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None:
            raise RestSourceError(
                "missing_env",
                f"The environment variable {name} is not set.{self._near(name)}",
                cause=f"The file refers to it as {{env: {name}}} or {{env.{name}}}.",
                remedy=f"Set {name} in the environment, or in the .env file, of the process that runs the load; what "
                f"is no secret may have a default, {{env: {name}, default: TEXT}}.",
            )
        self.given[name] = value
        return value

    def _near(self, name: str) -> str:
        near = get_close_matches(name, self._variables, n=1, cutoff=0.8)
        return f" Did you mean {near[0]}, which is?" if near else ""

    def template(self, name: str) -> str:
        """Looks up a template's name, such as `env.TOKEN`."""
        return self[name.removeprefix("env.")]
