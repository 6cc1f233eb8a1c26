"""Vectors of regions of pictures, in the collections that keep them."""

from __future__ import annotations

import django.db.models.deletion
import pgvector.django
from django.db import migrations, models


class Migration(migrations.Migration):
    """A switch of the collection, and a table beside the vectors."""

    dependencies = [("retrieval", "0033_facts")]

    operations = [
        migrations.AddField(
            model_name="collection",
            name="regions",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Keep vectors of parts of the pictures, some 10 kB a picture.",
            ),
        ),
        migrations.CreateModel(
            name="RegionEmbedding",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "image_id", "encoder_id", "place", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                ("vector", pgvector.django.HalfVectorField()),
                ("length", models.FloatField()),
                ("centred_length", models.FloatField()),
                (
                    "encoder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.encoder"
                    ),
                ),
                (
                    "image",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="region_embeddings",
                        to="retrieval.image",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE retrieval_regionembedding ALTER COLUMN vector SET STORAGE PLAIN", migrations.RunSQL.noop
        ),
    ]
