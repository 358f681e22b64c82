"""A small source on a loopback server, as the tests of the outer rooms load it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from rest_source.demo import Call, Reply
from rest_source.spec.source import SourceSpec

Handler = Callable[[Call], Reply]


def spec(url: str, *endpoints: dict[str, Any], **source: Any) -> SourceSpec:
    """A source named shop at the URL; an endpoint without settings is `items`."""
    return SourceSpec.model_validate(attributes(url, *endpoints, **source))


def attributes(url: str, *endpoints: dict[str, Any], **source: Any) -> dict[str, Any]:
    """The attributes of a source as YAML holds them; retries are off, so that a failure is quick."""
    listed = [{"name": "items", "path": "/items", **endpoint} for endpoint in endpoints or ({},)]
    return {"name": "shop", "base_url": url, "limits": {"retries": 0}, **source, "endpoints": listed}


def write_file(folder: Path, url: str, *endpoints: dict[str, Any], **source: Any) -> Path:
    """The source as a component file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "defs.yaml"
    document = {"type": "rest_source.RestSource", "attributes": attributes(url, *endpoints, **source)}
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def serve(*records: dict[str, Any]) -> Handler:
    """A handler that answers every request with the records."""
    return lambda call: Reply(json.loads(json.dumps(records)))
