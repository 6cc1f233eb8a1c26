"""Count how often a collection's vectors change, beside how many they are."""

from __future__ import annotations

import importlib

from django.db import migrations, models

# As the function was, but that it counts statements too: also those that write over vectors and leave their number.
COUNTS = """
CREATE OR REPLACE FUNCTION public.retrieval_count_embeddings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.retrieval_embeddingcount (collection_id, encoder_id, images, changes)
            SELECT collection_id, encoder_id, count(*), 1 FROM came
            WHERE collection_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (collection_id, encoder_id)
            DO UPDATE SET images = retrieval_embeddingcount.images + EXCLUDED.images,
                          changes = retrieval_embeddingcount.changes + 1;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE public.retrieval_embeddingcount c SET images = c.images - d.n, changes = c.changes + 1
            FROM (SELECT collection_id, encoder_id, count(*) AS n FROM gone
                  WHERE collection_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2) d
            WHERE c.collection_id = d.collection_id AND c.encoder_id = d.encoder_id;
    ELSE
        INSERT INTO public.retrieval_embeddingcount (collection_id, encoder_id, images, changes)
            SELECT collection_id, encoder_id, sum(n), 1 FROM (
                SELECT collection_id, encoder_id, 1 AS n FROM came
                UNION ALL SELECT collection_id, encoder_id, -1 FROM gone) moved
            WHERE collection_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (collection_id, encoder_id)
            DO UPDATE SET images = retrieval_embeddingcount.images + EXCLUDED.images,
                          changes = retrieval_embeddingcount.changes + 1;
    END IF;
    RETURN NULL;
END $$;
"""
BEFORE = importlib.import_module("retrieval.migrations.0003_counts_and_views").COUNTS
WITHOUT = BEFORE[: BEFORE.index("CREATE TRIGGER")].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    """One number more a collection and encoder, kept by the triggers that count."""

    dependencies = [("retrieval", "0021_local_features")]

    operations = [
        migrations.AddField(
            model_name="embeddingcount", name="changes", field=models.BigIntegerField(db_default=0, default=0)
        ),
        migrations.RunSQL(COUNTS, reverse_sql=WITHOUT),
    ]
