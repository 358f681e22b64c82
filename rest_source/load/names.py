"""Names in the destination: lower-case, made of a-z, 0-9 and _, and never the same twice."""

from collections.abc import Collection, Iterable, Mapping

from rest_source.spec.base import free_name, normalise
from rest_source.spec.names import PARTITION

HEVO_ID = "__hevo_id"
INGESTED_AT = "__hevo__ingested_at"
LOADED_AT = "__hevo__loaded_at"
MARKED_DELETED = "__hevo__marked_deleted"
REF_ID = "__hevo_ref_id"
INDEX = "__hevo_index"
METADATA_COLUMNS = (HEVO_ID, INGESTED_AT, LOADED_AT, MARKED_DELETED, PARTITION, REF_ID, INDEX)


def column_names(
    originals: Iterable[str], existing: Mapping[str, str], longest: int | None = None, reserved: Collection[str] = ()
) -> dict[str, str]:
    """Each original name with its column: the one it has already, or a free one (`_2`, `_3` on a collision)."""
    taken = {*existing.values(), *METADATA_COLUMNS, *reserved}
    names = {}
    for original in originals:
        if original in existing:
            names[original] = existing[original]
            continue
        names[original] = free_name(normalise(original), taken, longest)
        taken.add(names[original])
    return names
