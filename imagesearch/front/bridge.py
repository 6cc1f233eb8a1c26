"""From the head of a request to Django and back: WSGI's environment, and an answer that needs no thread any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from imagesearch.front.spool import Spool

Environment = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
Wsgi = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]
PLAIN = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


@dataclass
class Answer:
    """What is to be sent: bytes, or ``length`` bytes of an open file from ``offset`` on (-1: to its end).

    Or what a ``reader`` makes while it is sent, which needs nothing of the thread that answered.
    """

    status: int = 500
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    file: int | None = None
    offset: int = 0
    length: int = -1
    reader: Any = None

    def start(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        """WSGI's ``start_response``."""
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return _no_writing

    def close(self) -> None:
        """Let go of the file, or the reader."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None
        if self.file is not None:
            os.close(self.file)
            self.file = None


class Handed:
    """``wsgi.file_wrapper``: Django hands a file over here that it would otherwise read block by block."""

    def __init__(self, file: Any, block: int = 65536) -> None:
        self.file, self.block = file, block

    def __iter__(self) -> Iterable[bytes]:
        """Read what has no file of the system behind it."""
        return iter(lambda: self.file.read(self.block), b"")

    def close(self) -> None:
        """Close the file, and Django's answer with it."""
        self.file.close()


def environment(scope: Mapping[str, Any], body: IO[bytes]) -> Environment:
    """Return WSGI's environment (PEP 3333) of an ASGI scope.

    A header whose name has an underscore is left out: WSGI would take ``X_Forwarded_For`` for ``X-Forwarded-For``.
    """
    server, client = scope.get("server") or ("localhost", 80), scope.get("client") or ("", 0)
    found: Environment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": Handed,
    }
    for raw, value in scope["headers"]:
        _put(found, raw.decode("latin-1"), value.decode("latin-1"))
    return found


def call(application: Wsgi, environ: Environment, *, spool: Spool) -> Answer:
    """Have the application answer, to its end: what it opened for this request it closes in this thread."""
    answer = Answer()
    parts = application(environ, answer.start)
    try:
        if environ["REQUEST_METHOD"] == "HEAD" or answer.status in {204, 304}:
            return answer
        if not isinstance(parts, Handed) or not _take(answer, parts.file):
            _gather(answer, parts, spool)
    except BaseException:
        answer.close()
        raise
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return answer


def _put(found: Environment, name: str, value: str) -> None:
    if "_" in name:
        return
    key = PLAIN.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
    divider = "; " if key == "HTTP_COOKIE" else ","
    found[key] = f"{found[key]}{divider}{value}" if key in found else value


def _take(answer: Answer, file: Any) -> bool:
    """Take a file over by a descriptor of our own, or what can be handed over; False where it is neither."""
    if hasattr(file, "hand_over"):
        answer.reader = file.hand_over()
        return True
    try:
        number, offset = file.fileno(), file.tell()
    except (AttributeError, OSError):
        return False
    lengths = [int(value) for name, value in answer.headers if name == b"content-length"]
    answer.file, answer.offset, answer.length = os.dup(number), offset, lengths[0] if lengths else -1
    return True


def _gather(answer: Answer, parts: Iterable[bytes], spool: Spool) -> None:
    """Collect the answer; what is long goes to the disk, as its client may take its time."""
    kept: list[bytes] = []
    size, file = 0, None
    try:
        for part in parts:
            size += len(part)
            if file is None and size > spool.bounds.answer_in_memory:
                file = spool.file()
                file.writelines(kept)
                kept = []
            if file is None:
                kept.append(part)
            else:
                file.write(part)
        if file is None:
            answer.body = b"".join(kept)
        else:
            file.flush()
            answer.file, answer.length = os.dup(file.fileno()), size
    finally:
        if file is not None:
            file.close()


def _no_writing(_data: bytes) -> None:
    raise NotImplementedError("Answers are returned, not written.")
