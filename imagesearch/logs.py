"""Structured logs: who asked stands in every line, secrets in none, and no address can fill them.

JSON lines in production, coloured lines while developing.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import structlog

from retrieval import caller

MINUTE = 60.0
# Lines a minute that one address can cause; then one more, which says that the rest is left out.
LINES_PER_ADDRESS = 120
ADDRESSES = 10_000
HELD_BACK = "log_lines_held_back"
# The token of a one-time link stands in its address, and the secret of a share link.
SECRETS = re.compile(r"(/(?:first|shared)/)[^/?#\s\"'\\]+")


def who(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Add the address and the person of the request at hand; None where nobody asks, or nobody is signed in."""
    asking = caller.current()
    person = asking.person()
    line.setdefault("address", asking.address or None)
    line.setdefault("person", person.get_username() if person else None)
    return line


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    who,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


@dataclass
class Bounded(logging.Filter):
    """Lets so many lines a minute through from one address, and all that nobody's request caused."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    windows: dict[str, tuple[int, float]] = field(default_factory=dict)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is written; a refused request is no fault of ours, so its traceback never is."""
        refused = record.name == "django.request" and record.levelno < logging.ERROR
        if refused or record.name.startswith("django.security"):
            record.exc_info = record.exc_text = None
        address = caller.current().address
        count = self._count(address) if address else 0
        if count == LINES_PER_ADDRESS + 1:
            record.msg, record.args, record.exc_info = self._left_out(record), (), None
        return count <= LINES_PER_ADDRESS + 1

    def _left_out(self, record: logging.LogRecord) -> Any:
        """Say that lines are missing, in the form of the line that would have stood here: ours are dictionaries."""
        return {**record.msg, "event": HELD_BACK} if isinstance(record.msg, dict) else HELD_BACK

    def _count(self, address: str) -> int:
        now = time.monotonic()
        with self.lock:
            count, ends = self.windows.get(address, (0, 0.0))
            if ends <= now:
                self.windows.pop(address, None)
                count, ends = 0, now + MINUTE
            self.windows[address] = (count + 1, ends)
            if len(self.windows) > ADDRESSES:
                del self.windows[next(iter(self.windows))]
        return count + 1


def configure(*, readable: bool, level: str) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING, so that both kinds of logger write the same lines to stderr."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": _ending(readable),
                "foreign_pre_chain": SHARED,
            }
        },
        "filters": {"bounded": {"()": Bounded}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["bounded"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
        },
    }


def without_secrets(_logger: Any, _method: str, line: str) -> str:
    """Take the secrets of links out of the finished line, wherever in it they stand."""
    return SECRETS.sub(r"\1...", line)


def _ending(readable: bool) -> list[Any]:
    last = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    middle = [] if readable else [structlog.processors.format_exc_info]
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *middle, last, without_secrets]
