"""The members of an answer by which APIs say in a body that something failed."""

from typing import Any

_ERROR_KEYS = ("error", "errors", "error_message", "fault", "exception")
_FLAGS = ("success", "ok")
_STATES = ("status", "result", "state")
_FAILED = ("error", "fail", "failed", "failure")


def failure(document: Any) -> str | None:
    """The member by which an answer says that something failed."""
    if not isinstance(document, dict):
        return None
    return next((key for key in _ERROR_KEYS if document.get(key) not in (None, False, "", [], {})), None)


def hint(document: Any) -> str | None:
    """The member by which an answer may say that something failed."""
    if not isinstance(document, dict):
        return None
    said = {key: str(document.get(key)).lower() for key in (*_FLAGS, *_STATES, "resourceType")}
    code = str(document.get("code"))
    hints = {
        **{key: said[key] == "false" for key in _FLAGS},
        **{key: said[key] in _FAILED for key in _STATES},
        "resourceType": said["resourceType"] == "operationoutcome",
        "code": code.isdecimal() and int(code) != 0 and not code.startswith("2"),
    }
    return next((key for key, applies in hints.items() if applies), None)
