"""Maps of pictures, as long work."""

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


class Migration(migrations.Migration):
    """One more table of long work."""

    dependencies = [
        ("retrieval", "0045_sources"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PictureMap",
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
                ("name", models.TextField()),
                ("within", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("encoder", models.CharField(max_length=80)),
                ("result", models.JSONField(default=dict)),
                ("collection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ["-created_at"],
                "abstract": False,
            },
        ),
    ]
