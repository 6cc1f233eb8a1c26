"""Jobs by their age, in which order the administration lists them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """One index."""

    dependencies = [("retrieval", "0050_copies_due")]

    operations = [
        migrations.AddIndex(
            model_name="embeddingjob", index=models.Index(fields=["-created_at"], name="job_newest")
        ),
    ]
