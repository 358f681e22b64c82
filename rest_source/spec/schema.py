"""The JSON Schema of a whole file, for editors."""

import json
from pathlib import Path
from typing import Any

from rest_source.spec.file import COMPONENT_TYPE
from rest_source.spec.source import SourceSpec

SCHEMA = Path(__file__).parents[1] / "defs.schema.json"
"""The schema as it is shipped, for editors."""


def file_schema() -> dict[str, Any]:
    """The schema of a component file; what Dagster knows beside `type` and `attributes` is not described."""
    attributes = SourceSpec.model_json_schema()
    definitions = attributes.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A defs.yaml of {COMPONENT_TYPE}",
        "type": "object",
        "properties": {
            "type": {"const": COMPONENT_TYPE, "description": "the component that reads this file"},
            "attributes": attributes,
            "template_vars_module": {"type": "string"},
            "requirements": {"type": "object"},
            "post_processing": {"type": "object"},
        },
        "required": ["type", "attributes"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def schema_text() -> str:
    """The schema as it is printed and shipped."""
    return json.dumps(file_schema(), indent=2, ensure_ascii=False) + "\n"
