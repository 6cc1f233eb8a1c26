"""Alerts as mail, in plain words of their person's language: who can be written to, what is said, and handing it in."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from email.utils import make_msgid
from typing import TYPE_CHECKING

import structlog
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retrieval import conf
from retrieval.errors import SENTENCES, InvalidInput
from retrieval.models import Alert, Watch
from retrieval.services.watching import alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

# Why a mail was not taken: by the server as a whole, which then takes no other one either, or this one.
UNREACHABLE, REFUSED = "mail_unreachable", "mail_refused"
SUBJECT_LENGTH = 150


def why_not(user: User) -> str:
    """Return the code of why nothing can be mailed to this person; empty where it can."""
    if not conf.get().mail_from:
        return "mail_off"
    try:
        validate_email(user.email)
    except ValidationError:
        return "no_address"
    return ""


def require(user: User) -> None:
    """Raise InvalidInput naming ``notify`` where nothing can be mailed to this person."""
    if code := why_not(user):
        raise InvalidInput.of("notify", SENTENCES[code], code=code)


def send(watch: Watch, rows: Sequence[Alert]) -> str:
    """Mail these alerts of one watch as one mail; return why it was not taken, empty when it was. Raises as require."""
    require(watch.user)
    with translation.override(watch.language or "en"):
        return _hand_in(watch.user, subject=_subject(watch, len(rows)), body=_body(watch, rows))


def test(watch: Watch) -> str:
    """Mail something that is no alert, as ``send``."""
    require(watch.user)
    with translation.override(watch.language or "en"):
        body = _("This is a test of the watch “{name}”. Its alerts will come like this.").format(name=_line(watch.name))
        return _hand_in(watch.user, subject=f"[imagesearch] {_line(watch.name)}", body=f"{body}\n\n{_links(watch)}\n")


def _hand_in(user: User, *, subject: str, body: str) -> str:
    sender = conf.get().mail_from
    headers = {"Message-ID": make_msgid(domain=sender.rpartition("@")[2]), "Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(subject[:SUBJECT_LENGTH], body, sender, [user.email], headers=headers).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        log.warning("mail_not_taken", reason=REFUSED, error=type(error).__name__)
        return REFUSED
    except (smtplib.SMTPException, OSError) as error:  # its words may repeat what was said to it: a name, a password
        log.warning("mail_not_taken", reason=UNREACHABLE, error=type(error).__name__)
        return UNREACHABLE
    return ""


def _subject(watch: Watch, count: int) -> str:
    said = ngettext("{name}: {n} new picture", "{name}: {n} new pictures", count)
    return "[imagesearch] " + said.format(name=_line(watch.name), n=count)


def _body(watch: Watch, rows: Sequence[Alert]) -> str:
    said = ngettext("The watch “{name}” found {n} picture:", "The watch “{name}” found {n} pictures:", len(rows))
    parts = [said.format(name=_line(watch.name), n=len(rows)), *(_alert(row) for row in rows), _links(watch)]
    return "\n\n".join(parts) + "\n"


def _alert(row: Alert) -> str:
    """One picture, and by what it fired, each on its line."""
    if row.probability is not None:
        found = _("Probability {value}; the watch fires from {least} on.")
    else:
        found = _("Score {value}; the watch fires from {least} on.")
    value = row.score if row.probability is None else row.probability
    lines = [
        _line(row.image.title) or str(row.image_id),
        found.format(value=f"{value:.2f}", least=f"{row.threshold:.2f}"),
        _("Encoder {name}, {at} UTC").format(name=row.encoder, at=date_format(row.fired_at, "DATETIME_FORMAT")),
    ]
    if count := alerts.repeats(row):
        lines.append(ngettext("{n} repeat", "{n} repeats", count).format(n=count))
    return "\n  ".join([*lines, f"{conf.get().site}/pictures/{row.image_id}/"])


def _links(watch: Watch) -> str:
    site = conf.get().site
    all_of_them = _("All its alerts: {url}").format(url=f"{site}/alerts/?watch={watch.pk}&all=on")
    return f"{all_of_them}\n" + _("How you are told: {url}").format(url=f"{site}/watches/{watch.pk}/")


def _line(text: str) -> str:
    """One line: what people write stands in headers, too."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
