"""Keeping secrets out of every text that leaves a session."""

import base64
import html
import json
import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from rest_source.catalogue import CATALOGUE
from rest_source.errors import RestSourceError
from rest_source.spec.environment import Environment

SHORT = 4
"""Below this length a value is found in ordinary words, so it counts only where it stands alone."""

_WORD = re.compile(r"[A-Za-z]{4,12}")
_OURS = frozenset(_WORD.findall(" ".join(f"{entry.cause} {entry.remedy}" for entry in CATALOGUE)))
"""Words of our own sentences, such as `expired`, which a secret may be too."""
_RECEIVED = re.compile(r"""(?:"[^"]*")|`[^`]*`|\$[\[.]\S*|(?<=[\s\[({:])'[^']*'|\S*(?:[/=&?%]|:\S)\S*""")
"""The parts of a sentence that an API has a hand in: what it quotes, addresses and parameters."""
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]+@")
"""As urllib3 reads it: up to the last `@`, as a password may hold one."""
_LOGGERS = [logging.getLogger(f"urllib3.{module}") for module in ("connectionpool", "connection", "response")]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What to look for, compiled once for a set of known secrets; each pattern's groups end in the value."""

    labels: dict[str, str]
    anywhere: re.Pattern[str]
    words: re.Pattern[str]
    alone: re.Pattern[str]


class Redactor:
    """Masks each value the environment gave out as `{env.NAME}`, and each registered secret as `***`.

    A value that is a word of ours, or of the `names` in the file, is masked in sentences only where they quote what
    came from outside.
    """

    def __init__(self, environment: Environment, names: Collection[str] = ()) -> None:
        self._environment = environment
        self._ours = _OURS | {word for name in names for word in _WORD.findall(name)}
        self._registered: tuple[str, ...] = ()
        self._compiled: tuple[dict[str, str], _Rules] = ({}, _compile({}, self._ours))

    def register(self, *secrets: str) -> None:
        """Mask these texts too: secrets written in the file, or combined from several values."""
        known = dict.fromkeys((*self._registered, *secrets))
        self._registered = tuple(secret for secret in known if secret)

    def mask(self, text: str) -> str:
        """The text without secrets, in whatever encoding they stand in it."""
        rules = self._current()
        text = rules.anywhere.sub(lambda match: rules.labels[match[0]], text)
        if rules.words.search(text):
            parts = re.compile(r"(?s).+") if _is_received(text) else _RECEIVED
            text = parts.sub(lambda part: rules.words.sub(lambda match: rules.labels[match[0]], part[0]), text)
        text = rules.alone.sub(lambda match: match[1] + rules.labels[match[2]], text)
        return _USER_INFO.sub("***@", text)

    def leaks(self, text: str) -> bool:
        """Whether a header's or a parameter's value holds a secret."""
        rules = self._current()
        return any(found.search(text) for found in (rules.anywhere, rules.words)) or text in rules.labels

    @contextmanager
    def cleaned(self) -> Iterator[None]:
        """Mask every text of what is raised inside."""
        try:
            yield
        except Exception as error:
            self.clean(error)
            raise

    def clean(self, error: BaseException) -> None:
        """Mask every text of an error, where it is, and of the errors behind it, which tracebacks show too."""
        for found in _behind(error):
            if isinstance(found, RestSourceError):
                found.message = self.mask(found.message)
                found.where, found.cause, found.remedy = map(self.mask, (found.where, found.cause, found.remedy))
            found.args = tuple(self.mask(text) if isinstance(text, str) else text for text in found.args)

    def _current(self) -> _Rules:
        # Variables are read as templates need them, so the set grows while a load runs.
        known = dict.fromkeys(self._registered, "***")
        known |= {value: f"{{env.{name}}}" for name, value in self._environment.given.copy().items() if value}
        compiled = self._compiled
        if known != compiled[0]:
            compiled = self._compiled = known, _compile(known, self._ours)
        return compiled[1]


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes and contexts; a hand-made chain may be a ring."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        found = pending.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            pending += [found.__cause__, found.__context__]


def _is_received(text: str) -> bool:
    """Whether all of a text may come from an API: a value without blanks, or a document, is no sentence of ours."""
    return " " not in text.strip() or text.lstrip()[:1] in ("{", "[", "<")


class LogMask(logging.Filter):
    """Masks what urllib3 logs, which names full URLs; set as long as a session may send."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, masked."""
        record.msg, record.args = self._redactor.mask(record.getMessage()), ()
        record.exc_info = None  # its text is not masked, and quotes headers
        return True

    def install(self) -> None:
        """Start masking."""
        for logger in _LOGGERS:
            logger.addFilter(self)

    def remove(self) -> None:
        """Stop masking."""
        for logger in _LOGGERS:
            logger.removeFilter(self)


def _compile(known: dict[str, str], ours: Collection[str]) -> _Rules:
    labels: dict[str, str] = {}
    for value, label in known.items():
        for variant in _variants(value):
            labels.setdefault(variant, label)
    # The longest first: a secret that contains another is masked as a whole.
    ordered = sorted(labels, key=len, reverse=True)
    words = "|".join(text for text in ordered if text in ours)
    long = "|".join(re.escape(text) for text in ordered if len(text) >= SHORT and text not in ours)
    short = "|".join(re.escape(text) for text in ordered if len(text) < SHORT)
    alone = rf"([?&][^=&#\s]+=|^[\w-]+:[ ])({short or '(?!)'})(?=$|[&#\s\"',)])"
    return _Rules(labels, re.compile(long or "(?!)"), re.compile(words or "(?!)"), re.compile(alone, re.MULTILINE))


def _variants(value: str) -> Iterator[str]:
    """The value as it may come back: encoded in one of the usual ways, and that once more, as in a URL or JSON."""
    if len(value) < SHORT:
        yield from (value, quote(value, safe="", errors="replace"), quote_plus(value, errors="replace"))
        return
    for variant in dict.fromkeys(_encoded(value)):
        yield variant
        yield from _quoted(variant.encode("utf-8", "surrogatepass"))
        yield from _escaped(variant)


def _encoded(value: str) -> Iterator[str]:
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield from _quoted(raw)
    for encoded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        yield encoded
        yield encoded.rstrip("=")
    yield from (raw.hex(), raw.hex().upper())
    yield from _escaped(value)
    yield json.dumps(value)[1:-1].replace("/", "\\/")
    yield html.escape(value)


def _escaped(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]


def _quoted(raw: bytes) -> Iterator[str]:
    for quoted in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield quoted
        yield re.sub(r"%..", lambda match: match[0].lower(), quoted)
