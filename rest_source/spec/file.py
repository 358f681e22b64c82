"""Reading the YAML file: positions for every error, no key twice, nothing but plain data."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import ValidationError

from rest_source.errors import RestSourceError
from rest_source.spec.base import Location, mistakes, unknown
from rest_source.spec.source import SourceSpec

COMPONENT_TYPE = "rest_source.RestSource"
_NEAR = 0.9
"""How like ours a type is that is taken for a slip of the pen."""
_TOP_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
"""What Dagster knows in a component file."""
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """Dates stay text, as Dagster reads them."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load_source(path: Path) -> SourceSpec:
    """The source in a component file; raises RestSourceError that names file, line and key of each mistake."""
    node, data = _component(path, _documents(path))
    wrong = [f"{path}:{_line_at(node, (key,))}: {_misplaced(key)}" for key in data if key not in _TOP_KEYS]
    if "attributes" not in data and not wrong:
        wrong.append(f"{path}:{_line(node)}: the key `attributes` is required")
    if wrong:
        raise invalid_file(wrong)
    try:
        source = SourceSpec.model_validate(data["attributes"])
    except ValidationError as error:
        raise _mistaken(path, node, error) from None
    except RecursionError:
        raise invalid_file([f"{path}:{_line(node)}: an alias stands inside of what it repeats"]) from None
    _refuse_added_partitions(path, node, data, source)
    return source


def _misplaced(key: Any) -> str:
    """What is wrong with a key beside `attributes`."""
    if key in SourceSpec.model_fields:
        return f"`{key}` belongs below `attributes`: indent it, with all that belongs to it, by two blanks"
    return unknown("key", key, _TOP_KEYS)


def refuse_added_partitions(path: Path, source: SourceSpec, number: int) -> None:
    """Raise RestSourceError where a document gives endpoints partitions of which their requests know nothing."""
    nodes = [node for node in _documents(path) if isinstance(node, yaml.MappingNode)]
    if number < len(nodes):
        _refuse_added_partitions(path, nodes[number], _construct(path, nodes[number]), source)


def refuse_mistakes(path: Path | None, error: ValidationError, number: int) -> NoReturn:
    """Raise RestSourceError for the mistakes in the attributes of a document, with their lines in the file."""
    nodes = [node for node in _documents(path) if isinstance(node, yaml.MappingNode)] if path else []
    if path is not None and number < len(nodes):
        raise _mistaken(path, nodes[number], error)
    raise invalid_file(f"{'.'.join(map(str, loc))}: {message}" for loc, message, _ in mistakes(error))


def _mistaken(path: Path, node: yaml.Node, error: ValidationError) -> RestSourceError:
    return invalid_file(
        f"{path}:{_line_at(node, ('attributes', *loc))}: {'.'.join(map(str, ('attributes', *loc)))}: {message}"
        for loc, message, _ in mistakes(error)
    )


def _refuse_added_partitions(path: Path, node: yaml.Node, data: dict[Any, Any], source: SourceSpec) -> None:
    without = [f"`{endpoint.name}`" for endpoint in source.endpoints if endpoint.partitions_def is None]
    processing = data.get("post_processing")
    assets = processing.get("assets") if isinstance(processing, dict) else None
    for index, asset in enumerate(assets if isinstance(assets, list) else []):
        attributes = asset.get("attributes") if isinstance(asset, dict) else None
        if without and isinstance(attributes, dict) and attributes.get("partitions_def"):
            loc = ("post_processing", "assets", index, "attributes", "partitions_def")
            raise invalid_file(
                [
                    f"{path}:{_line_at(node, loc)}: {'.'.join(map(str, loc))}: {', '.join(without[:5])} would be asked "
                    "for the same in each partition; write `partitions_def` in the endpoint, and {partition.start} or "
                    "the like in its request"
                ]
            )


def reject_duplicate_keys(path: Path) -> None:
    """Raise RestSourceError where a mapping of the file holds a key twice, which YAML parsers pass over."""
    _reject_duplicates(path, _documents(path))


def endpoint_lines(path: Path, number: int | None = None) -> list[int]:
    """The line in which each endpoint of a file begins, or of one document in it.

    Raises as `reject_duplicate_keys` does, in one reading.
    """
    lines = []
    documents: Sequence[yaml.Node] = _documents(path)
    if number is not None:
        documents = [node for node in documents if isinstance(node, yaml.MappingNode)][number : number + 1]
    _reject_duplicates(path, documents)
    for document in documents:
        endpoints = _value(_value(document, "attributes"), "endpoints")
        if isinstance(endpoints, yaml.SequenceNode):
            lines += [_line(item) for item in endpoints.value]
    return lines


def source_names(path: Path) -> list[str]:
    """The names of the sources in a file, without a look at anything else."""
    names = (_value(_value(document, "attributes"), "name") for document in _documents(path))
    return [str(name.value) for name in names if isinstance(name, yaml.ScalarNode)]


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _reject_duplicates(path: Path, documents: Sequence[yaml.Node]) -> None:
    found = [
        f"{path}:{line}: the key `{key}` stands twice in one mapping; the first is in line {first}"
        for document in documents
        for key, line, first in _duplicates(document, set())
    ]
    if found:
        raise invalid_file(found)


