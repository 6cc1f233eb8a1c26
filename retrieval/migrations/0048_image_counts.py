"""How many living pictures collections have, of each month, tag, group and camera, kept by triggers."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# What rows of pictures add to counts, each by its ``n``; a tag that a picture has twice counts once.
COUNTED = """
    SELECT collection_id, 'all' AS kind, '' AS name, sum(n) AS images FROM {rows} GROUP BY 1
    UNION ALL SELECT collection_id, 'month', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM'), sum(n) FROM {rows}
        GROUP BY 1, 3
    UNION ALL SELECT collection_id, 'camera', camera, sum(n) FROM {rows} WHERE camera <> '' GROUP BY 1, 3
    UNION ALL SELECT collection_id, 'group', group_key, sum(n) FROM {rows} WHERE group_key <> '' GROUP BY 1, 3
    UNION ALL SELECT collection_id, 'tag', tag, sum(n)
        FROM {rows}, LATERAL (SELECT DISTINCT tag FROM unnest(tags) AS tag) AS each GROUP BY 1, 3
"""
# Changes are only added: two who write pictures of one collection do not wait for each other. Of rows that were written
# over only those count in which something changed that is counted, so most updates add nothing.
TRIGGERS = f"""
CREATE FUNCTION public.retrieval_count_images() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.retrieval_imagecountchange (collection_id, kind, name, images)
            WITH moved AS MATERIALIZED (
                SELECT 1 AS n, collection_id, moment, camera, group_key, tags FROM came WHERE deleted_at IS NULL)
            {COUNTED.format(rows="moved")};
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.retrieval_imagecountchange (collection_id, kind, name, images)
            WITH moved AS MATERIALIZED (
                SELECT -1 AS n, collection_id, moment, camera, group_key, tags FROM gone WHERE deleted_at IS NULL)
            {COUNTED.format(rows="moved")};
    ELSE
        INSERT INTO public.retrieval_imagecountchange (collection_id, kind, name, images)
            WITH changed AS MATERIALIZED (
                SELECT came.id FROM came JOIN gone ON came.id = gone.id
                WHERE came.collection_id <> gone.collection_id OR came.moment <> gone.moment
                    OR (came.deleted_at IS NULL) <> (gone.deleted_at IS NULL) OR came.camera <> gone.camera
                    OR came.group_key <> gone.group_key OR came.tags <> gone.tags),
            moved AS MATERIALIZED (
                SELECT 1 AS n, collection_id, moment, camera, group_key, tags FROM came
                    WHERE deleted_at IS NULL AND id IN (SELECT id FROM changed)
                UNION ALL SELECT -1, collection_id, moment, camera, group_key, tags FROM gone
                    WHERE deleted_at IS NULL AND id IN (SELECT id FROM changed))
            SELECT * FROM ({COUNTED.format(rows="moved")}) AS counted WHERE images <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER image_came AFTER INSERT ON retrieval_image
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_count_images();
CREATE TRIGGER image_gone AFTER DELETE ON retrieval_image
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_count_images();
CREATE TRIGGER image_changed AFTER UPDATE ON retrieval_image
    REFERENCING OLD TABLE AS gone NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_count_images();
"""
THERE = f"""
INSERT INTO retrieval_imagecount (collection_id, kind, name, images)
    WITH alive AS MATERIALIZED (SELECT 1 AS n, collection_id, moment, camera, group_key, tags FROM retrieval_image
        WHERE deleted_at IS NULL)
    {COUNTED.format(rows="alive")};
"""
NONE = """
DROP TRIGGER image_came ON retrieval_image;
DROP TRIGGER image_gone ON retrieval_image;
DROP TRIGGER image_changed ON retrieval_image;
DROP FUNCTION public.retrieval_count_images();
"""
KINDS = [("all", "All"), ("month", "Month"), ("tag", "Tag"), ("group", "Group"), ("camera", "Camera")]


def _fields(name: str) -> list[tuple[str, models.Field]]:
    collection = models.ForeignKey(
        "retrieval.collection",
        on_delete=django.db.models.deletion.CASCADE,
        related_name=name,
        db_constraint=False,
        db_index=False,
    )
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("collection", collection),
        ("kind", models.CharField(choices=KINDS, max_length=6)),
        ("name", models.CharField(blank=True, max_length=200)),
        ("images", models.BigIntegerField()),
    ]


class Migration(migrations.Migration):
    """Two tables: what was counted, and what changed since; from then on triggers write the second."""

    dependencies = [("retrieval", "0047_neighbourhoods")]

    operations = [
        migrations.CreateModel(
            name="ImageCount",
            fields=_fields("image_counts"),
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("collection", "kind", "name"), name="image_counted_once")
                ],
                "indexes": [
                    models.Index(fields=["collection", "kind", "-images", "name"], name="image_count_largest"),
                    models.Index(fields=["id"], condition=models.Q(images=0), name="image_count_empty"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImageCountChange",
            fields=_fields("+"),
            options={
                "indexes": [models.Index(fields=["collection", "kind", "name"], name="image_count_changed")],
            },
        ),
        migrations.RunSQL(TRIGGERS + THERE, reverse_sql=NONE),
    ]
