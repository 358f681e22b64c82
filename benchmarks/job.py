"""What a contestant is given to do."""

import json
from dataclasses import asdict, dataclass

TABLE = "bench.orders"
WARM_UP = "duckdb:///warm_up.duckdb"


@dataclass(frozen=True, slots=True)
class Job:
    """What a contestant is to do, in the working directory of its process, which is empty."""

    destination: str = ""
    warm_up: str = WARM_UP
    url: str = ""
    dialect: str = "pages"
    concurrency: int = 1
    endpoints: int = 0

    def to_json(self) -> str:
        """The job as an argument of the command line."""
        return json.dumps(asdict(self))
