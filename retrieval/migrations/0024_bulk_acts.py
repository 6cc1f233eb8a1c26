"""Acts on many pictures, and what was before each."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid6
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Two tables that hold what can be taken back within a day."""

    dependencies = [
        ("retrieval", "0023_receipts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkAct",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("columns", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ("at", models.DateTimeField(db_index=True)),
                ("undone_at", models.DateTimeField(null=True)),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name="BulkImage",
            fields=[
                ("pk", models.CompositePrimaryKey("act_id", "image_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("collection", models.UUIDField()),
                ("before", models.JSONField()),
                ("refused", models.CharField(blank=True, max_length=60)),
                ("act", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="images", to="retrieval.bulkact")),
                ("image", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
            ],
        ),
    ]
