"""Watches and alerts, in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.search import SearchInput
from retrieval.matching import Band
from retrieval.models import Alert, AlertVerdict, MailWhen, Watch
from retrieval.models.bounds import COLLECTION_NAME_LENGTH, URL_LENGTH
from retrieval.services.watching.notify import LONGEST_GATHER, MOST_AN_HOUR, Notify
from retrieval.services.watching.watches import deliveries_of

BANDS = [Band.VERY_ALIKE.value, Band.ALIKE.value]
# Fields of a search that say how many are shown and in which order, or that need its other results.
NOT_OF_ONE = (
    "url",
    "k",
    "offset",
    "exact",
    "receipt",
    "group",
    "measure",
    "diversity",
    "mode",
    "expand",
    "exclude_group",
)
LONGEST = int(LONGEST_GATHER.total_seconds())


class NotifyInput(Input):
    """How alerts are told."""

    webhook = serializers.URLField(
        max_length=URL_LENGTH, required=False, allow_blank=True, help_text="An address on the open internet."
    )
    mail = serializers.ChoiceField(
        MailWhen.choices, required=False, allow_blank=True, help_text="When alerts are mailed; empty: not."
    )
    gather = serializers.IntegerField(
        min_value=0, max_value=LONGEST, default=0, help_text="Seconds within which repeats are one alert."
    )
    most_an_hour = serializers.IntegerField(min_value=1, max_value=MOST_AN_HOUR, required=False, allow_null=True)
    quiet_from = serializers.TimeField(required=False, allow_null=True, help_text="UTC; nothing is sent from here")
    quiet_until = serializers.TimeField(required=False, allow_null=True, help_text="to here; both or neither.")


class LeastInput(Input):
    """From where on a watch fires: at most one of these."""

    min_band = serializers.ChoiceField(BANDS, required=False, allow_null=True)
    min_probability = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    min_score = serializers.FloatField(min_value=-1, max_value=1, required=False, allow_null=True)


class WatchInput(SearchInput):
    """A search to be kept: what of it tells something of one picture, its name, and how it tells."""

    name = serializers.CharField(max_length=COLLECTION_NAME_LENGTH)
    min_band = serializers.ChoiceField(BANDS, required=False, allow_null=True)
    min_probability = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    min_score = serializers.FloatField(min_value=-1, max_value=1, required=False, allow_null=True)
    notify = NotifyInput(required=False)
    active = serializers.BooleanField(default=True)

    def get_fields(self) -> dict[str, Any]:
        """Leave out what tells nothing of one picture."""
        return {name: field for name, field in super().get_fields().items() if name not in NOT_OF_ONE}


class WatchChange(LeastInput):
    """What to change; ``notify`` is set as a whole."""

    name = serializers.CharField(max_length=COLLECTION_NAME_LENGTH, required=False)
    notify = NotifyInput(required=False)
    active = serializers.BooleanField(required=False)


class NotifySerializer(serializers.Serializer[Any]):
    """How alerts are told, with the secret that signs them."""

    webhook = serializers.CharField()
    mail = serializers.ChoiceField(MailWhen.choices, allow_blank=True, help_text="When alerts are mailed; empty: not.")
    secret = serializers.CharField(help_text="Signs what is sent: HMAC-SHA-256.")
    gather = serializers.SerializerMethodField(help_text="Seconds.")
    most_an_hour = serializers.IntegerField(allow_null=True)
    quiet_from = serializers.TimeField(allow_null=True)
    quiet_until = serializers.TimeField(allow_null=True)

    def get_gather(self, row: Watch) -> int:
        """Return the seconds."""
        return int(row.gather.total_seconds())


class DeliveriesSerializer(serializers.Serializer[Any]):
    """What became of its alerts on their way."""

    waiting = serializers.IntegerField(min_value=0)
    dead = serializers.IntegerField(min_value=0, help_text="Given up after many tries.")
    error = serializers.CharField(help_text="Why the last one failed; empty: none did.")


class SharpenedSerializer(serializers.Serializer[Any]):
    """What the last sharpening changed, and would have changed in the 30 days before it."""

    at = serializers.DateTimeField()
    least_before = serializers.FloatField(allow_null=True, help_text="The cosine from which it fired.")
    least = serializers.FloatField(allow_null=True, help_text="The cosine with the query as it is now.")
    fired_before = serializers.IntegerField(help_text="How often it would have fired.")
    fired = serializers.IntegerField()
    gone = serializers.ListField(
        child=serializers.UUIDField(), help_text="Pictures that would fire no more; 50 at most."
    )
    come = serializers.ListField(child=serializers.UUIDField(), help_text="Pictures that would fire now; 50 at most.")
    avoids = serializers.IntegerField(help_text="How many pictures of wrong alerts it avoids.")


class WatchSerializer(serializers.ModelSerializer[Watch]):
    """One of the caller's watches."""

    search = serializers.DictField(source="asked", help_text="What is watched for, as a search has it.")
    notify = NotifySerializer(source="*")
    deliveries = serializers.SerializerMethodField(help_text="What became of its alerts on their way.")
    encoder = serializers.CharField(source="encoder.name", default=None, allow_null=True)
    least_score = serializers.FloatField(source="least", allow_null=True, help_text="The cosine from which it fires.")
    trouble = serializers.CharField(help_text="The code of why it cannot see just now; empty: it can.")
    backfilling = serializers.SerializerMethodField(help_text="Whether older pictures are still being looked at.")
    sharpened = SharpenedSerializer(allow_null=True, help_text="What was wrong, last said of its alerts, changed.")

    class Meta:
        model = Watch
        fields = [
            "id", "name", "search", "min_probability", "min_score", "least_score", "active", "notify", "deliveries",
            "encoder", "calibration", "trouble", "backfilling", "avoids", "sharpened", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(DeliveriesSerializer)
    def get_deliveries(self, row: Watch) -> dict[str, Any]:
        """Return how many wait and were given up, and why."""
        return deliveries_of(row)

    def get_backfilling(self, row: Watch) -> bool:
        """Return whether there is a mark."""
        return row.backfill_from is not None


class TryInput(Input):
    """Since when; else in the last 30 days."""

    since = serializers.DateTimeField(required=False, allow_null=True)


class TriedSerializer(serializers.Serializer[Any]):
    """A picture for which the watch would have fired."""

    image = serializers.UUIDField(source="image.pk")
    score = serializers.FloatField()
    probability = serializers.FloatField(allow_null=True)


class StepSerializer(serializers.Serializer[Any]):
    """How often it would have fired from this probability on (else: score)."""

    threshold = serializers.FloatField()
    fired = serializers.IntegerField()


class TrialSerializer(serializers.Serializer[Any]):
    """What the watch would have done."""

    since = serializers.DateTimeField()
    fired = serializers.IntegerField()
    at_least = serializers.BooleanField(help_text="Only the nearest 1,000 pictures were counted.")
    threshold = serializers.FloatField()
    steps = StepSerializer(many=True)
    results = TriedSerializer(many=True, help_text="The first 50.")


class TestedSerializer(serializers.Serializer[Any]):
    """What the tests came to; null for what is not set."""

    status = serializers.IntegerField(allow_null=True, help_text="What the webhook answered.")
    mail = serializers.CharField(allow_null=True, help_text="`sent`, or the code of why it was not.")


class AlertQuery(Input):
    """Filters of the list."""

    watch = serializers.UUIDField(required=False)
    seen = serializers.BooleanField(required=False, allow_null=True, default=None)


class AlertInput(Input):
    """What is said of an alert."""

    seen = serializers.BooleanField(required=False)
    verdict = serializers.ChoiceField(AlertVerdict.choices, required=False, allow_null=True)


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """A picture that a watch fired for, and by what it fired."""

    watch = serializers.UUIDField(source="watch_id")
    image = serializers.UUIDField(source="image_id")
    repeats = serializers.IntegerField(min_value=0)
    verdict = serializers.SerializerMethodField()

    class Meta:
        model = Alert
        fields = [
            "id", "watch", "image", "score", "probability", "threshold", "encoder", "calibration", "repeats",
            "fired_at", "seen", "verdict",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(AlertVerdict.choices, allow_null=True))
    def get_verdict(self, row: Alert) -> str | None:
        """Return the verdict, null for none."""
        return row.verdict or None


def notify_of(said: dict[str, Any]) -> Notify:
    """Return checked input as the services take it."""
    given = {name: value for name, value in said.items() if name != "gather"}
    return Notify(gather=timedelta(seconds=said.get("gather", 0)), **given)
