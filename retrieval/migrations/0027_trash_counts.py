"""What is deleted counts as its uploader's until it is purged."""

from __future__ import annotations

from django.db import migrations

CHANGE = """
UPDATE retrieval_userusage u SET images = u.images {sign} d.images, bytes = u.bytes {sign} d.bytes
FROM (SELECT uploader_id, count(*) AS images, sum(bytes) AS bytes
      FROM retrieval_image WHERE deleted_at IS NOT NULL GROUP BY 1) d
WHERE u.user_id = d.uploader_id;
"""


class Migration(migrations.Migration):
    """Count what was deleted and is not purged yet: the purge will take it off."""

    dependencies = [("retrieval", "0026_copies")]

    operations = [migrations.RunSQL(CHANGE.format(sign="+"), reverse_sql=CHANGE.format(sign="-"))]
