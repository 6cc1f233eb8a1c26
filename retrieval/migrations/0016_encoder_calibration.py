"""What an encoder's scores mean, kept on its row."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the calibration; rows that have none yet say so."""

    dependencies = [("retrieval", "0015_stems")]

    operations = [
        migrations.AddField(
            model_name="encoder",
            name="calibration",
            field=models.JSONField(
                blank=True, default=dict, editable=False, help_text="What its scores mean; empty: not known."
            ),
        ),
    ]
