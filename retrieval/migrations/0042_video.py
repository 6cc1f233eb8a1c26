"""Videos: when a scene begins, and when the scenes begin that are still to be made pictures."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """Two columns; no row is rewritten."""

    dependencies = [("retrieval", "0041_copy_keys_at_once")]

    operations = [
        migrations.AddField(
            model_name="image",
            name="second",
            field=models.FloatField(null=True, editable=False, help_text="Of a scene: when it begins in its video."),
        ),
        migrations.AddField(
            model_name="archiveimport",
            name="scenes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.FloatField(),
                default=list,
                db_default=[],
                help_text="Of a video: in which second each begins.",
            ),
        ),
    ]
