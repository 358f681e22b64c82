"""What is told of pages that may not be what they seem."""

from rest_source.extract.announced import Sign
from rest_source.spec.endpoint import EndpointSpec

SECRET_LINK = (
    "The link that is to be the cursor repeats a credential. It is not kept, and the next load starts where this one "
    "did. Send the credential in a header, by `auth`: then the API need not repeat it."
)


def partial_answer(sign: Sign) -> str:
    """That an answer says of itself that it is not whole."""
    rule = "" if sign.is_header else f" If that passes, add `on_error: [{{json: {sign.where}, do: retry}}]`."
    return f"An answer says that it does not hold all that was asked for ({sign}). Ask for less at a time.{rule}"


def repeated(number: int, twin: int) -> str:
    """That a page is like an earlier one though the series goes on."""
    return (
        f"Page {number} holds the same records as page {twin}, though the API led on from there: what should be on it "
        "may be missing. If equal pages are real, add `repeated_pages: allow` to the pagination."
    )


def wrapped(endpoint: EndpointSpec, meant: str) -> str:
    """That the data root may be one level too high."""
    reads_all = endpoint.incremental is None and not (endpoint.parent and endpoint.parent.changed)
    again = "`write: replace`, which drops" if reads_all else "`--full-refresh`, and delete"
    return (
        f"The data root {endpoint.data_root} holds one record, and that record holds the only list of objects in it: "
        f"each page would be one row. Did you mean `data_root: {meant}`? Then load once with {again} such rows. "
        "If the record is meant, write a field of it as `primary_key`."
    )
