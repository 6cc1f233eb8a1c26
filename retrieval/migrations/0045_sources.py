"""What is read into collections on a schedule, the files that were, and the pictures that came of it."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
import uuid6
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Three tables."""

    dependencies = [
        ("retrieval", "0044_identities"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Source",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[("folder", "Folder on the server"), ("address", "Address of a camera")], max_length=7
                    ),
                ),
                ("place", models.CharField(help_text="Folder, or address.", max_length=2000)),
                ("username", models.CharField(blank=True, max_length=150)),
                ("password", models.CharField(blank=True, help_text="Never shown.", max_length=200)),
                ("every_minutes", models.PositiveIntegerField()),
                ("keep_days", models.PositiveIntegerField(null=True)),
                ("active", models.BooleanField(default=True)),
                ("asked", models.BooleanField(default=False)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_read_at", models.DateTimeField(help_text="When a reading last ended well.", null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_text", models.TextField(blank=True)),
                ("taken", models.PositiveBigIntegerField(default=0)),
                ("known", models.PositiveBigIntegerField(default=0)),
                ("refused", models.PositiveBigIntegerField(default=0)),
                ("refusals", models.JSONField(default=list)),
                (
                    "worker",
                    models.CharField(blank=True, help_text="Who reads it: host, process, its start.", max_length=100),
                ),
                ("lease_token", models.UUIDField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sources", to="retrieval.collection"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="SourceFile",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_id", "key", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.UUIDField()),
                ("stamp", models.BigIntegerField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="retrieval.source",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SourceImage",
            fields=[
                (
                    "image",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="brought",
                        serialize=False,
                        to="retrieval.image",
                    ),
                ),
                ("as_of", models.DateTimeField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="images",
                        to="retrieval.source",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="source",
            index=models.Index(fields=["due_at"], name="source_due"),
        ),
        migrations.AddIndex(
            model_name="sourceimage",
            index=models.Index(fields=["source", "image"], name="source_oldest_first"),
        ),
    ]
