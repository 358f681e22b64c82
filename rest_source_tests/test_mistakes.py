"""Mistakes that people make in a defs.yaml, and the sentence that each of them meets."""

import re
from pathlib import Path

import pytest

from rest_source.errors import RestSourceError
from rest_source.spec.file import load_source

FILE = """\
type: rest_source.RestSource
attributes:
  name: shop
  base_url: https://api.shop.example/v1
  auth: {type: bearer, token: {env: SHOP_TOKEN}}
  endpoints:
    - name: orders
      path: /orders
      data_root: $.orders
      pagination: {type: page_number, param: page}
      primary_key: id
"""
MISTAKES = [
    (
        "type: rest_source.RestSource",
        "type: rest_source.RestSorce",
        (
            "1: unknown type `rest_source.RestSorce`. Did you mean `rest_source.RestSource`? Valid: "
            "rest_source.RestSource"
        ),
    ),
    (
        "attributes:\n",
        "endpoints: []\nattributes:\n",
        "2: `endpoints` belongs below `attributes`: indent it, with all that belongs to it, by two blanks",
    ),
    (
        "  endpoints:",
        "  timezone: Europe/Berln\n  endpoints:",
        (
            "6: attributes.timezone: `Europe/Berln` is not a time zone. Did you mean `Europe/Berlin`? Write an IANA "
            "name such as UTC or Europe/Paris"
        ),
    ),
    ("type: rest_source.RestSource\n", "", "1: the key `type: rest_source.RestSource` is required"),
    (
        "attributes:",
        "attribute:",
        (
            "2: unknown key `attribute`. Did you mean `attributes`? Valid: type, attributes, "
            "template_vars_module, requirements, post_processing"
        ),
    ),
    (
        "name: shop\n",
        "name: my shop\n",
        "3: attributes.name: `my shop` is not a valid name: use letters, digits and _ only",
    ),
    (
        "name: shop\n",
        "name: _rest_source\n",
        (
            "3: attributes.name: `_rest_source` would be the schema `_rest_source`, which is a system's; choose "
            "another name"
        ),
    ),
    ("  name: shop\n", "", "2: attributes.name: the key `name` is required; write one such as shop"),
    (
        "https://api.shop.example/v1",
        "api.shop.example/v1",
        "4: attributes.base_url: `api.shop.example/v1` is not a URL: it starts with http:// or https://",
    ),
    (
        "  base_url: https://api.shop.example/v1\n",
        "",
        ("2: attributes.base_url: the key `base_url` is required; write one such as 'https://api.example.com/v1'"),
    ),
    ("base_url", "baseurl", "4: attributes.baseurl: unknown key `baseurl`. Did you mean `base_url`? Valid: …"),
    ("base_url", "url", "4: attributes.url: unknown key `url`. Did you mean `base_url`? Valid: …"),
    (
        "auth: {type: bearer",
        "auth: {type: bearr",
        (
            "5: attributes.auth.type: unknown type `bearr`. Did you mean `bearer`? Valid: none, basic, bearer, "
            "api_key, digest, oauth2, jwt, login"
        ),
    ),
    (
        "auth: {type: bearer,",
        "auth: {",
        "5: attributes.auth.type: the key `type` is required: none, basic, bearer, api_key, digest, oauth2, jwt, login",
    ),
    (
        "token: {env: SHOP_TOKEN}",
        "tokn: {env: SHOP_TOKEN}",
        "5: attributes.auth.tokn: unknown key `tokn`. Did you mean `token`? Valid: type, token",
    ),
    (
        "{env: SHOP_TOKEN}",
        "{env: shop_token}",
        ("5: attributes.auth.token: `env: shop_token` names no environment variable: upper-case letters, digits and _"),
    ),
    (
        "{env: SHOP_TOKEN}",
        "{envv: SHOP_TOKEN}",
        "5: attributes.auth.token: should be text, not a mapping; write one such as {env: SHOP_TOKEN}",
    ),
    (
        "{env: SHOP_TOKEN}",
        "{{ env.SHOP_TOKEN }}",
        "5: found unhashable key; double braces are not rendered: write a variable as {env: NAME}, or as {env.NAME} "
        "within quotes",
    ),
    (
        "{env: SHOP_TOKEN}",
        "${SHOP_TOKEN}",
        (
            "5: not valid YAML: did not find expected ',' or '}'; write a variable as {env: NAME}, or as "
            "{env.NAME} within quotes"
        ),
    ),
    (
        "{env: SHOP_TOKEN}",
        "12345",
        "5: attributes.auth.token: should be text, not a number; write one such as {env: SHOP_TOKEN}",
    ),
    (
        "auth: {type: bearer, token: {env: SHOP_TOKEN}}",
        "auth: bearer",
        (
            "5: attributes.auth: should be a mapping, not text; write one such as {type: bearer, token: {env: "
            "SHOP_TOKEN}}"
        ),
    ),
    (
        "auth: {type: bearer, token: {env: SHOP_TOKEN}}",
        "auth: {type: api_key, name: k, value: v, in: body}",
        "5: attributes.auth.in: unknown value `body`. Valid: header, query, cookie",
    ),
    (
        "    - name: orders\n",
        "    - nam: orders\n",
        "7: attributes.endpoints.0.nam: unknown key `nam`. Did you mean `name`? Valid: …",
    ),
    (
        "      path: /orders\n",
        "",
        "7: attributes.endpoints.0.path: the key `path` is required; write one such as /orders",
    ),
    (
        "path: /orders",
        "path: /orders/{parent.id}",
        "8: attributes.endpoints.0.path: `{parent.id}` needs `parent`, which this endpoint does not have",
    ),
    (
        "data_root: $.orders",
        "data_rot: $.orders",
        "9: attributes.endpoints.0.data_rot: unknown key `data_rot`. Did you mean `data_root`? Valid: …",
    ),
    (
        "data_root: $.orders",
        "data_root: $.orders[",
        (
            "9: attributes.endpoints.0.data_root: `$.orders[` is not JSONPath: Parse error near the end of "
            "string!. Write a path such as $.data.items"
        ),
    ),
    (
        "data_root: $.orders",
        "data_root: [orders]",
        "9: attributes.endpoints.0.data_root: should be text, not a list; write one such as $.data.items",
    ),
    (
        "page_number, param: page",
        "page, param: page",
        (
            "10: attributes.endpoints.0.pagination.type: unknown type `page`. Did you mean `page_number`? Valid: "
            "none, page_number, offset_limit, cursor, next_url, link_header"
        ),
    ),
    (
        "type: page_number, param: page",
        "type: page_number, size_param: per_page",
        "10: attributes.endpoints.0.pagination.size_param: `size_param` needs `size`, the number to ask for",
    ),
    (
        "type: page_number, param: page",
        "type: cursor, param: page",
        ("10: attributes.endpoints.0.pagination.value: the key `value` is required; write one such as $.paging.next"),
    ),
    (
        "type: page_number, param: page",
        "type: offset_limit, limit: 0",
        "10: attributes.endpoints.0.pagination.limit: should be at least 1",
    ),
    (
        "type: page_number, param: page",
        "type: offset_limit, limit: '100'",
        ("10: attributes.endpoints.0.pagination.limit: should be a whole number, not text; write one such as 250"),
    ),
    (
        "type: page_number, param: page",
        "type: next_url",
        ("10: attributes.endpoints.0.pagination.path: the key `path` is required; write one such as $.links.next"),
    ),
    (
        "type: page_number, param: page",
        "type: page_number, in: body",
        "10: attributes.endpoints.0.pagination.in: `in: body` needs `method: POST`, or a `body` that is sent with GET",
    ),
    (
        "pagination: {type: page_number, param: page}",
        "pagination: page_number",
        ("10: attributes.endpoints.0.pagination: should be a mapping, not text; write one such as {type: link_header}"),
    ),
    (
        "primary_key: id",
        "primary_key: 7",
        ("11: attributes.endpoints.0.primary_key: should be a list, not a number; write one such as [service, hour]"),
    ),
    (
        "primary_key: id",
        "primary-key: id",
        ("11: attributes.endpoints.0.primary-key: unknown key `primary-key`. Did you mean `primary_key`? Valid: …"),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      write: upsert",
        (
            "12: attributes.endpoints.0.write: unknown value `upsert`. Did you mean `merge`? Valid: merge, "
            "append, replace"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      write: append\n      deletes: mark",
        (
            "13: attributes.endpoints.0.deletes: `deletes: mark` needs `write: merge`; `write: append` has no "
            "rows to mark"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      primary_key: sku",
        "12: the key `primary_key` stands twice in one mapping; the first is in line 11",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      method: PUT",
        "12: attributes.endpoints.0.method: unknown value `PUT`. Did you mean `POST`? Valid: GET, POST",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      form: {a: 1}",
        "12: attributes.endpoints.0.form: `form` needs `method: POST`",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      params: [a, b]",
        (
            "12: attributes.endpoints.0.params: should be a mapping, not a list; write one such as {status: "
            "[open, paid]}"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      params: {since: '{now-24x}'}",
        (
            "12: attributes.endpoints.0.params.since: `{now-24x}` is not a template: write {now}, {now-24h} "
            "(units s m h d w) or {now-1d:%Y-%m-%d} (a strftime format, iso, epoch, epoch_ms, epoch_us, epoch_ns)"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      params: {since: {from: 1}}",
        "12: attributes.endpoints.0.params.since: write text, a number, true, false, null or {env: NAME}",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      columns: {zip: STRING}",
        (
            "12: attributes.endpoints.0.columns.zip: unknown value `STRING`. Did you mean `TEXT`? Valid: "
            "BOOLEAN, BIGINT, DOUBLE, DATE, TIMESTAMPTZ, JSON, TEXT"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      on_error: [{status: 4040, do: skip}]",
        "12: attributes.endpoints.0.on_error.0.status.0: should be at most 599",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      on_error: [{do: skip}]",
        "12: attributes.endpoints.0.on_error.0: a rule needs at least one of `status`, `json`, `contains` and `empty`",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      on_error: {status: 404, do: skip}",
        (
            "12: attributes.endpoints.0.on_error: should be a list, not a mapping; write one such as [{status: "
            "403, do: skip}]"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      key_column: k",
        (
            "12: attributes.endpoints.0.key_column: `key_column` needs a `data_root` that ends with `.*` or "
            "`[*]`, the map's values"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      nested: split_all",
        (
            "12: attributes.endpoints.0.nested: unknown value `split_all`. Did you mean `split`? Valid: json, "
            "flatten, split, string"
        ),
    ),
    ("primary_key: id", "primary_key: id\n      x: 1", "12: attributes.endpoints.0.x: unknown key `x`. Valid: …"),
    (
        "primary_key: id",
        "primary_key: id\n      schedule: {every: daily}",
        (
            "12: attributes.endpoints.0.schedule.every: `daily` is not a duration: write a number and ms, s, m, "
            "h, d or w, such as 90s or 6h"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      schedule: {cron: '* * *'}",
        (
            "12: attributes.endpoints.0.schedule.cron: `* * *` is not a cron expression: five fields, minute "
            "hour day month weekday"
        ),
    ),
    (
        "primary_key: id",
        "primary_key: id\n    - name: Orders\n      path: /x",
        ("12: attributes.endpoints.1.name: `Orders` and `orders` would share the table `orders`; choose another name"),
    ),
    (
        "  endpoints:",
        "  limits: {rate: fast}\n  endpoints:",
        ("6: attributes.limits.rate: `fast` is not a rate: write requests per time, such as 10/s, 100/m or 5000/h"),
    ),
    (
        "  endpoints:",
        "  limits: {timeout: 60 seconds}\n  endpoints:",
        (
            "6: attributes.limits.timeout: `60 seconds` is not a duration: write a number and ms, s, m, h, d or "
            "w, such as 90s or 6h"
        ),
    ),
    (
        "  endpoints:",
        "  limits: {max_response: 1TB}\n  endpoints:",
        ("6: attributes.limits.max_response: `1TB` is not a size: write a number and B, KB, MB or GB, such as 256MB"),
    ),
    (
        "  endpoints:",
        "  limits: {concurrency: 0}\n  endpoints:",
        "6: attributes.limits.concurrency: should be at least 1",
    ),
    (
        "  endpoints:",
        "  timezone: Paris\n  endpoints:",
        (
            "6: attributes.timezone: `Paris` is not a time zone. Did you mean `Europe/Paris`? Write an IANA name "
            "such as UTC or Europe/Paris"
        ),
    ),
    (
        "  endpoints:",
        "  owners: [ada]\n  endpoints:",
        (
            "6: attributes.owners.0: `ada` is not an owner that Dagster takes; write one such as "
            "ada@shop.example or team:data"
        ),
    ),
    (
        "  endpoints:",
        "  tags: {a b: c}\n  endpoints:",
        (
            "6: attributes.tags.a b: `a b` is not the key of a tag that Dagster takes; write one such as domain "
            "or acme.com/domain"
        ),
    ),
    ("  endpoints:", "  kinds: [a, b, c, d]\n  endpoints:", "6: attributes.kinds: should have at most 3 items, not 4"),
    (
        "  endpoints:",
        "  freshness_policy: {fail_window: 1h, warn_window: 2h}\n  endpoints:",
        "6: attributes.freshness_policy: `warn_window` is shorter than `fail_window`",
    ),
    (
        "  endpoints:",
        "  checks: {duplicates: critical}\n  endpoints:",
        "6: attributes.checks.duplicates: unknown value `critical`. Valid: error, warn, off",
    ),
    (
        "  endpoints:",
        "  endpoint_defaults: {datta_root: $.x}\n  endpoints:",
        ("6: attributes.endpoint_defaults.datta_root: unknown key `datta_root`. Did you mean `data_root`? Valid: …"),
    ),
    (
        "  endpoints:",
        "  headers: {X-A: [1]}\n  endpoints:",
        "6: attributes.headers.X-A: write text, a number, true, false, null or {env: NAME}",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      timezone: UTC",
        "12: attributes.endpoints.0.timezone: `timezone` belongs to the source, beside `base_url`",
    ),
    (
        "  endpoints:",
        "  data_root: $.x\n  endpoints:",
        ("6: attributes.data_root: `data_root` belongs to an endpoint, or to all of them under `endpoint_defaults`"),
    ),
    (
        "primary_key: id",
        "primary_key: id\n      deletes: true",
        "12: attributes.endpoints.0.deletes: should be mark, not true or false",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      nested: 2",
        "12: attributes.endpoints.0.nested: should be json or flatten or split or string, not a number",
    ),
    (
        "primary_key: id",
        "primary_key: id\n      schedule: 6h",
        "12: attributes.endpoints.0.schedule: should be a mapping, not text; write one such as {every: 6h}",
    ),
    (
        "  endpoints:",
        "  endpoint_defaults: {freshness_policy: 26h}\n  endpoints:",
        (
            "6: attributes.endpoint_defaults.freshness_policy: should be a mapping, not text; write one such as "
            "{fail_window: 26h}"
        ),
    ),
    (
        "  endpoints:",
        "\tendpoints:",
        "6: not valid YAML: found character that cannot start any token; indent with spaces, not with tabs",
    ),
    (
        "  endpoints:",
        " endpoints:",
        ("6: not valid YAML: did not find expected key; the line is indented otherwise than those that it belongs to"),
    ),
    (
        "path: /orders",
        "path: /orders?status={open}: x: y",
        (
            "8: not valid YAML: mapping values are not allowed in this context; put quotes around text that "
            "holds a colon, and indent the keys of a mapping alike"
        ),
    ),
    (
        "    - name: orders\n      path",
        "    name: orders\n    path",
        (
            "9: not valid YAML: mapping values are not allowed in this context; put quotes around text that "
            "holds a colon, and indent the keys of a mapping alike"
        ),
    ),
    (
        "https://api.shop.example/v1",
        "https://api.shop.example/v{now:%Y}/{parent.id}",
        "4: attributes.base_url: `{parent.id}` has no value in `base_url`; put it into an endpoint's `path`",
    ),
    (
        "primary_key: id\n",
        'primary_key: id\n      schedule: {cron: "0 0 30 2 *"}\n',
        "12: attributes.endpoints.0.schedule.cron: `0 0 30 2 *` never comes: no month of it has a day 30",
    ),
]

DAY = "{type: daily, start_date: 2024-01-01}"
PARTITIONS = [
    (
        "{type: daily, start_date: yesterday}",
        "start_date: `yesterday` is not a date of the form `%Y-%m-%d`; write one such as 2024-01-01",
    ),
    (
        "{type: hourly, start_date: 2024-01-01}",
        "start_date: `2024-01-01` is not a date of the form `%Y-%m-%d-%H:%M`; write one such as 2024-01-01-00:00",
    ),
    ("{type: daily, start_date: 9999-12-31}", "start_date: `9999-12-31` is in the last year that there is"),
    (
        "{type: daily, start_date: 2024-01-02, end_date: 2024-01-01}",
        "end_date: `2024-01-01` is not behind the `start_date`, `2024-01-02`",
    ),
    ("{type: daily, start_date: 2024-01-01, hour_offset: 30}", "hour_offset: should be at most 23"),
    (
        "{type: time_window, start_date: 2024-01-01, fmt: '%Y-%m-%d', cron_schedule: daily}",
        "cron_schedule: `daily` is not a cron expression: five fields, minute hour day month weekday",
    ),
    (
        "{type: time_window, start_date: 2024-01-01, fmt: '%Y-%m-%d', cron_schedule: '0 */6 * * *'}",
        "fmt: `%Y-%m-%d` writes 2024-01-01 00:00 and 2024-01-01 06:00 alike, and both begin a partition: all but one "
        "of them would never be loaded",
    ),
    (
        "{type: static, partition_keys: [a...b]}",
        "partition_keys: `a...b` cannot name a partition: A...B is a range of them",
    ),
    (
        f"{{type: multi, dimensions: {{d: {DAY}, r: {{type: static, partition_keys: ['a|b']}}}}}}",
        "dimensions.r.partition_keys: `a|b` cannot name a partition of two dimensions, whose keys are joined by |, [], "
        "and ,",
    ),
]
MISTAKES += [
    (
        "primary_key: id\n",
        f"primary_key: id\n      partitions_def: {written}\n",
        f"12: attributes.endpoints.0.partitions_def.{said}",
    )
    for written, said in PARTITIONS
]
MISTAKES.append(
    (
        "primary_key: id\n",
        f"primary_key: id\n      partitions_def: {{type: multi, dimensions: {{d: {DAY}, "
        "r: {type: static, partition_keys: [a]}}}\n      requests: range\n",
        "13: attributes.endpoints.0.requests: `requests: range` needs partitions of time, and of nothing else",
    )
)


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_explained(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    assert right in FILE
    path = tmp_path / "defs.yaml"
    path.write_text(FILE.replace(right, wrong, 1))
    with pytest.raises(RestSourceError) as raised:
        load_source(path)
    told = raised.value.message.replace(f"{path}:", "")
    assert re.sub(r" Valid: (\w+, ){9,}\w+", " Valid: …", told) == said
    assert raised.value.id == "invalid_file"
    assert raised.value.remedy


def test_there_are_at_least_forty() -> None:
    assert len({said for _, _, said in MISTAKES}) >= 40
