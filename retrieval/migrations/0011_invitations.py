"""People are asked into a collection by name, and are members once they accept."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Members of before were never asked and stay what they are.
NAMES = """
UPDATE retrieval_membership m SET username = u.username FROM auth_user u WHERE u.id = m.user_id;
"""
NO_INVITATIONS = "DELETE FROM retrieval_membership WHERE user_id IS NULL;"


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0010_training_in_line"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AlterModelOptions(name="membership", options={"ordering": ["username"]}),
        migrations.AddField(
            "membership", "username", models.CharField(default="", editable=False, max_length=150), preserve_default=False
        ),
        migrations.AddField(
            "membership",
            "invited_by",
            models.ForeignKey(
                db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL,
                related_name="+", to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("membership", "declined_at", models.DateTimeField(editable=False, null=True)),
        migrations.RunSQL(NAMES, migrations.RunSQL.noop),
        migrations.AlterField(
            "membership",
            "user",
            models.ForeignKey(
                db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships", to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, NO_INVITATIONS),
        migrations.AddConstraint(
            "membership",
            models.UniqueConstraint(
                condition=models.Q(("user", None)), fields=("collection", "username"), name="one_invitation_per_name"
            ),
        ),
    ]
