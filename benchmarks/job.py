"""What a contestant is given to do."""

import json
from dataclasses import asdict, dataclass

TABLE = "bench.orders"


@dataclass(frozen=True, slots=True)
class Job:
    """What a contestant is to do, in the working directory of its process, which is empty."""

    destination: str = ""
    url: str = ""
    dialect: str = "pages"
    concurrency: int = 1
    endpoints: int = 0

    def to_json(self) -> str:
        """The job as an argument of the command line."""
        return json.dumps(asdict(self))
