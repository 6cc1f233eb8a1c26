"""Copies: keys of pictures, verified pairs, and what people decided of them."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import uuid6
from django.conf import settings
from django.db import migrations, models

VERDICTS = [("same_file", "Same file"), ("same_image", "Same picture, edited"), ("same_thing", "Same thing")]


class Migration(migrations.Migration):
    """Three tables beside the pictures, by their ids."""

    dependencies = [
        ("retrieval", "0025_concepts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CopyKeys",
            fields=[
                ("image", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="copy_keys", serialize=False, to="retrieval.image")),
                ("prints", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, size=None)),
                ("corners", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ("with_details", models.BooleanField(default=False)),
                ("looked_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["prints"], name="copy_prints"),
                    django.contrib.postgres.indexes.GinIndex(fields=["corners"], name="copy_corners"),
                ],
            },
        ),
        migrations.CreateModel(
            name="CopyPair",
            fields=[
                ("pk", models.CompositePrimaryKey("one_id", "other_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("one", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
                ("other", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
                ("verdict", models.CharField(choices=VERDICTS, max_length=10)),
                ("edit", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                ("outline", models.JSONField(default=list)),
                ("other_outline", models.JSONField(default=list)),
                ("matches", models.PositiveIntegerField(default=0)),
                ("probability", models.FloatField(null=True)),
                ("found_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("one__lt", models.F("other"))), name="copy_pair_ordered")],
            },
        ),
        migrations.CreateModel(
            name="CopyDecision",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("one", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
                ("other", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("decision", models.CharField(choices=[("copies", "Copies"), ("different", "Not copies")], max_length=10)),
                ("decided_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["-decided_at", "-id"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("one__lt", models.F("other"))), name="copy_decision_ordered"),
                    models.UniqueConstraint(fields=["one", "other"], name="copy_decided_once"),
                ],
            },
        ),
    ]
