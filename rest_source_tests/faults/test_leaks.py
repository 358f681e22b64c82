"""Every byte that a run leaves, searched for every secret in every encoding, while the API shouts them all.

The secrets: variables in a URL, a header, a parameter, a path, a body; user and password; a key written in the file;
a client's secret, access and refresh tokens; the password and the token of a login.
"""

import base64
import html
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import dagster as dg
import duckdb
import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
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
}  # fmt: skip

_ALWAYS = ("IN_BASE", "IN_HEADER", "IN_PARAM", "IN_PATH", "IN_BODY")
_NAMED = {
    "basic": ("USER", "PASSWORD"),
    "query": ("CLIENT",),
    "oauth2": ("USER", "PASSWORD", "CLIENT"),
    "refresh": ("USER", "CLIENT", "REFRESH"),
    "login": ("PASSWORD",),
}
_GIVEN = {
    "written": (WRITTEN,),
    "cookie": (WRITTEN,),
    "oauth2": (ACCESS, ROTATED),
    "refresh": (ACCESS, ROTATED),
    "login": (SESSION,),
}


def known(auth: str) -> list[str]:
    """The secrets that a run with this `auth` has to do with."""
    return [*(VARIABLES[name] for name in (*_ALWAYS, *_NAMED.get(auth, ()))), *_GIVEN.get(auth, ())]


CURSOR = {"type": "cursor", "value": "$.next", "param": "at"}
NEXT_URL = {"type": "next_url", "path": "$.next"}
Handler = Callable[[Call, str], Reply]


def records(call: Call, loud: str, **rest: Any) -> Reply:
    headers = {"X-Loud": quote(loud)[:900], "Set-Cookie": f"loud={quote(loud)[:900]}"}
    return Reply({"items": [{"id": 1, "name": "plain"}], "loud": loud, **rest}, headers=headers)


@dataclass(frozen=True, slots=True)
class Case:
    """An answer of the API and the error it leads to; none is a success."""

    answer: Handler
    error: str = ""
    endpoint: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)


def status(code: int, **headers: str) -> Handler:
    return lambda call, loud: Reply({"message": loud, "error_description": loud}, code, headers)


def redirect(place: str) -> Handler:
    return lambda call, loud: Reply("", 302, {"Location": place + quote(loud)[:1500]})


def raises(call: Call, loud: str) -> Reply:
    raise ConnectionError


