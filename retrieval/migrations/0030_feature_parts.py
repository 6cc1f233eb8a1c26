"""Local features of parts in which another picture may stand."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """One column; pictures that were looked at before have none of it."""

    dependencies = [("retrieval", "0029_batches")]

    operations = [
        migrations.AddField(
            model_name="imagefeatures",
            name="parts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BinaryField(),
                db_default=[],
                default=list,
                help_text="Of parts that stand out.",
                size=None,
            ),
        ),
    ]
