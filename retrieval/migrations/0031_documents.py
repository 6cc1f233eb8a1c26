"""Pages of documents as pictures."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0030_feature_parts")]

    operations = [
        migrations.AddField(
            "image",
            "document",
            models.UUIDField(
                null=True, editable=False, help_text="What its pages have in common: the first's id."
            ),
        ),
        migrations.AddField("image", "page", models.PositiveIntegerField(default=1, db_default=1, editable=False)),
        migrations.AddField("image", "pages", models.PositiveIntegerField(default=1, db_default=1, editable=False)),
        migrations.AddIndex(
            "image",
            models.Index(fields=["document", "page"], condition=models.Q(document__isnull=False), name="image_pages"),
        ),
        migrations.AddField(
            "archiveimport",
            "document",
            models.UUIDField(
                null=True, blank=True, help_text="Of the pages of a document: its id; there is no file."
            ),
        ),
    ]
