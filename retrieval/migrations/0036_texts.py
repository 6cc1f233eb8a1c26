"""Words read from pictures, in the collections that have them read."""

from __future__ import annotations

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A switch of the collection, and a table beside the pictures."""

    dependencies = [("retrieval", "0035_alerts_waiting")]

    operations = [
        migrations.AddField(
            model_name="collection",
            name="read_text",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Read the words on the pictures, a second or so of a processor for each.",
            ),
        ),
        migrations.CreateModel(
            name="ImageText",
            fields=[
                (
                    "image",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="read",
                        serialize=False,
                        to="retrieval.image",
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("lines", models.JSONField(default=list)),
                ("words", django.contrib.postgres.search.SearchVectorField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [django.contrib.postgres.indexes.GinIndex(fields=["words"], name="read_words")],
            },
        ),
    ]
