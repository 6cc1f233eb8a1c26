"""Alerts as mail, in plain words of their person's language: what is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retrieval import conf
from retrieval.errors import SENTENCES, InvalidInput
from retrieval.models import Alert, Watch
from retrieval.services.people import posting
from retrieval.services.people.posting import Mail, line
from retrieval.services.watching import alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def require(user: User) -> None:
    """Raise InvalidInput naming ``notify`` where nothing can be mailed to this person."""
    if code := posting.why_not(user.email):
        raise InvalidInput.of("notify", SENTENCES[code], code=code)


def send(watch: Watch, rows: Sequence[Alert]) -> str:
    """Mail these alerts of one watch as one mail; return why it was not taken, empty when it was. Raises as require."""
    require(watch.user)
    with translation.override(watch.language or "en"):
        return posting.hand_in(Mail(watch.user.email, _subject(watch, len(rows)), _body(watch, rows)))


def test(watch: Watch) -> str:
    """Mail something that is no alert, as ``send``."""
    require(watch.user)
    with translation.override(watch.language or "en"):
        body = _("This is a test of the watch “{name}”. Its alerts will come like this.").format(name=line(watch.name))
        subject = f"[imagesearch] {line(watch.name)}"
        return posting.hand_in(Mail(watch.user.email, subject, f"{body}\n\n{_links(watch)}\n"))


def _subject(watch: Watch, count: int) -> str:
    said = ngettext("{name}: {n} new picture", "{name}: {n} new pictures", count)
    return "[imagesearch] " + said.format(name=line(watch.name), n=count)


def _body(watch: Watch, rows: Sequence[Alert]) -> str:
    said = ngettext("The watch “{name}” found {n} picture:", "The watch “{name}” found {n} pictures:", len(rows))
    parts = [said.format(name=line(watch.name), n=len(rows)), *(_alert(row) for row in rows), _links(watch)]
    return "\n\n".join(parts) + "\n"


def _alert(row: Alert) -> str:
    """One picture, and by what it fired, each on its line."""
    if row.probability is not None:
        found = _("Probability {value}; the watch fires from {least} on.")
    else:
        found = _("Score {value}; the watch fires from {least} on.")
    value = row.score if row.probability is None else row.probability
    lines = [
        line(row.image.title) or str(row.image_id),
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
