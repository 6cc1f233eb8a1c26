"""A row of keys for every picture as soon as it is there, so that those whose copies were not looked for are few rows."""

from __future__ import annotations

from django.db import migrations, models

COLUMNS = "INSERT INTO public.retrieval_copykeys (image_id, prints, corners, with_details)"
TRIGGER = f"""
CREATE FUNCTION public.retrieval_copies_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {COLUMNS} SELECT id, '{{}}', '{{}}', false FROM came ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER image_due AFTER INSERT ON retrieval_image
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_copies_due();
"""
THERE = f"{COLUMNS} SELECT id, '{{}}', '{{}}', false FROM retrieval_image ON CONFLICT DO NOTHING;"
NONE = """
DROP TRIGGER image_due ON retrieval_image;
DROP FUNCTION public.retrieval_copies_due();
"""


class Migration(migrations.Migration):
    """A trigger, rows for what is there, and an index of those that are due."""

    dependencies = [("retrieval", "0049_indexes_of_the_living")]

    operations = [
        migrations.AddIndex(
            model_name="copykeys",
            index=models.Index(fields=["image"], condition=models.Q(looked_at=None), name="copies_due"),
        ),
        migrations.RunSQL(TRIGGER + THERE, reverse_sql=NONE),
    ]
