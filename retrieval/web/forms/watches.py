"""What is set of a watch: on or off, its name, from where on it fires, and how its alerts are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from retrieval.models import MailWhen, Watch
from retrieval.models.bounds import COLLECTION_NAME_LENGTH, URL_LENGTH
from retrieval.services.watching.notify import MOST_AN_HOUR, Notify
from retrieval.services.watching.watches import Least
from retrieval.web.forms import refusal


class SettingsForm(forms.Form):
    """Any of them; what is not sent stays."""

    active = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], required=False)
    name = forms.CharField(max_length=COLLECTION_NAME_LENGTH, required=False)
    least = forms.FloatField(required=False)

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Read what was sent. Raises InvalidInput naming the field at fault."""
        form = cls(data)
        if not form.is_valid():
            raise refusal(form)
        return form

    def changes(self, row: Watch) -> dict[str, Any]:
        """Return what to change of this watch: its threshold is a probability where it had one, else a cosine."""
        said, changed = self.cleaned_data, {}
        if said["active"]:
            changed["active"] = said["active"] == "on"
        if said["name"]:
            changed["name"] = said["name"]
        if said["least"] is not None:
            by = Least(probability=said["least"]) if row.by_probability else Least(score=said["least"])
            changed["least"] = by
        return changed


MAIL = [
    ("", _("No mail")),
    (MailWhen.AT_ONCE, _("A mail for each alert")),
    (MailWhen.HOURLY, _("Once an hour")),
    (MailWhen.DAILY, _("Once a day")),
]
GATHER = [
    (0, _("Each alert by itself")),
    (600, _("within 10 minutes")),
    (3_600, _("within an hour")),
    (21_600, _("within 6 hours")),
    (86_400, _("within a day")),
]


class NotifyForm(forms.Form):
    """How alerts are told, set as a whole; what is left empty is not wanted."""

    mail = forms.ChoiceField(label=_("Mail"), choices=MAIL, required=False)
    webhook = forms.URLField(label=_("Webhook"), max_length=URL_LENGTH, assume_scheme="https", required=False)
    most_an_hour = forms.IntegerField(
        label=_("Messages an hour at most"), min_value=1, max_value=MOST_AN_HOUR, required=False
    )
    quiet_from = forms.TimeField(label=_("Quiet from (UTC)"), required=False)
    quiet_until = forms.TimeField(label=_("Quiet until (UTC)"), required=False)

    def __init__(self, row: Watch, data: QueryDict | None = None) -> None:
        now = int(row.gather.total_seconds())
        names = ("mail", "webhook", "most_an_hour", "quiet_from", "quiet_until")
        super().__init__(data, initial={"gather": now, **{name: getattr(row, name) for name in names}})
        own = [] if now in dict(GATHER) else [(now, _("within {n} seconds").format(n=now))]  # set by the API
        choices = [*GATHER, *own]
        self.fields["gather"] = forms.ChoiceField(label=_("Repeats as one alert"), choices=choices, required=False)

    def notify(self) -> Notify:
        """Return what was sent. Raises InvalidInput naming the field at fault."""
        if not self.is_valid():
            raise refusal(self)
        said = {**self.cleaned_data, "gather": timedelta(seconds=int(self.cleaned_data["gather"] or 0))}
        return Notify(**said)
