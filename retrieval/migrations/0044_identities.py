"""Whom an identity provider vouches for, and which one-time links come from the terminal."""

from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A table beside the accounts, a column beside the links."""
    dependencies = [
        ("retrieval", "0043_copy_scans"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="firstlink",
            name="by_terminal",
            field=models.BooleanField(default=False, help_text="It opens also where passwords are off."),
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("issuer", models.CharField(max_length=2000)),
                ("subject", models.CharField(max_length=255)),
                (
                    "gave_powers",
                    models.BooleanField(default=False, help_text="Its groups made an administrator of the person."),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="identities",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("issuer", "subject"), name="identity_is_one_persons")],
            },
        ),
    ]
