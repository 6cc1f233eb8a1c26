"""An encoder says by which kind of index it is searched, figures of recall say of which; tables forget what is no more.

Compressions compared ways to store vectors that search cannot hold, or that nobody could choose.
"""

from __future__ import annotations

import pgvector.django
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GONE = {"int8-vectors", "binary", "binary-reranked"}
KINDS = [("halves", "Half precision"), ("bits", "Bits")]


def without_gone(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Take the rows of these names out of every table."""
    for row in apps.get_model("retrieval", "Compression").objects.exclude(result={}):
        row.result = {**row.result, "rows": [each for each in row.result["rows"] if each["name"] not in GONE]}
        row.save(update_fields=["result"])


class Migration(migrations.Migration):
    """Three columns with defaults, and one pass over few rows."""

    dependencies = [("retrieval", "0016_encoder_calibration")]

    operations = [
        migrations.AddField("encoder", "index_kind", models.CharField(choices=KINDS, default="halves", max_length=10)),
        migrations.AddField(
            "encoder",
            "bits_centre",
            pgvector.django.HalfVectorField(
                editable=False, help_text="Numbers above this mean of its vectors become a bit.", null=True
            ),
        ),
        migrations.AddField("recallfigure", "kind", models.CharField(choices=KINDS, default="halves", max_length=10)),
        migrations.AddField("recallfigure", "size", models.BigIntegerField(default=0)),
        migrations.RunPython(without_gone, migrations.RunPython.noop),
    ]
