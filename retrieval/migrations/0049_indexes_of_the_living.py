"""Indexes of living pictures alone, by which lists are cut and counted; and one for each order of a list."""

from __future__ import annotations

from django.db import migrations, models

ALIVE = models.Q(("deleted_at", None))
BEFORE = {
    "image_newest_first": ["collection", "-created_at", "-id"],
    "image_newest_of_all": ["-created_at", "-id"],
    "image_by_moment": ["collection", "-moment", "-id"],
}
NEW = {"image_by_title": ["collection", "title", "id"], "image_by_bytes": ["collection", "bytes", "id"]}


class Migration(migrations.Migration):
    """Three indexes made anew over fewer rows, and two more."""

    dependencies = [("retrieval", "0048_image_counts")]

    operations = [
        *(migrations.RemoveIndex(model_name="image", name=name) for name in BEFORE),
        *(
            migrations.AddIndex(model_name="image", index=models.Index(fields=fields, condition=ALIVE, name=name))
            for name, fields in (BEFORE | NEW).items()
        ),
    ]
