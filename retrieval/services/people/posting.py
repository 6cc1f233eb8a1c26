"""The door to the mail server: whether there is one, and handing one mail in; whatever writes mails goes through it."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import make_msgid

import structlog
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from retrieval import conf

log = structlog.get_logger(__name__)

# Why a mail was not taken: by the server as a whole, which then takes no other one either, or this one.
UNREACHABLE, REFUSED = "mail_unreachable", "mail_refused"
SUBJECT_LENGTH = 150


@dataclass(frozen=True)
class Mail:
    """One mail of plain text to one address."""

    address: str
    subject: str
    body: str


def is_on() -> bool:
    """Tell whether a mail server is set."""
    return bool(conf.get().mail_from)


def why_not(address: str) -> str:
    """Return the code of why nothing can be mailed to this address; empty where it can."""
    if not is_on():
        return "mail_off"
    try:
        validate_email(address)
    except ValidationError:
        return "no_address"
    return ""


def hand_in(mail: Mail) -> str:
    """Hand it to the server; return the code of why it was not taken, empty when it was."""
    sender = conf.get().mail_from
    headers = {"Message-ID": make_msgid(domain=sender.rpartition("@")[2]), "Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(mail.subject[:SUBJECT_LENGTH], mail.body, sender, [mail.address], headers=headers).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        log.warning("mail_not_taken", reason=REFUSED, error=type(error).__name__)
        return REFUSED
    except (smtplib.SMTPException, OSError) as error:  # its words may repeat what was said to it: a name, a password
        log.warning("mail_not_taken", reason=UNREACHABLE, error=type(error).__name__)
        return UNREACHABLE
    return ""


def line(text: str) -> str:
    """One line: what people write stands in headers, too."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


@contextmanager
def unless_taken(lock: threading.Lock) -> Iterator[bool]:
    """Hold a lock, and say so; say no where another thread has it: one waits for a slow server, the others go on."""
    taken = lock.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            lock.release()
