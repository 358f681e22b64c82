"""`rest-source suggest`: from a URL or a saved answer to an endpoint."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from rest_source.cli.asking import Asker
from rest_source.cli.proving import Prover
from rest_source.errors import RestSourceError
from rest_source.extract.document import parse
from rest_source.http.compression import decompressed
from rest_source.http.network_errors import network_error
from rest_source.http.request import Answer
from rest_source.http.session import ApiSession
from rest_source.spec.base import flow, mistakes
from rest_source.spec.combinations import REQUEST_KEYS, texts
from rest_source.spec.environment import Environment
from rest_source.spec.file import load_source
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import foreign
from rest_source.suggest.draft import Draft, draft
from rest_source.suggest.finding import Seen
from rest_source.suggest.newfile import schema_line
from rest_source.suggest.several import NotOneSource, drafts
from rest_source.suggest.suggestion import Suggestion
from rest_source.suggest.text import endpoint_lines, file_text, insert_endpoint

_PLACEHOLDER = "https://api.example.com"


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion with the draft that it completes, and the requests that it took."""

    suggestion: Suggestion
    draft: Draft
    asked: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The endpoint in YAML."""
        return endpoint_lines(self.suggestion, self.draft)

    def to_dict(self) -> dict[str, Any]:
        """The findings as JSON, and the endpoint that they come to."""
        endpoint = self.suggestion.endpoint(self.draft)
        return {"requests": list(self.asked), **self.suggestion.to_dict(), "endpoint": endpoint}


def suggest_endpoints(
    targets: Sequence[str], headers: Sequence[tuple[str, str]], name: str | None, write: Path | None, as_json: bool
) -> None:
    """Print the endpoints that URLs suggest, or a saved answer, and add them to a file if one is given."""
    existing = load_source(write) if write and write.exists() else None
    are_urls = targets[0].startswith(("http://", "https://"))
    found = _of_urls(targets, headers, name, existing) if are_urls else [_of_file(targets, name)]
    lines = [line for each in found for line in ("", *each.lines)][1:]
    shown = "\n".join(lines) if existing else file_text(found[0].draft, lines).rstrip()
    click.echo(_as_json(found, lines) if as_json else shown)
    if write:
        _write(write, found, existing)
        names = ", ".join(f"`{each.draft.name}`" for each in found)
        click.echo(f"Added {names} to {write}. Next: rest-source check {write}", err=True)
    if not are_urls:
        click.echo("Correct `base_url` and `path`: a saved answer does not tell where it is from.", err=True)
    for variable in found[0].draft.variables:
        click.echo(f"Set {variable} in the environment or in .env: the file names it, but not its value.", err=True)


def _as_json(found: Sequence[Suggested], lines: Sequence[str]) -> str:
    """Everything as one JSON document; `yaml` is a whole file, and several URLs have a list of `endpoints`."""
    told = found[0].to_dict() if len(found) == 1 else {"endpoints": [each.to_dict() for each in found]}
    return json.dumps({**told, "yaml": file_text(found[0].draft, lines)}, indent=2, ensure_ascii=False)


def _of_urls(
    urls: Sequence[str], headers: Sequence[tuple[str, str]], name: str | None, existing: SourceSpec | None
) -> list[Suggested]:
    if name and len(urls) > 1:
        raise click.BadParameter("it names one endpoint, and there are several URLs", param_hint="--name")
    try:
        new = drafts(urls, headers, name)
    except NotOneSource as error:
        raise click.BadParameter(f"{error}. Call `suggest` for each.", param_hint="URL") from None
    return [_asked(each, existing) for each in new]


def _of_file(targets: Sequence[str], name: str | None) -> Suggested:
    if len(targets) > 1:
        raise click.BadParameter("give several URLs, or one saved answer", param_hint="URL|FILE")
    return _read(Path(targets[0]), name)


def _asked(new: Draft, existing: SourceSpec | None) -> Suggested:
    if existing is not None:
        new = _within(new, existing)
    sent = _sent_by_default(existing.endpoint_defaults) if existing else {}
    keys = {**new.source, "limits": {"retries": 0}, "endpoint_defaults": sent, "endpoints": [new.endpoint()]}
    try:
        source = SourceSpec.model_validate(keys)
    except ValidationError as error:
        raise _not_a_source(error) from None
    if existing is not None:
        limits = existing.limits.model_copy(update={"retries": 0})
        ours = {"endpoints": source.endpoints, "endpoint_defaults": sent, "limits": limits}
        source = existing.model_copy(update=ours)
    environment = Environment({**os.environ, **new.variables})
    with ApiSession(source, environment) as session:
        asker = Asker(source, session, environment)
        seen = asker.seen(new.endpoint())
        suggestion, new = Prover(asker, new, Suggestion.of(seen), seen).proved()
    return Suggested(suggestion, new, tuple(asker.asked))


def _sent_by_default(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What `endpoint_defaults` send with a request, but for what has a value in the requests of a load only."""
    sent = {key: value for key, value in defaults.items() if key in ("method", *REQUEST_KEYS)}
    for key, value in sent.items():
        if isinstance(value, dict):
            sent[key] = {
                name: item for name, item in value.items() if not any(foreign(text) for _, text in texts(item))
            }
    return sent


