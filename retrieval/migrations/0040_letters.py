"""Letters to people about their accounts, and addresses that wait to be confirmed."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
import uuid6
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Two tables beside the accounts."""
    dependencies = [
        ("retrieval", "0039_mail"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NewAddress",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("address", models.CharField(max_length=254)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Letter",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("forgotten", "Forgotten password"),
                            ("reset", "Link for a new password"),
                            ("invitation", "Invitation"),
                            ("confirmation", "Confirmation of an address"),
                            ("new_address", "Changed address"),
                            ("new_password", "Changed password"),
                        ],
                        max_length=12,
                    ),
                ),
                ("asked", models.CharField(blank=True, max_length=254)),
                ("address", models.CharField(blank=True, max_length=254)),
                ("language", models.CharField(blank=True, max_length=10)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["due_at"],
            },
        ),
    ]
