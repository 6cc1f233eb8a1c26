"""Many queries as one piece of long work, and their rows."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid6
from django.conf import settings
from django.db import migrations, models

STATES = [
    ("queued", "Waiting"), ("running", "Running"), ("done", "Done"), ("failed", "Failed"), ("cancelled", "Cancelled"),
]  # fmt: skip
SOURCES = [("files", "Files"), ("archive", "An archive"), ("addresses", "Addresses"), ("collection", "A collection")]


class Migration(migrations.Migration):
    """One more table of long work, and one of what each query found."""

    dependencies = [
        ("retrieval", "0028_search_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("state", models.CharField(choices=STATES, default="queued", max_length=10)),
                ("stage", models.CharField(blank=True, max_length=100)),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("worker", models.CharField(blank=True, help_text="Who works on it: host, process, its start.", max_length=100)),
                ("lease_token", models.UUIDField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, help_text="The last sign of life of its worker.", null=True)),
                ("cancel_asked", models.BooleanField(default=False)),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_text", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("queued_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("name", models.CharField(max_length=300)),
                ("source", models.CharField(choices=SOURCES, max_length=10)),
                ("names", models.JSONField(default=list)),
                ("asking", models.UUIDField(null=True)),
                ("against", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("encoder", models.CharField(max_length=80)),
                ("candidates", models.PositiveIntegerField(default=0)),
                ("collection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-created_at"], "abstract": False},
        ),
        migrations.CreateModel(
            name="BatchRow",
            fields=[
                ("pk", models.CompositePrimaryKey("batch_id", "n", blank=True, editable=False, primary_key=True, serialize=False)),
                ("batch", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="retrieval.batch")),
                ("n", models.PositiveIntegerField()),
                ("name", models.CharField(blank=True, max_length=300)),
                ("image", models.UUIDField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("pdq", models.CharField(blank=True, max_length=256)),
                ("vector", models.BinaryField(help_text="Half precision, of length 1.", null=True)),
                ("compared", models.BooleanField(default=False)),
                ("match", models.CharField(blank=True, max_length=10)),
                ("results", models.JSONField(default=list)),
                ("doubt", models.FloatField(default=0)),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_text", models.TextField(blank=True)),
                ("decision", models.CharField(blank=True, choices=[("match", "Match"), ("not", "No match"), ("unsure", "Unsure"), ("", "Open")], max_length=10)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["n"]},
        ),
    ]
