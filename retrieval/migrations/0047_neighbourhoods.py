"""Encoders whose stored vectors are smoothed by their neighbours, and of which neighbours each is made."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A column and two tables."""

    dependencies = [("retrieval", "0046_picture_maps")]

    operations = [
        migrations.AddField(
            model_name="encoder",
            name="smooths",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="Of which encoder's vectors, by the same weights, its own are smoothed by their neighbours.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="smoothed",
                to="retrieval.encoder",
            ),
        ),
        migrations.CreateModel(
            name="SmoothedCollection",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "collection_id", "encoder_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("changes", models.BigIntegerField()),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection"
                    ),
                ),
                (
                    "encoder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.encoder"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Neighbours",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "image_id", "encoder_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "nearest",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("least", models.FloatField(null=True)),
                ("source_at", models.DateTimeField()),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.collection"
                    ),
                ),
                (
                    "encoder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retrieval.encoder",
                    ),
                ),
                (
                    "image",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retrieval.image",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["encoder", "collection"], name="neighbours_scope")]},
        ),
    ]
