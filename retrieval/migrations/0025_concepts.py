"""Concepts that people teach, and their examples."""

from __future__ import annotations

import django.db.models.deletion
import uuid6
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Two more tables of people's own things."""

    dependencies = [
        ("retrieval", "0024_bulk_acts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Concept",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("direction", models.BinaryField(null=True)),
                ("offset", models.FloatField(default=0)),
                ("knows", models.FloatField(null=True)),
                ("fitted_to", models.PositiveIntegerField(default=0)),
                ("encoder", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="retrieval.encoder")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="concepts", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-created_at", "-id"]},
        ),
        migrations.CreateModel(
            name="ConceptExample",
            fields=[
                ("pk", models.CompositePrimaryKey("image_id", "concept_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("right", models.BooleanField()),
                ("clicked_at", models.DateTimeField(auto_now=True)),
                ("concept", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="examples", to="retrieval.concept")),
                ("image", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="retrieval.image")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
