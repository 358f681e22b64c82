"""The file in which the tokens of one configuration outlive the process, readable by its owner only.

A refresh token may be good for one use. Whoever renews holds the lock from before the request until the answer is
on disk, so that no two processes use one token, and a process that waited finds the new one.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rest_source.errors import RestSourceError, storage_error
from rest_source.http.auth.grant import Grant
from rest_source.http.auth.oauth2 import OAuth2

WAIT_SECONDS = 600.0
_VERSION = 1


class TokenFile:
    """Reads and writes the grants of one OAuth 2.0 configuration of a source."""

    def __init__(self, state: Path, source: str, scheme: OAuth2) -> None:
        self.path = state / "tokens" / f"{source}-{scheme.name}.json"
        self._scheme = scheme
        self._lock = FileLock(f"{self.path}.lock", timeout=WAIT_SECONDS, mode=0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No other process renews meanwhile."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise RestSourceError(
                "token_locked",
                "Another process has been renewing the same token for ten minutes.",
                cause="It waits for a token endpoint that does not answer, or is suspended.",
                remedy="Look for another load of this source, and end it if it hangs.",
                retryable=True,
            ) from None
        except OSError as error:
            raise storage_error(error) from error
        try:
            yield
        finally:
            self._lock.release()

    def read(self) -> Grant | None:
        """The stored grant; None where there is none, or one of another client, user or first token."""
        try:
            stored = json.loads(self.path.read_bytes())
            if stored["version"] != _VERSION or stored["fingerprint"] != self._scheme.fingerprint:
                return None
            expires_at = stored["expires_at"]
            return self._scheme.restored(
                float(stored["issued_at"]),
                None if expires_at is None else float(expires_at),
                str(stored["access_token"]),
                str(stored["refresh_token"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, grant: Grant) -> None:
        """Replace the file, in one step and down to the disk; the token it held may be void by now."""
        content = {
            "version": _VERSION,
            "fingerprint": self._scheme.fingerprint,
            "issued_at": grant.issued_at,
            "expires_at": grant.expires_at,
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
        }
        try:
            self._replace(json.dumps(content, indent=2).encode())
        except OSError as error:
            raise storage_error(error) from error

    def _replace(self, content: bytes) -> None:
        fresh = self.path.with_suffix(".new")
        with suppress(FileNotFoundError):
            fresh.unlink()
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
