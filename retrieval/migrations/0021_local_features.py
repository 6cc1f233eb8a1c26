"""Local features of pictures, in the collections that keep them."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A switch of the collection, and a table beside the pictures by their id."""

    dependencies = [("retrieval", "0020_calibration_runs")]

    operations = [
        migrations.AddField(
            model_name="collection",
            name="local_features",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Keep what is needed to tell edited copies, about 10 kB a picture.",
            ),
        ),
        migrations.CreateModel(
            name="ImageFeatures",
            fields=[
                (
                    "image",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="features",
                        serialize=False,
                        to="retrieval.image",
                    ),
                ),
                ("packed", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