CASES: dict[str, Case] = {
    "success": Case(lambda call, loud: records(call, loud)),  # noqa: PLW0108
    "warned": Case(lambda call, loud: records(call, loud, next=f"https://h/?x={quote(loud)}", has_more=True)),
    "cursor": Case(
        lambda call, loud: records(call, loud, next=None if call.arg("at") else loud), "", {"pagination": CURSOR}
    ),
    "next_url": Case(
        lambda call, loud: records(
            call, loud, next=None if call.arg("n") else f"?n=1&t={quote(WRITTEN)}&u={quote(loud)}"
        ),
        "",
        {"pagination": NEXT_URL},
    ),
    "drift": Case(
        lambda call, loud: records(call, loud, total=9) if call.arg("page") == "1" else Reply({"items": []}),
        "",
        {"pagination": {"type": "page_number", "total_records": "$.total"}},
    ),
    "skip": Case(status(403), "", {"on_error": [{"status": 403, "do": "skip"}]}),
    "on_error": Case(status(403), "on_error", {"on_error": [{"status": 403, "do": "fail"}]}),
    **{f"http_{code}": Case(status(code), f"http_{code}") for code in (400, 401, 403, 404, 406, 418, 429, 500, 503)},
    "http_html": Case(lambda call, loud: Reply(f"<title>{loud}</title>", 500), "http_500"),
    "retry_later": Case(status(429, **{"Retry-After": "99999"}), "retry_later"),
    "html": Case(lambda call, loud: Reply(f"<html><title>{html.escape(loud)}</title>", 200), "html_instead_of_json"),
    "csv": Case(lambda call, loud: Reply(f"a,b\n{loud},1", 200, {"Content-Type": "text/csv"}), "csv_instead_of_json"),
    "xml": Case(lambda call, loud: Reply(f"<?xml version='1.0'?><a>{html.escape(loud)}</a>"), "xml_instead_of_json"),
    "not_json": Case(lambda call, loud: Reply(f"sorry {loud}"), "not_json"),
    "truncated": Case(lambda call, loud: Reply(json.dumps({"items": [loud]})[:-3]), "truncated_json"),
    "cut": Case(lambda call, loud: Reply(loud, truncate=50), "truncated_body"),
    "reset": Case(raises, "connection_reset"),
    "too_many_redirects": Case(redirect("/again?"), "too_many_redirects"),
    "bad_redirect": Case(redirect("http://[::1?"), "invalid_url"),
    "dns": Case(redirect("http://no-such-host.invalid/?"), "dns_failed"),
    "stranger": Case(redirect("{stranger}/?"), "http_401"),
    "link_local": Case(redirect("http://169.254.169.254/?"), "link_local_address"),
    "secret_in_body": Case(
        lambda call, loud: Reply("", 307, {"Location": "{stranger}/"}),
        "secret_in_body",
        {"method": "POST", "body": {"k": "{env.IN_BODY}"}},
    ),
    "data_root": Case(lambda call, loud: Reply({"rows": [{loud: 1}], loud: []}), "data_root_not_found"),
    "primary_key": Case(
        lambda call, loud: Reply({"items": [{"other": 1}], "loud": loud}), "primary_key_missing", {"primary_key": "no"}
    ),
    "loop": Case(lambda call, loud: records(call, loud, next=loud), "pagination_loop", {"pagination": CURSOR}),
    "not_scalar": Case(
        lambda call, loud: records(call, loud, next={loud: loud}), "cursor_not_scalar", {"pagination": CURSOR}
    ),
    "not_text": Case(
        lambda call, loud: records(call, loud, next={loud: loud}), "next_url_not_text", {"pagination": NEXT_URL}
    ),
    "max_pages": Case(
        lambda call, loud: records(call, loud, next=f"{call.arg('at')}{loud}"),
        "max_pages",
        {"pagination": CURSOR},
        {"limits": {"retries": 0, "max_pages": 2}},
    ),
    "too_large": Case(
        lambda call, loud: Reply(loud * 5), "response_too_large", {}, {"limits": {"retries": 0, "max_response": "1KB"}}
    ),
}
SIGN_INS = {
    "token_refused": Reply({"error": "invalid_grant", "error_description": "{loud}"}, 400),
    "token_refused_oddly": Reply({"error": "{loud}"}, 400),
    "token_missing": Reply({"message": "{loud}", "{loud}": 1}, 200),
    "token_failed": Reply("{loud}", 503),
}


class Shouting:
    """The API, its sign-in and a stranger, all of whom repeat every secret."""

    def __init__(self, case: Case, auth: str, start: int, sign_in: Reply | None = None) -> None:
        # Nobody hands out tokens where the sign-in fails, so nobody can know them.
        denied = (ACCESS, ROTATED) if sign_in else ()
        self.loud = shout((secret for secret in known(auth) if secret not in denied), start)
        self.case, self.sign_in = case, sign_in
        self.url = self.stranger = ""

    def __call__(self, call: Call) -> Reply:
        if call.path.endswith(("/token", "/login")):
            return self._sign_in(call)
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


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def spec(api: Shouting, auth: Any, case: Case) -> SourceSpec:
    endpoint = {
        "name": "items",
        "path": "/v/{env.IN_PATH}",
        "params": {"key": {"env": "IN_PARAM"}},
        "headers": {"X-Key": "Key {env.IN_HEADER}", "X-Other": {"env": "IN_BODY"}},
        "data_root": "$.items",
        **case.endpoint,
    }
    source = {"name": "shop", "base_url": api.url + "/{env.IN_BASE}", "limits": {"retries": 0}, "auth": auth}
    return SourceSpec.model_validate({**source, **case.source, "endpoints": [endpoint]})


def run(folder: Path, api: Shouting, auth: Any) -> dict[str, Any]:
    """Materialize the endpoint and its checks as Dagster does, with everything logged; the facts of the run."""
    auth = json.loads(json.dumps(auth).replace("{url}", api.url))
    io_manager = PaginatorIOManager(destination=f"duckdb:///{folder}/data.duckdb", come_back=False)
    definitions = build_definitions(spec(api, auth, api.case), io_manager)
    (folder / "home").mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(folder / "home")) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, raise_on_error=False
        )
        events = [dg.serialize_value(entry) for entry in instance.all_logs(result.run_id)]
    (folder / "events.txt").write_text("\n".join(events))
    found: dict[str, Any] = {"success": result.success, "error": ""}
    for event in result.all_events:
        failure = event.step_failure_data if event.is_step_failure else None
        if failure is not None and failure.user_failure_data is not None:
            found["error"] = dict(failure.user_failure_data.metadata["error"].value)["id"]  # type: ignore[arg-type]
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


