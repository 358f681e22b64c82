"""Files with mistakes: the other sources load, and the mistakes are told where people look."""

import logging
import os
from hashlib import sha256

import dagster as dg

from rest_source.errors import RestSourceError
from rest_source.spec.base import normalise

_SECONDS = 300
_VALIDATION = "DAGSTER_IS_DEFS_VALIDATION_CLI"
"""What `dagster definitions validate` and `dg check defs` set."""


def refuse_in_validation(error: RestSourceError) -> None:
    """Raise the error where definitions are validated, as before they are deployed: there nothing else has to load."""
    if os.environ.get(_VALIDATION) == "1":
        raise error


def broken_definitions(place: str, error: RestSourceError) -> dg.Definitions:
    """What Dagster needs to know of a file with mistakes: a sensor that fails with them, and is on.

    A warning of a code location is seen once, in a log; a sensor that fails is red in the UI until it is mended.
    """
    logging.getLogger("dagster").error(f"{error}")

    @dg.sensor(
        name=f"{normalise(place)}_{sha256(place.encode()).hexdigest()[:6]}_has_mistakes",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"No asset of this file is loaded. {error}",
    )
    def mistakes(_: dg.SensorEvaluationContext) -> None:
        # Dagster shows one of its own errors as it is, and any other below a stack trace of where it was raised.
        raise dg.DagsterInvalidDefinitionError(str(error))

    return dg.Definitions(sensors=[mistakes])
