"""Answers shaped as public APIs document theirs, with invented data, and what `suggest` should make of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Pagination = Mapping[str, Any]
NONE: tuple[Pagination, ...] = ({"type": "none"},)
LINK: tuple[Pagination, ...] = ({"type": "link_header"},)


@dataclass(frozen=True)
class Shape:
    """An answer. Several roots, paginations or keys are right where each of them would load the records.

    A pagination is right where it has at least these keys; without a key, none should be claimed with confidence.
    """

    name: str
    url: str
    body: Any
    root: tuple[str, ...]
    pagination: tuple[Pagination, ...]
    key: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None
    arrays: tuple[str, ...] = ()


def next_url(path: str) -> Pagination:
    return {"type": "next_url", "path": path}


def cursor(value: str, param: str, **more: Any) -> Pagination:
    return {"type": "cursor", "value": value, "param": param, **more}


def many(make: Callable[[int], dict[str, Any]], count: int = 4) -> list[dict[str, Any]]:
    return [make(number) for number in range(1, count + 1)]


def at(day: int, hour: int = 8) -> str:
    return f"2024-03-{day:02}T{hour:02}:15:00Z"


API = "https://api.example.com"


def person(n: int) -> dict[str, Any]:
    return {"id": 40 + n, "name": f"Person {n}", "email": f"p{n}@example.com", "updated_at": at(n)}


def link(url: str, *rels: str) -> dict[str, str]:
    return {"Link": ", ".join(f'<{url}&page={n}>; rel="{rel}"' for n, rel in enumerate(rels or ("next", "last"), 2))}


def issue(n: int) -> dict[str, Any]:
    user = {"login": f"dev{n % 2}", "id": 900 + n % 2}
    labels = [{"id": 5, "name": "bug"}, {"id": 6, "name": "ui"}]
    return {
        "id": 7000 + n, "node_id": f"I_{n}", "number": n, "title": f"Crash {n}", "user": user, "labels": labels,
        "state": "open", "comments": n % 2, "created_at": at(n), "updated_at": at(n + 1), "closed_at": None,
    }  # fmt: skip


def order(n: int) -> dict[str, Any]:
    lines = [{"id": n * 10 + i, "sku": f"S{i}", "quantity": i, "price": "9.50"} for i in (1, 2)]
    return {"id": 5000 + n, "order_number": 1000 + n, "customer_id": n % 2, "total_price": "19.00",
            "line_items": lines, "created_at": at(n), "updated_at": at(n, 9)}  # fmt: skip


def spring_page(n: int) -> dict[str, Any]:
    return {"sku": f"B-{n}", "title": f"Book {n}", "price": n * 1.5, "_links": {"self": {"href": f"{API}/books/{n}"}}}


def hit(n: int) -> dict[str, Any]:
    return {"_index": "logs", "_id": f"AV{n}x", "_score": 1.0, "_source": {"user": f"u{n % 2}", "message": "hello"}}


def feature(n: int) -> dict[str, Any]:
    properties = {"mag": 2.1, "place": f"{n} km N", "time": 1709280000000 + n, "updated": 1709283600000 + n}
    point = {"type": "Point", "coordinates": [n * 1.0, 2.0, 3.0]}
    return {"type": "Feature", "properties": properties, "geometry": point, "id": f"us70{n}"}


SHAPES = [
    Shape("issues of a code host", f"{API}/repos/a/b/issues?per_page=4", many(issue), ("$",), LINK, ("id",),
          link(f"{API}/repos/a/b/issues?per_page=4"), "$.updated_at", ("labels",)),
    Shape("payments list", f"{API}/v1/charges?limit=4",
          {"object": "list", "url": "/v1/charges", "has_more": True,
           "data": many(lambda n: {"id": f"ch_{n}", "object": "charge", "amount": n * 100, "created": 1709280000 - n})},
          ("$.data",), (cursor("$.id", "starting_after", **{"from": "last_record"}),), ("id",)),
    Shape("shop orders", f"{API}/admin/api/orders.json?limit=4", {"orders": many(order)}, ("$.orders",), LINK, ("id",),
          {"Link": f'<{API}/admin/api/orders.json?limit=4&page_info=eyJ>; rel="next"'}, "$.updated_at",
          ("line_items",)),
    Shape("crm contacts", f"{API}/crm/v3/objects/contacts?limit=4",
          {"results": many(lambda n: {"id": str(n), "properties": {"email": f"a{n}@x.example", "lastname": "X"},
                                      "createdAt": at(n), "updatedAt": at(n, 9), "archived": False}),
           "paging": {"next": {"after": "NTI1", "link": f"{API}/crm/v3/objects/contacts?limit=4&after=NTI1"}}},
          ("$.results",), (next_url("$.paging.next.link"), cursor("$.paging.next.after", "after")), ("id",), {},
          "$.updatedAt"),
    Shape("chat members", f"{API}/api/users.list?limit=4",
          {"ok": True, "members": many(lambda n: {"id": f"U{n}", "team_id": "T1", "name": f"n{n}", "deleted": False,
                                                  "profile": {"real_name": "R"}, "updated": 1709280000 + n}),
           "cache_ts": 1709280999, "response_metadata": {"next_cursor": "dXNlcjpVMEc5V0ZYTlo="}},
          ("$.members",), (cursor("$.response_metadata.next_cursor", "cursor"),), ("id",), {}, "$.updated"),
    Shape("tracker search", f"{API}/rest/api/2/search?jql=project%3DA",
          {"expand": "names,schema", "startAt": 0, "maxResults": 4, "total": 17,
           "issues": many(lambda n: {"expand": "a", "id": str(10000 + n), "self": f"{API}/issue/{n}", "key": f"A-{n}",
                                     "fields": {"summary": "S", "updated": at(n)}})},
          ("$.issues",), ({"type": "offset_limit", "offset_param": "startAt", "limit_param": "maxResults",
                           "total_records": "$.total"},), ("id", "key"), {}, "$.fields.updated"),
    Shape("workspace pages", f"{API}/v1/users?page_size=4",
          {"object": "list", "results": many(lambda n: {"object": "user", "id": f"d40e767c-{n}", "type": "person",
                                                        "name": f"A{n}"}),
           "next_cursor": "fe2cc560-036c", "has_more": True, "type": "user", "user": {}},
          ("$.results",), (cursor("$.next_cursor", "start_cursor"),), ("id",)),
    Shape("help desk tickets", f"{API}/api/v2/tickets.json",
          {"tickets": many(lambda n: {"url": f"{API}/t/{n}", "id": n, "subject": "Help", "requester_id": 9, "tags": [],
                                      "created_at": at(n), "updated_at": at(n)}),
           "next_page": f"{API}/api/v2/tickets.json?page=2", "previous_page": None, "count": 1234},
          ("$.tickets",), (next_url("$.next_page"),), ("id", "url"), {}, "$.updated_at"),
    Shape("help desk users by cursor", f"{API}/api/v2/users.json?page%5Bsize%5D=4",
          {"users": many(person), "meta": {"has_more": True, "after_cursor": "xxx", "before_cursor": "yyy"},
           "links": {"prev": f"{API}/u?page[before]=yyy", "next": f"{API}/api/v2/users.json?page[after]=xxx"}},
          ("$.users",), (next_url("$.links.next"), cursor("$.meta.after_cursor", "page[after]")), ("id",), {},
          "$.updated_at"),
    Shape("blog posts", f"{API}/wp-json/wp/v2/posts?per_page=4",
          many(lambda n: {"id": n, "date": "2024-03-01T08:00:00", "modified": f"2024-03-0{n}T08:00:00",
                          "slug": f"post-{n}", "title": {"rendered": "T"}, "author": 1, "categories": [3],
                          "_links": {"self": [{"href": f"{API}/p/{n}"}]}}),
          ("$",), LINK, ("id", "slug"), {"X-WP-Total": "31", "X-WP-TotalPages": "8",
                                         "Link": f'<{API}/wp-json/wp/v2/posts?per_page=4&page=2>; rel="next"'},
          "$.modified"),
    Shape("blog posts without links", f"{API}/wp-json/wp/v2/posts?per_page=4&page=1", many(person), ("$",),
          ({"type": "page_number", "param": "page", "total_pages": {"header": "X-WP-TotalPages"}},), ("id",),
          {"X-WP-Total": "31", "X-WP-TotalPages": "8"}, "$.updated_at"),
    Shape("framework pages", f"{API}/users/",
          {"count": 123, "next": f"{API}/users/?page=2", "previous": None, "results": many(person)},
          ("$.results",), (next_url("$.next"),), ("id",), {}, "$.updated_at"),
    Shape("framework, last page", f"{API}/users/?page=3",
          {"count": 11, "next": None, "previous": f"{API}/users/?page=2", "results": many(person, 3)},
          ("$.results",), (next_url("$.next"),), ("id",), {}, "$.updated_at"),
    Shape("hypermedia", f"{API}/customers",
          {"_embedded": {"customers": many(spring_page)},
           "_links": {"first": {"href": f"{API}/customers?page=0&size=4"}, "self": {"href": f"{API}/customers"},
                      "next": {"href": f"{API}/customers?page=1&size=4"}, "last": {"href": f"{API}/customers?page=2"}},
           "page": {"size": 4, "totalElements": 10, "totalPages": 3, "number": 0}},
          ("$._embedded.customers",), (next_url("$._links.next.href"),), ("sku", "title")),
    Shape("pages from zero", f"{API}/books",
          {"content": many(lambda n: {"isbn": f"978-{n}", "id": n, "authors": ["A"]}),
           "pageable": {"sort": {"sorted": False}, "pageNumber": 0, "pageSize": 4, "offset": 0, "paged": True},
           "last": False, "totalElements": 10, "totalPages": 3, "size": 4, "number": 0, "numberOfElements": 4,
           "first": True, "empty": False},
          ("$.content",), ({"type": "page_number", "param": "page", "start": 0, "total_pages": "$.totalPages"},),
          ("id", "isbn")),
    Shape("compound documents", f"{API}/articles?page[size]=4",
          {"data": many(lambda n: {"type": "articles", "id": str(n), "attributes": {"title": "T", "updated_at": at(n)},
                                   "relationships": {"author": {"data": {"type": "people", "id": "9"}}}}),
           "included": many(lambda n: {"type": "people", "id": str(n), "attributes": {"name": "N"}}, 6),
           "links": {"self": f"{API}/articles", "next": f"{API}/articles?page[number]=2"}, "meta": {"total": 9}},
          ("$.data",), (next_url("$.links.next"),), ("id",), {}, "$.attributes.updated_at"),
    Shape("compound documents with link objects", f"{API}/articles",
          {"jsonapi": {"version": "1.1"}, "data": many(lambda n: {"type": "a", "id": str(n), "attributes": {"t": n}}),
           "links": {"self": {"href": f"{API}/articles"}, "next": {"href": f"{API}/articles?page[cursor]=b"}}},
          ("$.data",), (next_url("$.links.next.href"),), ("id",)),
    Shape("open data protocol", f"{API}/odata/Products?$top=4",
          {"@odata.context": f"{API}/odata/$metadata#Products", "value":
           many(lambda n: {"ProductID": n, "Name": f"P{n}", "ModifiedDate": at(n), "CategoryID": 3}),
           "@odata.nextLink": f"{API}/odata/Products?$top=4&$skiptoken=4"},
          ("$.value",), (next_url("$['@odata.nextLink']"),), ("ProductID",), {}, "$.ModifiedDate"),
    Shape("search engine", f"{API}/logs/_search?from=0&size=4",
          {"took": 5, "timed_out": False, "_shards": {"total": 5, "successful": 5, "skipped": 0, "failed": 0},
           "hits": {"total": {"value": 1000, "relation": "eq"}, "max_score": 1.0, "hits": many(hit)}},
          ("$.hits.hits",), ({"type": "offset_limit", "offset_param": "from", "limit_param": "size"},), ("_id",)),
    Shape("spreadsheet base", f"{API}/v0/app1/Tasks?pageSize=4",
          {"records": many(lambda n: {"id": f"rec{n}", "createdTime": at(n), "fields": {"Name": f"T{n}"}}),
           "offset": "itrX/rec4"},
          ("$.records",), (cursor("$.offset", "offset"),), ("id",)),
    Shape("sales query", f"{API}/services/data/v60.0/query?q=SELECT+Id",
          {"totalSize": 3214, "done": False, "nextRecordsUrl": "/services/data/v60.0/query/01gD-2000",
           "records": many(lambda n: {"attributes": {"type": "Account", "url": f"/a/{n}"}, "Id": f"001{n}",
                                      "Name": "Acme", "LastModifiedDate": f"2024-03-0{n}T08:00:00.000+0000"})},
          ("$.records",), (next_url("$.nextRecordsUrl"),), ("Id",), {}, "$.LastModifiedDate"),
    Shape("named resources", f"{API}/api/v2/pokemon",
          {"count": 1302, "next": f"{API}/api/v2/pokemon?offset=4&limit=4", "previous": None,
           "results": many(lambda n: {"name": f"mon{n}", "url": f"{API}/api/v2/pokemon/{n}/"})},
          ("$.results",), (next_url("$.next"),), ("name", "url")),
    Shape("published table", f"{API}/db/towns.json?_shape=objects",
          {"database": "db", "table": "towns", "is_view": False, "human_description_en": "", "truncated": False,
           "rows": many(lambda n: {"pk": n, "town": f"T{n}", "people": n * 7}),
           "filtered_table_rows_count": 90, "expanded_columns": [], "expandable_columns": [[{"column": "a"}, "b"]],
           "columns": ["pk", "town", "people"], "primary_keys": ["pk"], "units": {}, "facet_results": {},
           "suggested_facets": [{"name": "town", "toggle_url": f"{API}/db/towns.json?_facet=town"}],
           "next": "4", "next_url": f"{API}/db/towns.json?_shape=objects&_next=4", "query_ms": 1.5},
          ("$.rows",), (next_url("$.next_url"),), ("pk",)),
    Shape("graph of products", f"{API}/graphql?query=x",
          {"data": {"products": {"edges": many(lambda n: {"cursor": f"c{n}", "node": {"id": f"gid://p/{n}",
                                                                                      "title": f"P{n}"}}),
                                 "pageInfo": {"hasNextPage": True, "endCursor": "c4"}}},
           "extensions": {"cost": {"requestedQueryCost": 6}}},
          ("$.data.products.edges[*].node",), (cursor("$.data.products.pageInfo.endCursor", "after"),), ("id",)),
    Shape("drive files", f"{API}/drive/v3/files",
          {"kind": "drive#fileList", "nextPageToken": "~!!~AI9", "incompleteSearch": False,
           "files": many(lambda n: {"kind": "drive#file", "id": f"1x{n}", "name": f"f{n}", "mimeType": "text/plain"})},
          ("$.files",), (cursor("$.nextPageToken", "pageToken"),), ("id",)),
    Shape("video items", f"{API}/youtube/v3/playlistItems?maxResults=4",
          {"kind": "list", "etag": "e", "nextPageToken": "CAUQAA", 
           "pageInfo": {"totalResults": 90, "resultsPerPage": 4},
           "items": many(lambda n: {"kind": "item", "etag": f"e{n}", "id": f"PL{n}", "snippet": {"title": "T"}})},
          ("$.items",), (cursor("$.nextPageToken", "pageToken"),), ("id",)),
    Shape("short messages", f"{API}/2/users/7/tweets?max_results=5",
          {"data": many(lambda n: {"id": f"17{n}", "text": f"hello {n}", "created_at": at(30 - n)}, 5),
           "meta": {"result_count": 5, "newest_id": "171", "oldest_id": "175", "next_token": "7140w"}},
          ("$.data",), (cursor("$.meta.next_token", "pagination_token"), cursor("$.meta.next_token", "next_token")),
          ("id",)),
    Shape("social feed", f"{API}/v19.0/me/feed",
          {"data": many(lambda n: {"id": f"1_{n}", "message": "Hi", "created_time": "2024-03-01T08:00:00+0000"}),
           "paging": {"cursors": {"before": "QV", "after": "QX"}, "next": f"{API}/v19.0/me/feed?after=QX"}},
          ("$.data",), (next_url("$.paging.next"),), ("id",)),
    Shape("paginator", f"{API}/api/orders",
          {"current_page": 1, "data": many(order), "first_page_url": f"{API}/api/orders?page=1", "from": 1,
           "last_page": 5, "last_page_url": f"{API}/api/orders?page=5",
           "links": [{"url": f"{API}/api/orders?page={n}", "label": str(n), "active": n == 1} for n in range(1, 6)],
           "next_page_url": f"{API}/api/orders?page=2", "path": f"{API}/api/orders", "per_page": 4,
           "prev_page_url": None, "to": 4, "total": 17},
          ("$.data",), (next_url("$.next_page_url"),), ("id", "order_number"), {}, "$.updated_at", ("line_items",)),
    Shape("paginated resources", f"{API}/api/people",
          {"data": many(person), "links": {"first": f"{API}/api/people?page=1", "last": f"{API}/api/people?page=5",
                                           "prev": None, "next": f"{API}/api/people?page=2"},
           "meta": {"current_page": 1, "from": 1, "last_page": 5, "path": f"{API}/api/people", "per_page": 4, "to": 4,
                    "links": [{"url": None, "label": "x", "active": False}] * 7, "total": 17}},
          ("$.data",), (next_url("$.links.next"),), ("id", "email"), {}, "$.updated_at"),
    Shape("pages in meta", f"{API}/v2/orders",
          {"orders": many(order), "meta": {"page": 1, "per_page": 4, "total_pages": 4, "total_count": 15}},
          ("$.orders",), ({"type": "page_number", "param": "page", "total_pages": "$.meta.total_pages",
                           "size_param": "per_page"},), ("id", "order_number"), {}, "$.updated_at", ("line_items",)),
    Shape("skip and limit", f"{API}/products",
          {"products": many(lambda n: {"id": n, "title": f"T{n}", "tags": ["a"], "reviews": [{"rating": 4}]}),
           "total": 194, "skip": 0, "limit": 4},
          ("$.products",), ({"type": "offset_limit", "offset_param": "skip", "limit_param": "limit",
                             "total_records": "$.total"},), ("id", "title"), {}, None, ("reviews",)),
    Shape("headers of a code host", f"{API}/api/v4/projects?per_page=4",
          many(lambda n: {"id": n, "name": f"P{n}", "last_activity_at": at(n), "namespace": {"id": 3}}), ("$",), LINK,
          ("id", "name"), {"X-Page": "1", "X-Next-Page": "2", "X-Per-Page": "4", "X-Total": "9", "X-Total-Pages": "3",
                           "Link": f'<{API}/api/v4/projects?page=2>; rel="next", <{API}/x>; rel="first"'},
          "$.last_activity_at"),
    Shape("numbered pages, total in a header", f"{API}/posts?_page=1&_limit=4",
          many(lambda n: {"userId": 1, "id": n, "title": "t", "body": f"b{n}"}), ("$",),
          ({"type": "page_number", "param": "_page", "size_param": "_limit", "size": 4,
            "total_records": {"header": "X-Total-Count"}},), ("id",), {"X-Total-Count": "100"}),
    Shape("weather in columns", f"{API}/v1/forecast?latitude=52.5&longitude=13.4&hourly=temperature_2m",
          {"latitude": 52.52, "longitude": 13.42, "generationtime_ms": 0.02, "utc_offset_seconds": 0, "timezone": "GMT",
           "hourly_units": {"time": "iso8601", "temperature_2m": "°C"},
           "hourly": {"time": [f"2024-03-01T{h:02}:00" for h in range(24)], "temperature_2m": [1.5] * 24}},
          ("$",), NONE, ()),
    Shape("prices by coin", f"{API}/api/v3/simple/price?ids=bitcoin,ethereum,dai",
          {"bitcoin": {"usd": 61000, "eur": 56000}, "ethereum": {"usd": 3400, "eur": 3100}, 
           "dai": {"usd": 1, "eur": .9}},
          ("$.*",), NONE, ("key",)),
    Shape("rates by day", f"{API}/v1/2024-01-01..?to=USD",
          {"amount": 1.0, "base": "EUR", "start_date": "2024-01-02", "end_date": "2024-01-04",
           "rates": {f"2024-01-0{n}": {"USD": 1.09, "GBP": 0.86} for n in (2, 3, 4)}},
          ("$.rates.*",), NONE, ("key",)),
    Shape("rates of a day", f"{API}/v1/latest", {"base": "EUR", "date": "2024-01-04",
                                                 "rates": {"USD": 1.09, "GBP": 0.86, "JPY": 158.2, "CHF": 0.93}},
          ("$.rates.*", "$"), NONE, ("key",)),
    Shape("one creature", f"{API}/api/v2/pokemon/25",
          {"id": 25, "name": "pikachu", "height": 4, "base_experience": 112, "order": 35, "is_default": True,
           "abilities": [{"slot": n, "is_hidden": False, "ability": {"name": f"a{n}"}} for n in (1, 3)],
           "moves": [{"move": {"name": f"m{n}"}, "version_group_details": [{"level": n}]} for n in range(9)],
           "types": [{"slot": 1, "type": {"name": "electric"}}], "sprites": {"front": "u", "back": None}},
          ("$",), NONE, ("id", "name")),
    Shape("weather list", f"{API}/data/2.5/forecast?q=Oslo",
          {"cod": "200", "message": 0, "cnt": 4,
           "list": many(lambda n: {"dt": 1709280000 + n * 10800, "main": {"temp": 3.1}, "dt_txt": f"2024-03-0{n} 12:00",
                                   "weather": [{"id": 500, "main": "Rain"}], "visibility": 10000}),
           "city": {"id": 3143244, "name": "Oslo", "coord": {"lat": 59.9, "lon": 10.7}}},
          ("$.list",), NONE, ("dt", "dt_txt")),
    Shape("earthquakes", f"{API}/fdsnws/event/1/query?format=geojson",
          {"type": "FeatureCollection", "metadata": {"generated": 1709290000000, "url": f"{API}/q", "title": "Quakes",
                                                     "status": 200, "api": "1.14", "count": 4},
           "features": many(feature), "bbox": [1.0, 2.0, 3.0, 4.0, 2.0, 3.0]},
          ("$.features",), NONE, ("id",), {}, "$.properties.updated"),
    Shape("countries", f"{API}/v3.1/all?fields=name,cca3",
          [{"name": {"common": c, "official": f"Land of {c}"}, "cca2": c[:2].upper(), "cca3": c[:3].upper(),
            "capital": ["X"], "population": 1000 + len(c)} for c in ("Chad", "Peru", "Oman", "Fiji", "Mali", "Togo")],
          ("$",), NONE, ("cca2", "cca3")),
    Shape("ids of stories", f"{API}/v0/topstories.json", [39561, 39577, 39510, 39599, 39523], ("$",), NONE, ()),
    Shape("mailing lists", f"{API}/3.0/lists?count=4&offset=0",
          {"lists": many(lambda n: {"id": f"l{n}", "web_id": n, "name": f"L{n}", "_links": [{"rel": "self"}]}),
           "total_items": 7, "constraints": {"may_create": True, "max_instances": 9},
           "_links": [{"rel": r, "href": f"{API}/x", "method": "GET"} for r in ("self", "parent", "create")]},
          ("$.lists",), ({"type": "offset_limit", "offset_param": "offset", "limit_param": "count",
                          "total_records": "$.total_items"},), ("id", "web_id", "name")),
    Shape("conversations", f"{API}/contacts?per_page=4",
          {"type": "list", "data": many(person), "total_count": 9,
           "pages": {"type": "pages", "page": 1, "per_page": 4, "total_pages": 3,
                     "next": {"page": 2, "starting_after": "WzE3MDk="}}},
          ("$.data",), (cursor("$.pages.next.starting_after", "starting_after"),), ("id", "email"), {}, "$.updated_at"),
    Shape("tasks", f"{API}/api/1.0/tasks?project=1&limit=4",
          {"data": many(lambda n: {"gid": f"120{n}", "name": f"T{n}", "resource_type": "task"}),
           "next_page": {"offset": "eyJ0", "path": "/tasks?limit=4&offset=eyJ0",
                         "uri": f"{API}/api/1.0/tasks?offset=eyJ0"}},
          ("$.data",), (next_url("$.next_page.uri"), cursor("$.next_page.offset", "offset")), ("gid",)),
    Shape("customers with a cursor", f"{API}/v2/customers?limit=4",
          {"customers": many(person), "cursor": "9dpS093Uy12AzeE"}, ("$.customers",), (cursor("$.cursor", "cursor"),),
          ("id", "email"), {}, "$.updated_at"),
    Shape("content entries", f"{API}/spaces/s/entries",
          {"sys": {"type": "Array"}, "total": 11, "skip": 0, "limit": 4,
           "items": many(lambda n: {"sys": {"id": f"5K{n}", "type": "Entry", "updatedAt": at(n)},
                                    "fields": {"t": f"x{n}"}}),
           "includes": {"Asset": many(lambda n: {"sys": {"id": f"A{n}"}, "fields": {"f": 1}}, 6)}},
          ("$.items",), ({"type": "offset_limit", "offset_param": "skip", "limit_param": "limit",
                          "total_records": "$.total"},), (), {}, "$.sys.updatedAt"),
    Shape("wiki pages", f"{API}/w/api.php?action=query&list=allpages&format=json",
          {"batchcomplete": "", "continue": {"apcontinue": "Bee", "continue": "-||"},
           "query": {"allpages": many(lambda n: {"pageid": n, "ns": 0, "title": f"A{n}"})}},
          ("$.query.allpages",), (cursor("$.continue.apcontinue", "apcontinue"),), ("pageid", "title")),
    Shape("objects by day", f"{API}/neo/rest/v1/feed",
          {"links": {"next": f"{API}/neo/rest/v1/feed?start=3", "prev": f"{API}/f", "self": f"{API}/f"},
           "element_count": 8, "near_earth_objects":
           {f"2024-01-0{d}": many(lambda n, d=d: {"id": f"3{d}{n}", "name": f"N{d}{n}",  # type: ignore[misc]
                                                  "close_approach_data": [{"km": 5}]}) for d in (1, 2)}},
          ("$.near_earth_objects.*",), (next_url("$.links.next"),), ("id", "name")),
    Shape("open city data", f"{API}/resource/ab12.json?$limit=4&$offset=0",
          many(lambda n: {"unique_key": f"59{n}", "created_date": f"2024-03-0{n}T00:00:00.000", "agency": "DOT"}),
          ("$",), ({"type": "offset_limit", "offset_param": "$offset", "limit_param": "$limit"},), ("unique_key",)),
    Shape("report rows", f"{API}/reports/campaigns?page=1",
          {"rows": [{"campaign_id": c, "date": f"2024-03-0{d}", "clicks": c + d, "spend": "3.10"} for d in (1, 2)
                    for c in (71, 72)], "page": 1, "pages": 3},
          ("$.rows",), ({"type": "page_number", "param": "page", "total_pages": "$.pages"},), ()),
    Shape("comments without an id", f"{API}/comments",
          {"comments": [{"post_id": 3, "author_id": n % 2, "text": t} for n, t in enumerate(("a", "b", "a", "b"))]},
          ("$.comments",), NONE, ()),
    Shape("likes with a foreign key", f"{API}/likes", [{"user_id": 7, "weight": 1}, {"user_id": 9, "weight": 1}],
          ("$",), NONE, ()),
    Shape("questions", f"{API}/2.3/questions?page=1&pagesize=4&site=x",
          {"items": many(lambda n: {"question_id": 780 + n, "title": f"Q{n}", "tags": ["a"], "owner": {"user_id": 4},
                                    "last_activity_date": 1709280000 + n}),
           "has_more": True, "quota_max": 300, "quota_remaining": 297},
          ("$.items",), ({"type": "page_number", "param": "page", "size_param": "pagesize", "size": 4},),
          ("question_id", "title"), {}, "$.last_activity_date"),
    Shape("films", f"{API}/3/movie/popular",
          {"page": 1, "results": many(lambda n: {"id": 800 + n, "title": f"F{n}", "genre_ids": [1]}),
           "total_pages": 500, "total_results": 10000},
          ("$.results",), ({"type": "page_number", "param": "page", "total_pages": "$.total_pages"},), ("id", "title")),
    Shape("characters", f"{API}/api/character",
          {"info": {"count": 826, "pages": 42, "next": f"{API}/api/character?page=2", "prev": None},
           "results": many(lambda n: {"id": n, "name": "Rick", "origin": {"url": ""}, "episode": [f"{API}/e/1"]})},
          ("$.results",), (next_url("$.info.next"),), ("id",)),
    Shape("one wrapped order", f"{API}/v1/orders/5001", {"data": order(1)}, ("$.data",), NONE, ("id",), {},
          "$.updated_at", ("line_items",)),
    Shape("an order with items of its own", f"{API}/orders/9",
          {"id": 9, "number": "R-9", "status": "paid", "items": many(lambda n: {"sku": f"S{n}", "quantity": 1})},
          ("$",), NONE, ("id", "number"), {}, None, ("items",)),
    Shape("nothing yet", f"{API}/invoices", {"invoices": [], "has_more": False}, ("$.invoices",),
          (*NONE, {"type": "cursor"}), ()),
]  # fmt: skip
