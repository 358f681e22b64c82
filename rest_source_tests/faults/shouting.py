"""An API that shouts every secret, and the search for them in every byte that a run leaves.

The secrets: variables in a URL, a header, a parameter, a path, a body; user and password; a key written in the file;
a client's secret, access and refresh tokens; the password and the token of a login.
"""

import atexit
import base64
import html
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import dagster as dg
import duckdb
import pytest
import yaml

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.partitions import RANGE_END, RANGE_START
from rest_source.spec.source import SourceSpec

VARIABLES = {
    "IN_BASE": "b4se-secret-01",
    "IN_HEADER": "h3ader/secret+02 =ö",
    "IN_PARAM": 'p4ram&secret="03"/ä',
    "IN_PATH": "p4th/secret+04?x=%",
    "IN_BODY": 'b0dy\\secret"05"<é>',
    "USER": "us3r/secret-06",
    "PASSWORD": "pa55word+secret/07é",
    "CLIENT": "cl1ent/secret+08~é",
    "REFRESH": "r3fresh-secret/09+=",
}
WRITTEN, ACCESS, ROTATED, SESSION = (
    "wr1tten-secret/10+",
    "acc3ss/token+11=.x",
    "r0tated/token+12==",
    "s3ssion/token+13-_",
)
SECRETS = (*VARIABLES.values(), WRITTEN, ACCESS, ROTATED, SESSION)


def encodings(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(raw).decode()
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
    yield json.dumps(secret)[1:-1]
    yield html.escape(secret)
    yield raw.hex()


def encoded(secrets: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for secret in secrets for text in encodings(secret)))


ENCODED = encoded(SECRETS)


def shout(secrets: Iterable[str], start: int = 0) -> str:
    """The secrets in all encodings; texts are cut somewhere, so each run begins elsewhere."""
    texts = encoded(secrets)
    place = start * 13 % len(texts)
    return " ".join(texts[place:] + texts[:place])


AUTHS: dict[str, Any] = {
    "basic": {"type": "basic", "username": {"env": "USER"}, "password": {"env": "PASSWORD"}},
    "written": {"type": "bearer", "token": WRITTEN},
    "cookie": {"type": "api_key", "in": "cookie", "name": "sid", "value": WRITTEN},
    "query": {"type": "api_key", "in": "query", "name": "key", "value": "{env.CLIENT}"},
    "oauth2": {
        "type": "oauth2", "token_url": "{url}/token", "client_id": "me", "client_secret": {"env": "CLIENT"},
        "client_auth": "body", "grant": "password", "username": {"env": "USER"}, "password": {"env": "PASSWORD"},
    },
    "refresh": {
        "type": "oauth2", "token_url": "{url}/token", "client_id": {"env": "USER"}, "client_secret": {"env": "CLIENT"},
        "grant": "refresh_token", "refresh_token": {"env": "REFRESH"},
    },
    "login": [
        {"name": "first", "request": {"path": "/login", "form": {"p": {"env": "PASSWORD"}}}, "token": "$.token"},
        {"request": {"path": "/login", "headers": {"X-First": "{login.first}"}}, "token": {"header": "X-Token"},
         "send": {"in": "query", "name": "session"}},
    ],
    "digest": {"type": "digest", "username": {"env": "USER"}, "password": {"env": "PASSWORD"}},
    "jwt": {"type": "jwt", "algorithm": "HS256", "key": {"env": "CLIENT"}, "claims": {"iss": {"env": "USER"}}},
    "signed_login": {
        "type": "login", "token": "$.token", "request": {
            "path": "/login", "auth": {"type": "basic", "username": {"env": "USER"}, "password": {"env": "PASSWORD"}},
        },
    },
}  # fmt: skip

_ALWAYS = ("IN_BASE", "IN_HEADER", "IN_PARAM", "IN_PATH", "IN_BODY")
_NAMED = {
    "basic": ("USER", "PASSWORD"),
    "query": ("CLIENT",),
    "oauth2": ("USER", "PASSWORD", "CLIENT"),
    "refresh": ("USER", "CLIENT", "REFRESH"),
    "login": ("PASSWORD",),
    "digest": ("USER", "PASSWORD"),
    "jwt": ("USER", "CLIENT"),
    "signed_login": ("USER", "PASSWORD"),
}
_GIVEN = {
    "written": (WRITTEN,),
    "cookie": (WRITTEN,),
    "oauth2": (ACCESS, ROTATED),
    "refresh": (ACCESS, ROTATED),
    "login": (SESSION,),
    "signed_login": (SESSION,),
}