def invalid_file(mistakes: Sequence[str] | Iterator[str]) -> RestSourceError:
    """The error for a file with mistakes, one a line."""
    lines = list(mistakes)
    return RestSourceError(
        "invalid_file",
        "\n".join(lines),
        remedy=f"Correct the line{'s' if len(lines) > 1 else ''} named above; the README lists every key.",
    )


def _documents(path: Path) -> list[yaml.Node]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RestSourceError(
            "unreadable_file", f"The file {path} cannot be read: {reason}.", remedy="Check the path and its rights."
        ) from None
    try:
        return list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        hint = _yaml_hint(str(error.problem), text.splitlines()[line : line + 1])
        raise invalid_file([f"{path}:{line + 1}: not valid YAML: {error.problem}{hint}"]) from None
    except yaml.YAMLError as error:
        raise invalid_file([f"{path}:1: not valid YAML: {' '.join(str(error).split())}"]) from None


def _yaml_hint(problem: str, line: Sequence[str]) -> str:
    """What is most likely behind a parser's complaint about a line."""
    written = "".join(line)
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "; indent with spaces, not with tabs"
    if "${" in written:
        return "; write a variable as {env: NAME}, or as {env.NAME} within quotes"
    if "mapping values" in problem:
        return "; put quotes around text that holds a colon, and indent the keys of a mapping alike"
    if "expected key" in problem or "block end" in problem or "block collection" in problem:
        return "; the line is indented otherwise than those that it belongs to"
    if "escape" in problem or "cannot start any token" in problem:
        return "; put single quotes around the text"
    return ""


def _component(path: Path, documents: Sequence[yaml.Node]) -> tuple[yaml.MappingNode, dict[Any, Any]]:
    """Our document: its node, which knows the lines, and its data."""
    _reject_duplicates(path, documents)
    found = [(node, _construct(path, node)) for node in documents if isinstance(node, yaml.MappingNode)]
    ours = [(node, data) for node, data in found if _is_ours(data)]
    if len(ours) == 1:
        return ours[0]
    if ours:
        line = _line(ours[1][0])
        raise invalid_file([f"{path}:{line}: a second {COMPONENT_TYPE}; put each source into its own file"])
    line = _line_at(found[0][0], ("type",)) if found else 1
    given = found[0][1].get("type") if found else None
    mistake = unknown("type", given, [COMPONENT_TYPE]) if given else f"the key `type: {COMPONENT_TYPE}` is required"
    raise invalid_file([f"{path}:{line}: {mistake}"])


def _is_ours(data: dict[Any, Any]) -> bool:
    """Whether a document is a source: of our type, or of another module's, which extends it, with our attributes."""
    type_, attributes = data.get("type"), data.get("attributes")
    if type_ == COMPONENT_TYPE or not isinstance(type_, str) or not isinstance(attributes, dict):
        return type_ == COMPONENT_TYPE
    likeness = difflib.SequenceMatcher(None, COMPONENT_TYPE, type_).ratio()
    is_slip = likeness > _NEAR and abs(len(COMPONENT_TYPE) - len(type_)) <= 1
    return not is_slip and {"base_url", "endpoints"} <= attributes.keys()


def _construct(path: Path, node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except yaml.constructor.ConstructorError as error:
        mark = error.problem_mark
        hint = _brace_hint(path, mark.line if mark else 0) if "unhashable" in str(error.problem) else ""
        raise invalid_file([f"{path}:{mark.line + 1 if mark else 1}: {error.problem}{hint}"]) from None
    except ValueError as error:  # such as !!int "x"
        raise invalid_file([f"{path}:{_line(node)}: not valid YAML: {error}"]) from None
    finally:
        loader.dispose()


def _brace_hint(path: Path, line: int) -> str:
    written = "".join(path.read_text(encoding="utf-8").splitlines()[line : line + 1])
    if "{{" in written:
        return "; double braces are not rendered: write a variable as {env: NAME}, or as {env.NAME} within quotes"
    return "; put quotes around text that begins with a brace"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _line_at(node: yaml.Node, loc: Location) -> int:
    """The line of the innermost key of a location that the file holds."""
    line = _line(node)
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                return line
            line, node = _line(pair[0]), pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = _line(node)
        else:
            return line
    return line


def _duplicates(node: yaml.Node, visited: set[int]) -> Iterator[tuple[str, int, int]]:
    # An alias leads to a node seen before, in hostile files to one that it is part of.
    if id(node) in visited:
        return
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item, visited)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if isinstance(key, yaml.ScalarNode) and name in seen and name != "<<":
                yield name, _line(key), seen[name]
            seen.setdefault(name, _line(key))
            yield from _duplicates(value, visited)
