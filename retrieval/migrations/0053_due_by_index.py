"""Pictures know whether they have local features and read words, so that what is due is found by index."""

from __future__ import annotations

from django.db import migrations, models

HAS = """
CREATE FUNCTION public.retrieval_image_has() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'retrieval_imagefeatures' THEN
        UPDATE public.retrieval_image SET has_features = TG_OP <> 'DELETE'
            WHERE id IN (SELECT image_id FROM changed) AND has_features = (TG_OP = 'DELETE');
    ELSE
        UPDATE public.retrieval_image SET has_text = TG_OP <> 'DELETE'
            WHERE id IN (SELECT image_id FROM changed) AND has_text = (TG_OP = 'DELETE');
    END IF;
    RETURN NULL;
END $$;
"""
TABLES = {"features": "retrieval_imagefeatures", "text": "retrieval_imagetext"}
ACTS = {"put": "INSERT", "again": "UPDATE", "gone": "DELETE"}
TRIGGERS = "".join(
    f"""
CREATE TRIGGER {what}_{name} AFTER {act} ON public.{table}
    REFERENCING {"OLD" if act == "DELETE" else "NEW"} TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_image_has();"""
    for what, table in TABLES.items()
    for name, act in ACTS.items()
)
THERE = """
UPDATE public.retrieval_image SET has_features = true
    WHERE EXISTS (SELECT 1 FROM public.retrieval_imagefeatures WHERE image_id = id);
UPDATE public.retrieval_image SET has_text = true
    WHERE EXISTS (SELECT 1 FROM public.retrieval_imagetext WHERE image_id = id);
"""
NONE = (
    "".join(f"DROP TRIGGER {what}_{name} ON public.{table};" for what, table in TABLES.items() for name in ACTS)
    + "DROP FUNCTION public.retrieval_image_has();"
)
ALIVE = models.Q(deleted_at=None)


class Migration(migrations.Migration):
    """Columns, what keeps them true, and their indexes."""

    dependencies = [("retrieval", "0052_sharpened_watches")]

    operations = [
        migrations.AddField(
            "image", "has_features", models.BooleanField(default=False, db_default=False, editable=False)
        ),
        migrations.AddField("image", "has_text", models.BooleanField(default=False, db_default=False, editable=False)),
        migrations.RunSQL(HAS + TRIGGERS + THERE, reverse_sql=NONE),
        migrations.AddIndex(
            "image",
            models.Index(
                fields=["collection", "id"], condition=ALIVE & models.Q(has_features=False), name="image_features_due"
            ),
        ),
        migrations.AddIndex(
            "image",
            models.Index(
                fields=["collection", "id"], condition=ALIVE & models.Q(has_text=False), name="image_text_due"
            ),
        ),
    ]
