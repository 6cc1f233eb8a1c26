"""One shape for all long work: archives, compressions, evaluations and training runs get the same columns."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

STATES = [
    ("queued", "Waiting"), ("running", "Running"), ("done", "Done"), ("failed", "Failed"), ("cancelled", "Cancelled"),
]  # fmt: skip
MODELS = ("archiveimport", "compression", "evaluation", "trainingrun")
# Each keeps its place in line; an archive that had a turn stands where that ended.
PLACES = """
UPDATE retrieval_archiveimport SET queued_at = COALESCE(LEAST(lease_until, now()), created_at), lease_token = NULL;
UPDATE retrieval_compression SET queued_at = created_at;
UPDATE retrieval_evaluation SET queued_at = created_at;
UPDATE retrieval_trainingrun SET queued_at = created_at;
SET CONSTRAINTS ALL IMMEDIATE;
"""
# A run whose collection is gone was to be seen by nobody; now it goes along with it, like all other long work.
COLLECTIONS = """
UPDATE retrieval_trainingrun t SET collection_id = c.id, labels = t.config->>'by', config = t.config->'run'
    FROM retrieval_collection c WHERE c.id::text = t.config->>'collection';
DELETE FROM retrieval_trainingrun WHERE collection_id IS NULL;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def added(name: str, field: models.Field, *, to: tuple[str, ...] = MODELS) -> list[migrations.AddField]:
    return [migrations.AddField(model, name, field) for model in to]


class Migration(migrations.Migration):
    """Rows stay what they are; what was in flight is taken up again, as the worker that had it is gone."""

    dependencies = [
        ("retrieval", "0017_index_kinds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *(migrations.RenameField(model, "heard_at", "heartbeat_at") for model in MODELS[1:]),
        *added("heartbeat_at", models.DateTimeField(blank=True, help_text="The last sign of life of its worker.", null=True), to=("archiveimport",)),
        *added("worker", models.CharField(blank=True, help_text="Who works on it: host, process, its start.", max_length=100), to=("archiveimport",)),
        *added("attempts", models.PositiveSmallIntegerField(default=0), to=("archiveimport",)),
        *added("started_at", models.DateTimeField(blank=True, null=True), to=("archiveimport",)),
        *added("cancel_asked", models.BooleanField(default=False), to=("archiveimport", "evaluation")),
        *added("stage", models.CharField(blank=True, max_length=100), to=("archiveimport", "evaluation", "trainingrun")),
        *added("lease_token", models.UUIDField(blank=True, null=True), to=MODELS[1:]),
        *added("done", models.PositiveIntegerField(default=0), to=("trainingrun",)),
        *added("total", models.PositiveIntegerField(default=0), to=("trainingrun",)),
        *added("queued_at", models.DateTimeField(default=django.utils.timezone.now)),
        *added("labels", models.CharField(choices=[("tags", "First tag"), ("group_key", "Belongs to")], default="tags", max_length=10), to=("trainingrun",)),
        *added("collection", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection"), to=("trainingrun",)),
        migrations.RunSQL(PLACES, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(COLLECTIONS),
        migrations.RemoveField("archiveimport", "lease_until"),
        *(migrations.AlterField(model, "state", models.CharField(choices=STATES, default="queued", max_length=10)) for model in MODELS),
        migrations.AlterField("archiveimport", "user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
        migrations.AlterField("archiveimport", "collection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection")),
        migrations.AlterField("trainingrun", "collection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection")),
        migrations.AlterField("trainingrun", "attempts", models.PositiveSmallIntegerField(default=0)),
        migrations.AlterField("trainingrun", "worker", models.CharField(blank=True, help_text="Who works on it: host, process, its start.", max_length=100)),
    ]