def known(auth: str) -> list[str]:
    """The secrets that a run with this `auth` has to do with."""
    return [*(VARIABLES[name] for name in (*_ALWAYS, *_NAMED.get(auth, ()))), *_GIVEN.get(auth, ())]


FILE = "defs.yaml"
KEPT = ("data.duckdb", "state/spool")
"""Where records are stored, as the API sent them."""
CURSOR = {"type": "cursor", "value": "$.next", "param": "at"}
NEXT_URL = {"type": "next_url", "path": "$.next"}
Handler = Callable[[Call, str], Reply]
Leaked = Callable[..., list[tuple[str, str]]]
"""What the fixture `leaked` gives."""
DAYS = {"type": "static", "partition_keys": ["a", "b", "c"]}


def records(call: Call, loud: str, **rest: Any) -> Reply:
    headers = {"X-Loud": quote(loud)[:900], "Set-Cookie": f"loud={quote(loud)[:900]}"}
    return Reply({"items": [{"id": 1, "name": "plain"}], "loud": loud, **rest}, headers=headers)


@dataclass(frozen=True, slots=True)
class Case:
    """An answer of the API and the id of the error it leads to; none is a success."""

    answer: Handler
    error: str = ""
    endpoint: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    before: Handler | None = None
    """What the API answers in a load before, which succeeds."""
    more: tuple[dict[str, Any], ...] = ()
    """Endpoints beside `items`."""
    partitions: tuple[str, str] | None = None
    """The first and the last partition of the run."""
    is_kept: bool = False
    """Whether the secrets stand in records or in their fields, which the spool of a failed load keeps."""


class Shouting:
    """The API, its sign-in and a stranger, all of whom repeat every secret."""

    def __init__(self, case: Case, auth: str, start: int, sign_in: Reply | None = None) -> None:
        # Nobody hands out tokens where the sign-in fails, so nobody can know them.
        denied = (ACCESS, ROTATED) if sign_in else ()
        self.loud = shout((secret for secret in known(auth) if secret not in denied), start)
        self.case, self.sign_in, self.is_digest = case, sign_in, auth == "digest"
        self.url = self.stranger = ""

    def __call__(self, call: Call) -> Reply:
        if call.path.endswith(("/token", "/login")):
            return self._sign_in(call)
        if self.is_digest and "Authorization" not in call.headers:
            challenge = f'Digest realm="{quote(self.loud)[:900]}", nonce="n", qop="auth"'
            return Reply({"message": self.loud}, 401, {"WWW-Authenticate": challenge})
        reply = self.case.answer(call, self.loud)
        headers = {name: value.replace("{stranger}", self.stranger) for name, value in reply.headers.items()}
        return Reply(reply.body, reply.status, headers, reply.truncate)

    def _sign_in(self, call: Call) -> Reply:
        if self.sign_in is not None and (call.path == "/token" or "X-First" in call.headers):
            body = self.sign_in.body
            text = json.loads(json.dumps(body).replace("{loud}", json.dumps(self.loud)[1:-1]))
            return Reply(text, self.sign_in.status)
        if call.path.endswith("/login"):
            return Reply({"token": SESSION}, headers={"X-Token": SESSION})
        return Reply({"access_token": ACCESS, "refresh_token": ROTATED, "expires_in": 3600, "loud": self.loud})

    def stranger_handler(self, call: Call) -> Reply:
        return Reply({"message": self.loud}, 401)


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that hold the secrets, and keep the state in the folder."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REST_SOURCE_STATE", str(folder / "state"))
    monkeypatch.chdir(folder)


def attributes(api: Shouting, auth: Any) -> dict[str, Any]:
    """The source as YAML holds it."""
    endpoint = {
        "name": "items",
        "path": "/v/{env.IN_PATH}",
        "params": {"key": {"env": "IN_PARAM"}},
        "headers": {"X-Key": "Key {env.IN_HEADER}", "X-Other": {"env": "IN_BODY"}},
        "data_root": "$.items",
        **api.case.endpoint,
    }
    auth = json.loads(json.dumps(auth).replace("{url}", api.url))
    source = {"name": "shop", "base_url": api.url + "/{env.IN_BASE}", "limits": {"retries": 0}, "auth": auth}
    return {**source, **api.case.source, "endpoints": [*api.case.more, endpoint]}


def write_file(folder: Path, api: Shouting, auth: Any) -> None:
    """The source as a file, which is not searched as it may hold a secret."""
    document = {"type": "rest_source.RestSource", "attributes": attributes(api, auth)}
    (folder / FILE).write_text(yaml.safe_dump(document), encoding="utf-8")