def _not_a_source(error: ValidationError) -> RestSourceError:
    """What of a URL, a header or a name cannot stand in a file."""
    said = "; ".join(f"{'.'.join(map(str, loc))}: {message}" for loc, message, _ in mistakes(error))
    return RestSourceError(
        "invalid_suggestion",
        f"No file can hold this as it is: {said}.",
        remedy="Correct the URL or the header, or name the endpoint with --name.",
    )


def _within(new: Draft, existing: SourceSpec) -> Draft:
    """The draft as an endpoint of a source: its path below the source's base URL, or else a full URL.

    Its headers become the endpoint's; the source signs in as its file says.
    """
    auth, variables = new.source.get("auth"), dict(new.variables)
    if auth and existing.auth.type == "none":
        raise RestSourceError(
            "auth_not_in_file",
            "The URL or a header signs in, and the source in the file does not.",
            remedy=f"Write `auth: {flow(auth)}` below `attributes` of the file, set the variable, and ask again.",
        )
    for own in auth.values() if auth else ():
        variables.pop(own["env"] if isinstance(own, dict) else "", None)
    base = existing.base_url.rstrip("/")
    url = f"{new.source['base_url']}{new.path}"
    path = url.removeprefix(base) if url.startswith(f"{base}/") else url
    return replace(new, path=path, variables=variables, headers=new.source.get("headers", {}))


def _read(file: Path, name: str | None) -> Suggested:
    """A saved answer: a JSON document, or what `curl -i` prints, head and body."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise RestSourceError(
            "unreadable_file",
            f"The file {file} cannot be read: {error.strerror}.",
            remedy="Give a URL that begins with http:// or https://, or the path of a saved answer.",
        ) from None
    headers: dict[str, str] = {}
    while body.startswith(b"HTTP/"):  # more than once where curl followed a redirect
        head, _, body = body.replace(b"\r\n", b"\n", body[:65536].count(b"\r\n")).partition(b"\n\n")
        lines = [line.partition(":") for line in head.decode("latin-1").splitlines()[1:]]
        headers = {key.strip(): value.strip() for key, _, value in lines}
    new = draft(f"{_PLACEHOLDER}/{file.name.partition('.')[0]}", (), name)
    packed = Answer(200, f"{_PLACEHOLDER}{new.path}", headers, body)
    answer = replace(packed, body=_unpacked(packed))
    document = parse(answer, str(file), str).value
    return Suggested(Suggestion.of(Seen(answer.url, answer.headers, document)), new, ())


def _unpacked(answer: Answer) -> bytes:
    """The body without its compression, which `curl` undoes only if asked to."""
    try:
        return b"".join(decompressed(iter((answer.body,)), answer.headers.get("Content-Encoding", ""), is_ok=True))
    except IncompleteRead as error:
        raise network_error(error) from None


def _write(file: Path, found: Sequence[Suggested], existing: SourceSpec | None) -> None:
    """Put the endpoints into the file; nothing is written that would not load."""
    if existing is None:
        lines = [line for each in found for line in ("", *each.lines)][1:]
        _replace(file, file_text(found[0].draft, lines, schema_line(file)), len(found))
        return
    text: str | None = file.read_text(encoding="utf-8")
    for each in found:
        if any(endpoint.name == each.draft.name for endpoint in existing.endpoints):
            raise RestSourceError(
                "endpoint_exists",
                f"{file} has an endpoint `{each.draft.name}` already.",
                remedy="Choose another name with --name.",
            )
        text = insert_endpoint(text, each.lines) if text is not None else None
    if text is None:
        raise _not_insertable(file)
    _replace(file, text, len(existing.endpoints) + len(found), "\r\n" if b"\r\n" in file.read_bytes() else "\n")


def _replace(file: Path, text: str, endpoints: int, newline: str = "\n") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8", newline=newline)
        if len(load_source(beside).endpoints) != endpoints:
            raise _not_insertable(file)
        beside.replace(file)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def _not_insertable(file: Path) -> RestSourceError:
    return RestSourceError(
        "endpoints_not_a_block",
        f"The endpoints of {file} are written so that none can be added without rewriting them.",
        remedy="Write each endpoint on lines of its own, the first beginning with a dash, or paste the endpoint above.",
    )


def parsed_header(text: str) -> tuple[str, str]:
    """A header as the command line gives it: `Name=value` or `Name: value`."""
    for mark in ("=", ":"):
        name, found, value = text.partition(mark)
        if found and name.strip() and all(char.isalnum() or char in "-_" for char in name.strip()):
            return name.strip(), value.strip()
    raise click.BadParameter(f"`{text.partition('=')[0]}` is not a header; write NAME=VALUE")
