"""The first defs.yaml of an API, before it is asked."""

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

from rest_source.errors import RestSourceError
from rest_source.spec.base import NAME, flow
from rest_source.spec.file import COMPONENT_TYPE
from rest_source.spec.schema import SCHEMA
from rest_source.suggest.draft import draft, endpoint_name


def source_text(name: str, url: str, head: Sequence[str] = ()) -> str:
    """A file for an API at a URL, which may be that of an endpoint; raises RestSourceError where it is none."""
    if not NAME.fullmatch(name):
        raise RestSourceError(
            "invalid_name", f"`{name}` is not a valid name.", remedy="Use letters, digits and _ only."
        )
    new = draft(url.rstrip("/"), source_name=name)
    is_endpoint = endpoint_name(new.path) != ""
    auth = f"# auth: {{type: bearer, token: {{env: {name.upper()}_TOKEN}}}}  # or basic, api_key"
    lines = [
        *head,
        f"type: {COMPONENT_TYPE}",
        "attributes:",
        *(f"  {key}: {flow(value)}" for key, value in new.source.items()),
        *([] if "auth" in new.source else [f"  {auth}"]),
        "  # schedule: {every: 6h}",
        "  endpoints:",
        f"    - name: {new.name}  # the asset [{name}, {new.name}], and a table of that name",
        f"      path: {flow(new.path if is_endpoint else '/items')}",
        *([f"      params: {flow(dict(new.params))}"] if new.params else []),
        "      # data_root: $.data  # where the records are; `rest-source check` names the places it finds",
        "      # pagination: {type: page_number, param: page, size_param: per_page, size: 100}",
        "      # primary_key: id  # what identifies a record, so that a changed one replaces its row",
    ]
    return "\n".join([*lines, ""])


def schema_line(file: Path) -> list[str]:
    """The comment by which editors find the schema, for files beside it; a path into an environment would not last."""
    if not file.absolute().is_relative_to(SCHEMA.parent):
        return []
    return [f"# yaml-language-server: $schema={Path(relpath(SCHEMA, file.absolute().parent)).as_posix()}"]