def run(folder: Path, api: Shouting, auth: Any, destination: str = "", only: str = "") -> dict[str, Any]:
    """Materialize the endpoints and their checks as Dagster does, with everything logged; the facts of the run.

    With `only`, that check of `items` runs alone.
    """
    source = SourceSpec.model_validate(attributes(api, auth))
    io_manager = PaginatorIOManager(destination=destination or f"duckdb:///{folder}/data.duckdb", come_back=False)
    definitions = build_definitions(source, io_manager)
    key = dg.AssetKey(["shop", "items"])
    job = dg.define_asset_job("alone", dg.AssetSelection.checks(dg.AssetCheckKey(key, only))) if only else None
    if job is not None:
        definitions = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    home = folder / "home"
    if not home.exists():
        shutil.copytree(_new_home(), home)
    named = api.case.partitions
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        resolved = definitions.resolve_job_def("alone") if only else definitions.resolve_implicit_global_asset_job_def()
        result = resolved.execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags=dict(zip((RANGE_START, RANGE_END), named, strict=True)) if named else None,
        )
        events = [dg.serialize_value(entry) for entry in instance.all_logs(result.run_id)]
    told = (text for event in events for text in _texts(json.loads(event)))
    (folder / "events.txt").write_text("\n".join((*events, *told)), encoding="utf-8", errors="replace")
    return {"success": result.success, "error": _error(result)}


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, as who reads it sees it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(item)


def mistaken(loud: str) -> Callable[..., None]:
    """A part of this program that fails as none should, with everything it knows in its error."""

    def fail(*_: object) -> None:
        raise LookupError(loud) from ValueError(loud[:500])

    return fail


@cache
def _new_home() -> Path:
    """The storage of an instance, made once: its migrations take longer than a run."""
    folder = Path(tempfile.mkdtemp(prefix="rest_source_home_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        instance.get_runs(limit=1)
    return folder


def _error(result: dg.ExecuteInProcessResult) -> str:
    """The id of the error of `items`, or of the endpoint that failed."""
    found = ""
    for event in result.all_events:
        failure = event.step_failure_data if event.is_step_failure else None
        if failure is not None and failure.user_failure_data is not None:
            found = str(dict(failure.user_failure_data.metadata["error"].value)["id"])  # type: ignore[arg-type]
    return found


def tables(path: Path) -> str:
    """All that the destination holds, as text; its file is compressed."""
    if not path.exists():
        return ""
    with duckdb.connect(str(path)) as con:
        names = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        comments = con.execute("SELECT comment FROM duckdb_columns()").fetchall()
        return repr([con.execute(f'FROM "{schema}"."{name}"').fetchall() for schema, name in names] + comments)


def left(folder: Path, *, without: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Everything in the folder as text; token files apart, which are made to hold tokens."""
    for path in sorted(folder.rglob("*")):
        place = str(path.relative_to(folder))
        if path.is_file() and not place.startswith(("state/tokens", *without)):
            yield place, path.read_bytes().decode("utf-8", "replace")
            yield f"{place} (latin-1)", path.read_bytes().decode("latin-1")


def leaks(told: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(place, text) for place, whole in told for text in ENCODED if text in whole]


def search(folder: Path, said: str, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """The secrets that stand anywhere in the folder, or in what was `said`."""
    (folder / "said.txt").write_text(said, encoding="utf-8", errors="replace")
    if "data.duckdb" not in without:
        (folder / "tables.txt").write_text(tables(folder / "data.duckdb"), encoding="utf-8")
    return leaks(left(folder, without=without))


@contextmanager
def speaking(api: Shouting) -> Iterator[None]:
    """The API and the stranger as servers; the stranger has got no secret by the end."""
    with LoopbackServer(api) as server, LoopbackServer(api.stranger_handler) as stranger:
        # By another name, so that it is another host.
        api.url, api.stranger = server.url, stranger.url.replace("127.0.0.1", "localhost")
        yield
    sent = "".join(f"{call.target} {call.headers.items()} {call.body!r}" for call in stranger.calls)
    assert leaks(iter([("stranger", sent)])) == []


def serve(api: Shouting, folder: Path, auth: Any, destination: str = "") -> dict[str, Any]:
    """A run, and the one before it if there is one."""
    with speaking(api):
        if api.case.before is not None:
            case, api.case = api.case, replace(api.case, answer=api.case.before)
            assert run(folder, api, auth, destination)["success"]
            api.case = case
        return run(folder, api, auth, destination)
