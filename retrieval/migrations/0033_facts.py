"""What files say of themselves, marks of people, and a moment by which pictures are ordered."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table of pictures is written once more, for the generated moment; other writers wait meanwhile."""

    dependencies = [
        ("retrieval", "0032_watches"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Favourite",
            fields=[
                ("pk", models.CompositePrimaryKey("user_id", "image_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("image", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="favourites", to="retrieval.image")),
                ("user", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name="collection",
            name="drop_place",
            field=models.BooleanField(db_default=False, default=False, help_text="Do not keep where new pictures were taken; their files stay as sent."),
        ),
        migrations.AddField(
            model_name="image", name="camera", field=models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
        migrations.AddField(model_name="image", name="latitude", field=models.FloatField(blank=True, null=True)),
        migrations.AddField(model_name="image", name="longitude", field=models.FloatField(blank=True, null=True)),
        migrations.AddField(
            model_name="image",
            name="taken_at",
            field=models.DateTimeField(blank=True, help_text="In UTC where its offset is not known.", null=True),
        ),
        migrations.AddField(
            model_name="image",
            name="taken_offset",
            field=models.SmallIntegerField(blank=True, help_text="Minutes east of UTC.", null=True),
        ),
        migrations.AddField(
            model_name="image",
            name="path",
            field=models.CharField(blank=True, db_default="", default="", help_text="As the file came.", max_length=1000),
        ),
        migrations.AddField(
            model_name="image",
            name="rating",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text="0 to 5."),
        ),
        migrations.AddField(
            model_name="image",
            name="moment",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.comparison.Coalesce("taken_at", "created_at"),
                output_field=models.DateTimeField(),
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(fields=["collection", "-moment", "-id"], name="image_by_moment"),
        ),
        migrations.AddIndex(
            model_name="image", index=models.Index(fields=["collection", "camera"], name="image_by_camera")
        ),
    ]
