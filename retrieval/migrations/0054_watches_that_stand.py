"""Workers learn by an index alone whether a watch changed, without reading the watches' vectors."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0053_due_by_index")]
    operations = [
        migrations.AddIndex(
            model_name="watch",
            index=models.Index(
                fields=["encoder"], include=["version"], name="watch_standing",
                condition=models.Q(active=True, direction__isnull=False, least__isnull=False),
            ),
        ),
    ]  # fmt: skip
