"""What was said of alerts sharpens their watch: when it was said, and what was fitted to it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns beside the watches and alerts."""

    dependencies = [("retrieval", "0051_newest_jobs")]

    operations = [
        migrations.AddField("alert", "said_at", models.DateTimeField(null=True, help_text="When the verdict was said.")),
        migrations.AddField(
            "watch",
            "least_set_at",
            models.DateTimeField(null=True, help_text="When the person set the least score."),
        ),
        migrations.AddField(
            "watch",
            "said",
            models.PositiveIntegerField(default=0, help_text="How often something was said of its alerts."),
        ),
        migrations.AddField(
            "watch", "fitted_said", models.PositiveIntegerField(default=0, help_text="``said`` when it was fitted.")
        ),
        migrations.AddField(
            "watch",
            "avoids",
            models.PositiveIntegerField(default=0, help_text="Pictures of wrong alerts that its query avoids."),
        ),
        migrations.AddField(
            "watch",
            "sharpened",
            models.JSONField(null=True, help_text="What its last sharpening would have changed."),
        ),
    ]
