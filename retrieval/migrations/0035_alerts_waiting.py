"""Count the alerts that wait for somebody without reading those that do not."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """An index of what is neither seen nor a repeat."""

    dependencies = [("retrieval", "0034_regions")]

    operations = [
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                fields=["watch"], condition=models.Q(seen=False, gathered_into=None), name="alert_waiting"
            ),
        ),
    ]
