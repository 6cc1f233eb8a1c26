"""Django's mail backend with an end: a server that drips or never stops answering holds nobody for longer."""

from __future__ import annotations

import smtplib
import socket
import time
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

SECONDS = 60.0  # for all that one connection is for
MOST_BYTES = 1_000_000  # that are read of it


class Lines:
    """What a server says, line by line, until a moment of ``time.monotonic``; as smtplib reads a file."""

    def __init__(self, connection: socket.socket, *, until: float) -> None:
        self.connection, self.until, self.kept, self.left = connection, until, b"", MOST_BYTES
        self.usual = connection.gettimeout()

    def readline(self, most: int) -> bytes:
        """Return the next line, or so many bytes of it; what there is where the server ends. Raises TimeoutError."""
        while b"\n" not in self.kept and len(self.kept) < most:
            left = self.until - time.monotonic()
            if left <= 0 or self.left <= 0:
                raise TimeoutError("the mail server comes to no end")
            self.connection.settimeout(left if self.usual is None else min(left, self.usual))
            said = self.connection.recv(4096)
            if not said:
                break
            self.kept, self.left = self.kept + said, self.left - len(said)
        end = self.kept.find(b"\n") + 1 or len(self.kept)
        line, self.kept = self.kept[: min(end, most)], self.kept[min(end, most) :]
        return line

    def close(self) -> None:
        """Nothing of its own is open."""


class Ending(smtplib.SMTP):
    """A connection that is over after SECONDS."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.until = time.monotonic() + SECONDS
        super().__init__(*args, **kwargs)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer of one or more lines."""
        if self.file is None and self.sock is not None:
            self.file = Lines(self.sock, until=self.until)
        return super().getreply()


class EndingTls(Ending, smtplib.SMTP_SSL):
    """The same in TLS from the first byte on."""


class Backend(EmailBackend):
    """Django's, with such connections."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """Which kind of connection is opened."""
        return EndingTls if self.use_ssl else Ending
