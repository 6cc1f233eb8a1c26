"""Watches, their alerts, and how these are sent."""

from __future__ import annotations

import datetime

import django.db.models.deletion
import django.utils.timezone
import uuid6
from django.conf import settings
from django.db import migrations, models

import retrieval.models.watches


class Migration(migrations.Migration):
    """Three more tables."""

    dependencies = [
        ("retrieval", "0031_documents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("asked", models.JSONField()),
                ("min_probability", models.FloatField(null=True)),
                ("min_score", models.FloatField(null=True)),
                ("active", models.BooleanField(default=True)),
                ("gather", models.DurationField(default=datetime.timedelta(0), help_text="Repeats within so long are gathered in one alert.")),
                ("direction", models.BinaryField(null=True)),
                ("least", models.FloatField(null=True)),
                ("calibration", models.CharField(blank=True, max_length=64)),
                ("candidates", models.PositiveIntegerField(default=0, help_text="Among how many ``least`` was told.")),
                ("trouble", models.CharField(blank=True, help_text="Code of why it could not be fitted.", max_length=60)),
                ("fitted_at", models.DateTimeField(null=True)),
                ("version", models.BigIntegerField(default=retrieval.models.watches.version)),
                ("webhook", models.URLField(blank=True, max_length=2000)),
                ("secret", models.CharField(blank=True, help_text="Signs what is sent to the webhook.", max_length=64)),
                ("most_an_hour", models.PositiveIntegerField(null=True)),
                ("quiet_from", models.TimeField(help_text="UTC", null=True)),
                ("quiet_until", models.TimeField(help_text="UTC", null=True)),
                ("backfill_from", models.UUIDField(help_text="Older pictures up to this one are still to be looked at.", null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("encoder", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="retrieval.encoder")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="watches", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-created_at", "-id"]},
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("gathered_into", models.UUIDField(db_index=True, null=True)),
                ("score", models.FloatField(help_text="The cosine with the watch's query.")),
                ("probability", models.FloatField(null=True)),
                ("threshold", models.FloatField()),
                ("encoder", models.CharField(max_length=80)),
                ("calibration", models.CharField(blank=True, max_length=64)),
                ("fired_at", models.DateTimeField(auto_now_add=True)),
                ("seen", models.BooleanField(default=False)),
                ("verdict", models.CharField(blank=True, choices=[("right", "Right"), ("wrong", "Wrong")], max_length=5)),
                ("image", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
                ("watch", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="alerts", to="retrieval.watch")),
            ],
            options={
                "ordering": ["-fired_at", "-id"],
                "indexes": [models.Index(fields=["watch", "-fired_at"], name="alert_newest_of_watch")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("alert", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="delivery", serialize=False, to="retrieval.alert")),
                ("state", models.CharField(choices=[("waiting", "Waiting"), ("sent", "Sent"), ("dead", "Dead")], default="waiting", max_length=7)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("sent_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("state", "waiting")), fields=["due_at"], name="delivery_due")],
            },
        ),
    ]
