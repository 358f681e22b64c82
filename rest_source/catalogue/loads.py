"""Pages, records, tables and files; also what is no error but makes one wonder."""

from rest_source.catalogue.entry import Entry

LOADS = (
    Entry(
        ("data_root_not_found",),
        "the answer has no such path",
        "write one of the roots that the error lists; `data_root_optional: true` if it may be missing",
    ),
    Entry(
        ("data_root_null",),
        "the records are null beside an `error` or `errors`, or after an answer that said there is more",
        "look at what the API says; `on_error: [{json: $.errors, do: retry}]` if it recovers by itself, "
        "`data_root_optional: true` if null is a page without records",
    ),
    Entry(
        ("parameter_ignored",),
        "page 2 equals page 1: the page parameter has another name or place",
        "correct `param` or `offset_param`, or `in`; or `pagination: {type: none}`",
    ),
    Entry(
        ("pagination_loop",),
        "the API hands out a token or URL again",
        "check `value` or `path`; `same_url: end` or `done` if the last page names itself; `repeated_pages: allow` "
        "with `stop_on_empty_page: true` if the API keeps one token on purpose",
    ),
    Entry(
        ("cursor_not_scalar", "next_url_not_text", "next_url_invalid"),
        "`value` or `path` of the pagination points at an object, or at something that is no URL; `cursor` of "
        "`incremental` at an object or a list",
        "point it at the text or number itself",
    ),
    Entry(
        ("cursor_format", "cursor_mixed", "cursor_no_time"),
        "the cursor of `incremental` is not written as its `format` says; it is a time in one record and something "
        "else in another; it is no time, and `lookback`, `{window.start}` or `{cursor-1h}` needs one",
        "correct `format`, or choose another field as `cursor`; `--full-refresh` forgets the cursor that is kept",
    ),
    Entry(
        ("cap_reached",),
        "a window of time that cannot be split any further still holds as many records as `cap` says the API returns",
        "write the window more finely, ask for less by a further parameter, or raise `cap`",
    ),
    Entry(
        ("partition_missing",),
        "an endpoint with `partitions_def` is run without a partition",
        "choose partitions in the UI, or `--partition KEY` or `--partition-range A...B`",
    ),
    Entry(
        ("partitions_elsewhere",),
        "`partitions_def` was added to the asset of an endpoint that has none in its file",
        "write it in the endpoint, with {partition.start} or the like in the request",
    ),
    Entry(
        ("not_storable", "partitions_untold", "column_conflict"),
        "an asset of your own returned what is no table; its rows do not say which of several partitions they are of; "
        "a column has another type than in other partitions",
        "return a DataFrame or Arrow table; give the rows a column `__partition`; give the column one type",
    ),
    Entry(
        ("no_partitions", "partition_in_range"),
        "an asset asks for partitions of a table that was loaded before it had any, or for some of those that "
        "`requests: range` loaded at once",
        "load the partitions; or ask for all of the range, or leave `requests: range` out",
    ),
    Entry(
        ("unknown_partition",),
        "the key is misspelled, its time is not over yet, or a range ends before it begins",
        "write a key as the error shows some; a partition of time is there when it has ended",
    ),
    Entry(
        ("max_pages",),
        "the series finds no end, or is that long",
        "check the pagination; raise `limits: {max_pages: ...}`",
    ),
    Entry(
        ("primary_key_missing",),
        "no record has a value for the key, or the key is a field within an object, which one column holds",
        "the error lists the fields; correct `primary_key`. A field within an object is a key with `nested: flatten`",
    ),
    Entry(
        ("too_deep",),
        "values nested more than 250 levels deep",
        "ask the API for fewer fields",
    ),
    Entry(
        ("too_many_columns",),
        "keys of an object are data, such as ids; PostgreSQL also limits the bytes of a row to a page of 8 kB",
        "`data_root: $.data.*` with `key_column`, `exclude`, or `nested: json`",
    ),
    Entry(
        ("too_many_tables",),
        "keys of an object are data, and hold arrays that `nested: split` makes tables of",
        "`nested: flatten` or `nested: json`, or `exclude`",
    ),
    Entry(
        ("schema_frozen",),
        "the API has changed what it sends, and `schema_change: freeze` keeps the table as it is",
        "load once with `schema_change: evolve` if the change is wanted; otherwise `exclude` the field or fix its type "
        "with `columns`",
    ),
    Entry(
        ("fixed_type_misfit",),
        "`columns` fixes a type that rows already in the table do not fit",
        "fix another type, or correct those rows of the table in SQL",
    ),
    Entry(
        ("all_rejected",),
        "a type in `columns` is not that of the values, or the API has changed",
        "correct `columns` or `primary_key`; table and cursor are as they were",
    ),
    Entry(
        ("table_taken",),
        "`nested: split` of another endpoint has made a table of this name, or an asset whose key comes to the same",
        "give one of them another name; or drop the table, and load endpoints with `--full-refresh`",
    ),
    Entry(
        ("destination_locked",),
        "another process keeps the DuckDB file open, often a shell or notebook; in PostgreSQL, an open transaction "
        "holds the table",
        "close it and run again; `pg_stat_activity` shows the transaction",
    ),
    Entry(
        ("destination_unavailable", "destination_url"),
        "the path or its rights are wrong, or it is no URL of a destination; the PostgreSQL server is down or refuses "
        "the user",
        "correct `REST_SOURCE_DESTINATION`; when the server is back, run again: what was read is kept",
    ),
    Entry(
        ("destination_failed", "stage_failed"),
        "no disk space; a table that another program made or changed; a damaged spool",
        "free some disk; rename that table or the endpoint; `--full-refresh`",
    ),
    Entry(
        ("disk_full",),
        "no room for the spool",
        "free some disk; the next run goes on",
    ),
    Entry(
        ("state_unusable",),
        "`REST_SOURCE_STATE` names no directory, or one without the rights",
        "name one that this user may write to",
    ),
    Entry(
        ("no_table", "unknown_column"),
        "an asset downstream, or an endpoint with a `parent`, reads a table that is not loaded yet, or a column that "
        "it lacks",
        "materialize the table first; choose a column that the error lists",
    ),
    Entry(
        ("query_failed",),
        "`query` or `where` of a `parent` is no SQL of the destination, or reads a table that is not loaded yet",
        "correct the SQL; load what it reads first, and name it in `deps`",
    ),
    Entry(
        ("load_in_progress",),
        "another run loads the same endpoint for more than ten minutes",
        "wait for it, or terminate it",
    ),
    Entry(
        ("invalid_retention",),
        "`REST_SOURCE_SPOOL_MAX_AGE` or `REST_SOURCE_SPOOL_MAX_SIZE` cannot be read",
        "write a duration such as `7d`, or a size such as `20GB`",
    ),
    Entry(
        ("missing_env",),
        "a variable that the file names is not set in the process that loads, or is empty where `bearer` or `api_key` "
        "need it",
        "set it there, or in the `.env` of its working directory",
    ),
    Entry(
        ("invalid_variable",),
        "a variable holds what its key does not take, such as no duration for `step`",
        "correct it in the environment, or in the `.env`, of the process that loads",
    ),
    Entry(
        ("invalid_file", "unreadable_file", "unknown_endpoint"),
        "a mistake in the YAML, in its path, or in `--select`",
        "correct the line or the name that it shows",
    ),
    Entry(
        ("invalid_header", "invalid_url", "invalid_auth"),
        "a line break or odd character in a secret; an address without a host; a template in `auth`",
        "copy the value again as plain text; correct the address; use `{env: NAME}` only",
    ),
    Entry(
        ("unexpected",),
        "a mistake in this program",
        "run with `--debug`, and report it",
    ),
    Entry(
        (),
        "the endpoint has no pagination",
        "write the one it names",
        shows="warning: the answer announces more pages",
    ),
    Entry(
        (),
        "a key repeats, or records change without a primary key",
        "see [the duplicates check](#the-duplicates-check)",
        shows="`duplicates WARN`",
    ),
    Entry(
        (),
        "records came and went while they were read; the total counts something else",
        "load again; `checks: {complete: off}` if the total is another one",
        shows="`complete WARN`",
    ),
    Entry(
        (),
        "a rule of `on_error`, or its parent or an endpoint in its `deps` that failed, or was skipped for such a "
        "failure",
        "the warning says which",
        shows="status `skipped`",
    ),
    Entry(
        (),
        "the file has the name of a source",
        "[rename the file](#what-lands-in-the-table), or ask for `file.schema.table`",
        shows="DuckDB: `Ambiguous reference to catalog or schema`",
    ),
    Entry(
        (),
        "equal records count once, and records without a key are rejected",
        "look into `_rest_source.rejected_records`",
        shows="fewer rows than `rows_read`",
    ),
    Entry(
        ("invalid_name", "file_exists"),
        "`init` or `dg scaffold` was given what is no name, or the file is there already",
        "choose another name, of letters, digits and `_`",
    ),
    Entry(
        ("endpoint_exists", "endpoints_not_a_block"),
        "`suggest --write` would have to change what is in the file",
        "choose another name with `--name`; write each endpoint on lines that begin with a dash",
    ),
    Entry(
        ("auth_not_in_file", "invalid_suggestion"),
        "`suggest` was given what a file cannot hold as it is, or a key for a file whose source does not sign in",
        "correct URL, header or `--name`; write the `auth` that the message shows into the file",
    ),
)