def search(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, without: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    out, err = capfd.readouterr()
    (folder / "said.txt").write_text("\n".join((out, err, caplog.text)), encoding="utf-8", errors="replace")
    if not without:
        (folder / "tables.txt").write_text(tables(folder / "data.duckdb"), encoding="utf-8")
    return leaks(left(folder, without=without))


def serve(api: Shouting, folder: Path, auth: Any) -> dict[str, Any]:
    with LoopbackServer(api) as server, LoopbackServer(api.stranger_handler) as stranger:
        # By another name, so that it is another host.
        api.url, api.stranger = server.url, stranger.url.replace("127.0.0.1", "localhost")
        found = run(folder, api, auth)
    sent = "".join(f"{call.target} {call.headers.items()} {call.body!r}" for call in stranger.calls)
    assert leaks(iter([("stranger", sent)])) == []
    return found


@pytest.mark.parametrize("name", CASES)
def test_no_run_leaves_a_secret_anywhere(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number, case = list(CASES).index(name), CASES[name]
    auth = list(AUTHS)[number % len(AUTHS)]
    found = serve(Shouting(case, auth, number), tmp_path, AUTHS[auth])
    assert (found["success"], found["error"]) == (not case.error, case.error)
    assert search(tmp_path, capfd, caplog) == []


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("name", ["success", "http_401", "next_url"])
def test_no_sign_in_leaves_a_secret_anywhere(
    tmp_path: Path, name: str, auth: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = serve(Shouting(CASES[name], auth, list(AUTHS).index(auth)), tmp_path, AUTHS[auth])
    assert (found["success"], found["error"]) == (not CASES[name].error, CASES[name].error)
    assert search(tmp_path, capfd, caplog) == []


@pytest.mark.parametrize("auth", ["oauth2", "refresh", "login"])
@pytest.mark.parametrize("reply", SIGN_INS)
def test_no_failing_sign_in_leaves_a_secret_anywhere(
    tmp_path: Path, reply: str, auth: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = list(SIGN_INS).index(reply) * 3 + len(auth)
    found = serve(Shouting(CASES["success"], auth, number, SIGN_INS[reply]), tmp_path, AUTHS[auth])
    assert not found["success"] and found["error"]
    assert search(tmp_path, capfd, caplog) == []


@pytest.mark.parametrize("auth", ["basic", "refresh", "login"])
def test_records_keep_what_the_api_sent_and_events_do_not(
    tmp_path: Path, auth: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    texts = encoded(known(auth))

    def answer(call: Call, loud: str) -> Reply:
        # Each of them twice, so that the duplicates check has something to show.
        return Reply({"items": [{"id": text, "seen": n, "all": loud} for text in texts for n in (1, 2)]})

    found = serve(Shouting(Case(answer), auth, 0), tmp_path, AUTHS[auth])
    assert found["success"]
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        stored = {row[0] for row in con.execute("SELECT id FROM shop.items").fetchall()}
    assert stored == set(texts)
    caplog.set_level(logging.DEBUG)
    assert search(tmp_path, capfd, caplog, ("data.duckdb",)) == []


def test_what_is_told_of_fields_and_of_rejected_records_is_masked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    texts = encoded(known("refresh"))
    changed: list[dict[str, Any]] = [{"id": 1, **dict.fromkeys(texts, 1)}, *({"id": text} for text in texts)]
    answers = [[{"id": 1}], changed]
    case = Case(lambda call, loud: Reply({"items": answers.pop(0)}), "", {"columns": {"id": "BIGINT"}})
    for _ in range(2):
        assert serve(Shouting(case, "refresh", 0), tmp_path, AUTHS["refresh"])["success"]
        caplog.set_level(logging.DEBUG)
        assert search(tmp_path, capfd, caplog, ("data.duckdb",)) == []
    told = (tmp_path / "events.txt").read_text()
    assert f"{len(texts)} of {len(changed)} records were rejected" in told
    assert "The columns of the table have changed" in told


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number, text in enumerate(ENCODED):
        (tmp_path / "a" / str(number)).write_text(f"x{text}y", encoding="utf-8")
    assert {text for _, text in leaks(left(tmp_path))} >= set(ENCODED)
