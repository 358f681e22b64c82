"""The members of an answer by which APIs say in a body that something failed."""

from typing import Any

_ERROR_KEYS = ("error", "errors", "error_message", "fault", "exception")
_FLAGS = ("success", "ok")
_STATES = ("status", "result", "state")
_FAILED = ("error", "fail", "failed", "failure")
_WORDS = ("code", "status", "message", "msg", "info")
_FINE = ("ok", "okay", "success", "successful", "succeeded", "成功")
"""Words of APIs where nothing failed: TikTok answers with `error: {code: ok}`, others with `code: 1, msg: success`."""
_NO_ERROR = (*_FINE, "", "0", "false", "no error", "none", "null")


def failure(document: Any) -> str | None:
    """The member by which an answer says that something failed."""
    if not isinstance(document, dict):
        return None
    return next((key for key in _ERROR_KEYS if not _is_fine(document.get(key))), None)


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
        "code": code.isdecimal() and int(code) != 0 and not code.startswith("2") and not _says_fine(document),
    }
    return next((key for key, applies in hints.items() if applies), None)


def _is_fine(value: Any) -> bool:
    """Whether the value of a member for errors says that there is none."""
    if isinstance(value, dict):
        return _says_fine(value) or all(map(_is_none, value.values()))
    return _is_none(value)


def _is_none(value: Any) -> bool:
    return value in (None, False, [], {}) or (isinstance(value, str) and _plain(value) in _NO_ERROR)


def _says_fine(document: dict[str, Any]) -> bool:
    """Whether words of an object say that nothing failed, and none says otherwise."""
    said = [_plain(document[key]) for key in _WORDS if isinstance(document.get(key), str)]
    said = [text for text in said if text and not text.isdecimal()]
    return bool(said) and all(text in _FINE for text in said)


def _plain(text: str) -> str:
    return text.strip().rstrip(".!").lower()
