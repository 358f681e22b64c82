"""Bodies as servers send them: compressed, wrapped and encoded in many ways, or no JSON at all; on real sockets."""

import gzip
import io
import json
import sys
import zipfile
import zlib
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import brotli
import pytest
import yaml

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.document import parse
from rest_source.http.request import Answer, Request, Tally
from rest_source_tests.loading import Warehouse
from rest_source_tests.test_session import open_session

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
TEXT = '[{"id":1,"v":"Köln"}]'
PLAIN = TEXT.encode()
RECORDS = [{"id": 1, "v": "Köln"}]


gzipped = partial(gzip.compress, mtime=0)
"""Without the time, as each process of the tests makes the same cases."""


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("folder/"), b"")
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"folder/{name}.json"), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def fetched(body: bytes, status: int = 200, **headers: str) -> Answer:
    """The answer that a session makes of a body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = Reply(body, status, {"Content-Type": "application/json", **named})
    with LoopbackServer(lambda call: reply) as api, open_session(api.url, limits={"retries": 0}) as session:
        return session.send(Request("GET", api.url), Tally(), expected=[404])


def read(body: bytes, content_type: str = "application/json", **headers: str) -> Any:
    return parse(fetched(body, 200, Content_Type=content_type, **headers), "GET http://h", str).value


def refused(body: bytes, content_type: str = "application/json", **headers: str) -> RestSourceError:
    with pytest.raises(RestSourceError) as caught:
        read(body, content_type, **headers)
    assert caught.value.cause and caught.value.remedy
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, RestSourceError)
    return caught.value


COMPRESSED = {
    "gzip": gzipped(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "zstd": zstd.compress(PLAIN),
    "zip": zipped(export=PLAIN),
}


@pytest.mark.parametrize("coding", COMPRESSED)
@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "identity"}, {"Content_Encoding": "UTF-8"}], ids=str)
def test_a_compression_that_nobody_declares_is_told_by_its_first_bytes(coding: str, headers: dict[str, str]) -> None:
    assert read(COMPRESSED[coding], "application/octet-stream", **headers) == RECORDS


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(PLAIN)),
        ("x-gzip", gzipped(PLAIN)),
        ("GZIP", gzipped(PLAIN[:9]) + gzipped(PLAIN[9:])),
        ("gzip", gzipped(PLAIN) + b"\0" * 9),
        ("gzip", gzipped(PLAIN)[:-8]),  # without its checksum
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", raw_deflate(PLAIN)),
        ("br", brotli.compress(PLAIN)),
        ("zstd", zstd.compress(PLAIN[:9]) + zstd.compress(PLAIN[9:])),
        ("gzip, br", brotli.compress(gzipped(PLAIN))),
        ("gzip", gzipped(gzipped(PLAIN))),  # a file that was packed already
        ("gzip", gzipped(zipped(export=PLAIN))),
        ("gzip", PLAIN),
        ("deflate", PLAIN),
        ("br", PLAIN),
        ("zstd", b"\xef\xbb\xbf \n" + PLAIN),
        ("gzip", zstd.compress(PLAIN)),
        ("br", gzipped(PLAIN)),
        ("gzip, deflate", gzipped(PLAIN)),
    ],
)
def test_a_declared_compression_is_undone_where_it_was_applied(coding: str, body: bytes) -> None:
    assert read(body, Content_Encoding=coding) == RECORDS


def test_a_compressed_answer_may_come_in_single_bytes() -> None:
    body = gzipped(PLAIN)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert read(chunks, Transfer_Encoding="chunked") == RECORDS


def test_a_large_answer_of_an_undeclared_compression_is_loaded_in_parts(tmp_path: Path) -> None:
    records = [{"id": number, "text": "x" * 100} for number in range(60_000)]
    reply = Reply(gzipped(json.dumps({"records": records}).encode()), headers={"Content-Type": "application/gzip"})
    with LoopbackServer(lambda call: reply) as api:
        limits = {"retries": 0, "max_response": "2MB"}
        outcome = Warehouse(tmp_path).load_from(api.url, pagination={"type": "none"}, source={"limits": limits})
    assert outcome.result.rows_inserted == 60_000


@pytest.mark.parametrize(
    ("coding", "body", "id"),
    [
        ("br", b'\x0b\x04\x80[{"id":1}]\x03', "undecodable_body"),
        ("br", b"not brotli", "undecodable_body"),
        ("gzip", b"not gzip!", "undecodable_body"),
        ("zstd", b"not zstd!", "undecodable_body"),
        ("compress", b"\x1f\x9d\x90[\xf6", "undecodable_body"),
        ("gzip", gzipped(PLAIN)[:10], "truncated_body"),
        ("br", brotli.compress(PLAIN * 99)[:5], "truncated_body"),
        ("gzip", gzipped(PLAIN)[:-12], "truncated_json"),
        ("", gzipped(PLAIN)[:10], "truncated_body"),
        ("", zipped(export=PLAIN)[:60], "truncated_body"),
        ("", gzipped(b""), "empty_body"),
    ],
)
def test_a_compression_that_cannot_be_undone_is_named(coding: str, body: bytes, id: str) -> None:
    error = refused(body, Content_Encoding=coding)
    assert error.id == id
    assert id != "undecodable_body" or f"({coding})" in error.message


def test_an_archive_of_several_files_is_named() -> None:
    error = refused(zipped(orders=PLAIN, items=b"[]"), "application/zip")
    assert error.id == "zip_instead_of_json"
    assert "2 files (`folder/orders.json`, `folder/items.json`)" in error.message


def test_an_archive_that_cannot_be_opened_is_named() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("orders.json", PLAIN)
    error = refused(file.getvalue(), "application/zip")
    assert (error.id, "`orders.json` cannot be opened" in error.message) == ("zip_instead_of_json", True)


@pytest.mark.parametrize("at", range(0, 140, 7))
def test_a_crooked_archive_is_an_error_or_what_it_was(at: int) -> None:
    body = bytearray(zipped(export=PLAIN))
    body[4 + at] ^= 0xFF
    came = "as it was"
    try:
        assert read(bytes(body)) == RECORDS
    except RestSourceError as error:
        came = error.id
    assert came in ("as it was", "truncated_body", "zip_instead_of_json")


def test_a_refusal_in_a_broken_compression_is_told_by_its_status() -> None:
    assert fetched(b"not gzip!", 404, Content_Encoding="gzip").body == b"not gzip!"
    assert fetched(gzipped(b"not found"), 404).body == b"not found"


def test_what_is_asked_for_does_not_depend_on_what_is_installed() -> None:
    with LoopbackServer(lambda call: Reply([])) as api, open_session(api.url) as session:
        session.send(Request("GET", api.url), Tally())
    assert api.calls[0].headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8-sig", "application/json"),
        ("utf-16", "application/json"),
        ("utf-16-le", "application/json"),
        ("utf-16-be", "application/json; charset=utf-16"),
        ("utf-32", "application/json"),
        ("latin-1", "application/json; charset=iso-8859-1"),
        ("latin-1", 'text/plain; charset="ISO_8859-1:1987"; x=y'),
        ("cp1252", "application/json; charset=windows-1252"),
        ("cp1252", "application/json; charset=us-ascii"),
        ("utf-8", "application/json; charset=iso-8859-1"),  # what some servers declare whatever they send
        ("utf-8", "application/json; charset=windows-1252"),
        ("utf-8", "application/json; charset=unheard-of"),
        ("utf-8", "application/json; charset=unicode_escape"),
        ("utf-8", "application/json;charset=UTF8"),
        ("gb18030", "application/json; charset=gb18030"),
        ("cp1250", "application/json; charset=windows-1250"),
    ],
)
def test_a_charset_is_told_by_the_bytes_or_by_the_header(encoding: str, content_type: str) -> None:
    assert read(TEXT.encode(encoding), content_type) == RECORDS


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет", "windows-1251"),
        ("Привет", "koi8-r"),
        ("日本", "shift_jis"),
        ("日本", "iso-2022-jp"),
        ("“€”", "iso-8859-1"),
    ],
)
def test_a_declared_charset_is_honoured(text: str, encoding: str) -> None:
    body = json.dumps([text], ensure_ascii=False).encode("cp1252" if encoding == "iso-8859-1" else encoding)
    assert read(body, f"application/json; charset={encoding}") == [text]


@pytest.mark.parametrize(
    ("body", "content_type", "at", "told"),
    [
        (
            TEXT.encode("latin-1"),
            "application/json",
            15,
            "in no charset that it names; it looks like windows-1252: 0xf6",
        ),
        (TEXT.encode("latin-1"), "application/json; charset=utf-8", 15, "though it says utf-8"),
        (b'{"a":"\xc3\xb6"},"b":"\xff"}', "application/json", 16, "0xff"),
        ('["Привет, как дела? Хорошо."]'.encode("cp1251"), "application/json", 2, "looks like cp1251"),
    ],
)
def test_text_in_an_undeclared_charset_names_the_byte_and_what_it_looks_like(
    body: bytes, content_type: str, at: int, told: str
) -> None:
    error = refused(body, content_type)
    assert (error.id, error.retryable) == ("not_utf8", False)
    assert f" at byte {at}." in error.message and told in error.message
    assert "Accept-Charset: utf-8" in error.remedy


@pytest.mark.parametrize("raw", ["\t", "\n", "\r\n", "\x01", "\x1b[0m", "\x7f"])
def test_a_raw_control_character_in_a_string_means_itself(raw: str) -> None:
    assert read(f'[{{"id":1,"v":"a{raw}b"}}]'.encode()) == [{"id": 1, "v": f"a{raw}b"}]


GUARDS = [
    ")]}'\n",
    ")]}',\n",
    ")]}\n",
    "while(1);",
    "while (true);",
    "for(;;);",
    "for (;;); ",
    "{} && ",
    "throw 1; <no>\n",
]


@pytest.mark.parametrize("prefix", GUARDS)
def test_a_guard_before_json_is_passed_over(prefix: str) -> None:
    assert read(prefix.encode() + PLAIN) == RECORDS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("callback(", ")"),
        ("jQuery123_456(", ");\n"),
        ("/**/ app.load.done( ", " ) ; "),
        ("/**/ typeof cb === 'function' && cb(", ");"),
        ("$(", ")"),
    ],
)
def test_json_in_a_call_is_read(before: str, after: str) -> None:
    assert read(f"{before}{TEXT}{after}".encode(), "text/javascript") == RECORDS
    assert read(f'{before}{{"n":{"7" * 30}}}{after}'.encode())["n"].text == "7" * 30


def test_wrapped_pages_load(tmp_path: Path) -> None:
    pages = [{"records": [{"id": number}], "next": number + 1 if number < 3 else None} for number in (1, 2, 3)]
    wrapped = [Reply(b")]}'\n" + json.dumps(page).encode()) for page in pages]
    assert Warehouse(tmp_path).load(*wrapped).result.rows_inserted == 3


@pytest.mark.parametrize(
    ("body", "content_type", "id", "told"),
    [
        (b"", "application/json", "empty_body", "empty"),
        (b" \n", "", "empty_body", "empty"),
        (b'{"a": [1, 2', "application/json", "truncated_json", "at byte 11"),
        ('{"ä": "ü'.encode(), "text/plain", "truncated_json", "at byte 10"),
        ('{"a": "ü'.encode()[:-1], "application/json", "truncated_json", "at byte 7"),
        (b'{"a": tr', "application/json", "truncated_json", "at byte 8"),
        (b'{"a": "\\u00', "application/json", "truncated_json", "at byte 11"),
        (b'{"a": 1.', "application/json", "truncated_json", "at byte 8"),
        (b'{"a": "b\tc', "application/json", "truncated_json", "at byte 10"),
        (b"[", "application/json", "truncated_json", "at byte 1"),
        (b"<!doctype html><title>Sign in</title>", "text/html", "html_instead_of_json", "HTML"),
        (b"\n <html>", "application/json", "html_instead_of_json", "HTML"),
        (b'<?xml version="1.0"?><a/>', "text/html", "xml_instead_of_json", "XML"),
        (b"<a/>", "application/xml", "xml_instead_of_json", "XML"),
        (b"id,name\n1,a\n", "text/csv; charset=utf-8", "csv_instead_of_json", "CSV"),
        (b"id;name\n1;a\n", "text/plain", "csv_instead_of_json", "CSV"),
        (b"id\tname\n1\ta\n", "application/octet-stream", "csv_instead_of_json", "CSV"),
        (b'{"a": 1}\n{"a": 2}', "application/x-ndjson", "ndjson_instead_of_json", "one JSON value per line"),
        (b'{"a": 1}\r\n{"a": 2}\r\n', "application/json", "ndjson_instead_of_json", "one JSON value per line"),
        (b"[1]\n\n[2]\n", "application/json", "ndjson_instead_of_json", "one JSON value per line"),
        (b'\x1e{"a": 1}\n\x1e{"a": 2}\n', "application/json-seq", "ndjson_instead_of_json", "one JSON value per line"),
        (b'{"a":1}{"a":2}', "application/json", "invalid_json", "a second value that follows the first, at byte 7"),
        (b'{"a":1} Warning: x', "application/json", "invalid_json", "text that follows it, at byte 8"),
        (b'[{"v":NaN},{"v":1.5}]', "application/json", "invalid_json", "NaN, at byte 6."),
        (b'[{"NaN":"-Infinity","v":-Infinity}]', "application/json", "invalid_json", "-Infinity, at byte 24."),
        ('["ä",Infinity]'.encode(), "application/json", "invalid_json", "Infinity, at byte 6"),
        (b"{'a': 1}", "application/json", "invalid_json", "a single quote, where JSON has double ones, at byte 1"),
        (b'{"a": None}', "application/json", "invalid_json", "a word of Python's, at byte 6"),
        (b'{"a": undefined}', "application/json", "invalid_json", "`undefined`, at byte 6"),
        (b"{a: 1}", "application/json", "invalid_json", "a word without quotes, at byte 1"),
        (b'{"a": 1,}', "application/json", "invalid_json", "a comma too many"),
        (b'["a": 1]', "application/json", "invalid_json", "at byte 4"),
        (b'[1, // two\n2]', "application/json", "invalid_json", "a comment, at byte 4"),
        (b'{"a": "say "hi""}', "application/json", "invalid_json", "at byte 12"),
        (b'{"a": 01}', "application/json", "invalid_json", "at byte 7"),
        (b'{"a": "\\x"}', "application/json", "invalid_json", "at byte 7"),
        (b"Hello, you\nthere\n", "text/plain", "not_json", "something that is not JSON"),
        (b"OK", "application/json", "not_json", 'begins "OK"'),
        (b'callback({"a": 1', "text/javascript", "not_json", "callback"),
        (b'data: {"a": 1}\n\ndata: {"a": 2}\n\n', "text/event-stream", "not_json", "a stream of events"),
        (b"%PDF-1.7\n\xff", "application/pdf", "binary_instead_of_json", "(PDF)"),
        (b"PAR1\x15\x04\xff", "application/octet-stream", "binary_instead_of_json", "(Parquet)"),
        (b"\x82\xa2id\x01\xa1v\xc0", "application/msgpack", "binary_instead_of_json", "(msgpack)"),
        (b"BZh91AY&SY\xff", "application/json", "binary_instead_of_json", "(bzip2)"),
        (b"abcde\0\0\0\xff\xff", "application/json", "binary_instead_of_json", "binary"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_is_named_for_what_it_is(body: bytes, content_type: str, id: str, told: str) -> None:
    error = refused(body, content_type)
    assert (error.id, error.retryable) == (id, id == "truncated_json")
    assert told in error.message
    assert f"Content type: {content_type or 'no content type'}" in error.message


def test_every_beginning_of_a_document_is_one_that_ends_in_the_middle() -> None:
    text = r' {"a\"": [-1.5e+10, true, false, null, {}, "\u00e9\\ \ud83d\ude00", "\tö€", ""], "b" : {"c": [[], 0]}} '
    whole = text.encode()
    for length in range(2, len(whole) - 1):
        with pytest.raises(RestSourceError) as caught:
            parse(Answer(200, "http://h", {"Content-Type": "text/plain"}, whole[:length]), "", str)
        assert caught.value.id == "truncated_json", whole[:length]


def test_only_what_asks_for_another_format_is_told_to_ask_for_json() -> None:
    for body in (b"", b'{"a": [1', b'{"a": NaN}', TEXT.encode("latin-1"), b'{"a": 1,}'):
        assert "Accept: application/json" not in refused(body).remedy


def test_a_place_in_a_long_answer_is_quoted() -> None:
    body = json.dumps([{"id": n, "text": "é"} for n in range(1000)], ensure_ascii=False).encode()
    at = body.index(b'"id": 900')
    error = refused(body[:at] + b'"v": NaN, ' + body[at:])
    assert f"at byte {at + 5:,}, near " in error.message
    assert 'text": "é"}, {"v": NaN, "id": 900' in error.message


def test_an_unreadable_body_is_quoted_briefly_and_masked() -> None:
    answer = Answer(200, "http://h", {}, b'["secret", "' + b"y" * 200 + b'", "secret" oops]')
    with pytest.raises(RestSourceError) as caught:
        parse(answer, "GET secret", lambda text: text.replace("secret", "*"))
    assert 'begins "["*", "' + "y" * 73 + "…" in caught.value.message
    assert 'yy", "*" oops]"' in caught.value.message
    assert "secret" not in str(caught.value)


def test_half_a_secret_at_the_broken_byte_is_masked_with_the_other_half() -> None:
    body = b'["' + b"a" * 99 + b'", sec"ret"]'
    with pytest.raises(RestSourceError) as caught:
        parse(Answer(200, "http://h", {}, body), "", lambda text: text.replace('sec"ret', "*"))
    assert 'at byte 104, near "' in caught.value.message and 'aaa", *"]"' in caught.value.message
    assert "sec" not in caught.value.message


def test_a_broken_part_of_a_large_answer_is_told_by_its_byte_in_the_whole(tmp_path: Path) -> None:
    records = ",".join(json.dumps({"id": number, "text": "x" * 100}) for number in range(60_000))
    at = records.index('{"id": 50000,')
    text = f'{{"records":[{records[:at]}{{"v": NaN}},{records[at:]}]}}'
    reply = Reply(text.encode(), headers={"Content-Type": "application/json"})
    with LoopbackServer(lambda call: reply) as api, pytest.raises(RestSourceError) as caught:
        Warehouse(tmp_path).load_from(api.url, pagination={"type": "none"})
    assert caught.value.id == "invalid_json"
    assert f"at byte {text.index('NaN'):,}, near " in caught.value.message


def test_an_empty_answer_past_the_last_page_has_a_remedy_that_loads_all(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        return Reply([{"id": 2 * page}, {"id": 2 * page + 1}] if page < 3 else b"")

    keys: dict[str, Any] = {"data_root": "$", "pagination": {"type": "page_number"}, "primary_key": "id"}
    warehouse = Warehouse(tmp_path)
    with LoopbackServer(handler) as api:
        with pytest.raises(RestSourceError) as caught:
            warehouse.load_from(api.url, **keys)
        assert caught.value.remedy.startswith("If the API answers so past its last page: `on_error: ")
        written = yaml.safe_load(caught.value.remedy.split("`")[1])
        outcome = warehouse.load_from(api.url, **keys, **written)
    assert (caught.value.id, outcome.result.row_count) == ("empty_body", 4)


@pytest.mark.parametrize("status", [200, 204])
def test_a_status_of_success_ends_a_series_only_without_a_body(tmp_path: Path, status: int) -> None:
    pages = [Reply([{"id": 1}]), Reply([{"id": 2}]), Reply(b"", status)]
    with LoopbackServer(lambda call: pages[int(call.arg("page") or 1) - 1]) as api:
        keys: dict[str, Any] = {"data_root": "$", "source": {"limits": {"concurrency": 1, "retries": 0}}}
        paged = {"type": "page_number", "end_statuses": [200, 204]}
        outcome = Warehouse(tmp_path).load_from(api.url, pagination=paged, **keys)
    assert (outcome.result.row_count, outcome.stop_reason) == (2, "end_status")


def test_no_such_remedy_is_printed_where_more_is_announced(tmp_path: Path) -> None:
    pages = [Reply({"records": [{"id": 1}], "next": "2"}), Reply(b"")]
    with pytest.raises(RestSourceError) as caught:
        Warehouse(tmp_path).load(*pages)
    assert caught.value.id == "empty_body"
    assert "do: end" not in caught.value.remedy
