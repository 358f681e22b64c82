"""Names in the destination: lower-case, made of a-z, 0-9 and _, and never the same twice."""

from collections.abc import Iterable, Mapping

from rest_source.spec.base import normalise

HEVO_ID = "__hevo_id"
INGESTED_AT = "__hevo__ingested_at"
LOADED_AT = "__hevo__loaded_at"
MARKED_DELETED = "__hevo__marked_deleted"
PARTITION = "__partition"
METADATA_COLUMNS = (HEVO_ID, INGESTED_AT, LOADED_AT, MARKED_DELETED, PARTITION)


def column_names(originals: Iterable[str], existing: Mapping[str, str]) -> dict[str, str]:
    """Each original name with its column: the one it has already, or a free one (`_2`, `_3` on a collision)."""
    taken = {*existing.values(), *METADATA_COLUMNS}
    names = {}
    for original in originals:
        if original in existing:
            names[original] = existing[original]
            continue
        base = name = normalise(original)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[original] = name
    return names
