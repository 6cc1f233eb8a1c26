"""Vectors kept in line, exact counts by trigger, an append-only job log, and the ledger's one-key view."""

from __future__ import annotations

from django.db import migrations

STORAGE = "ALTER TABLE retrieval_embedding ALTER COLUMN vector SET STORAGE PLAIN;"

# One function for three statement triggers; each passes the rows that left and the rows that came.
# The collections are visited in order, so that two writers wait for each other instead of locking up.
COUNTS = """
CREATE FUNCTION public.retrieval_count_embeddings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.retrieval_embeddingcount (collection_id, encoder_id, images)
            SELECT collection_id, encoder_id, count(*) FROM came
            WHERE collection_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (collection_id, encoder_id)
            DO UPDATE SET images = retrieval_embeddingcount.images + EXCLUDED.images;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE public.retrieval_embeddingcount c SET images = c.images - d.n
            FROM (SELECT collection_id, encoder_id, count(*) AS n FROM gone
                  WHERE collection_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2) d
            WHERE c.collection_id = d.collection_id AND c.encoder_id = d.encoder_id;
    ELSE
        INSERT INTO public.retrieval_embeddingcount (collection_id, encoder_id, images)
            SELECT collection_id, encoder_id, sum(n) FROM (
                SELECT collection_id, encoder_id, 1 AS n FROM came
                UNION ALL SELECT collection_id, encoder_id, -1 FROM gone) moved
            WHERE collection_id IS NOT NULL GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
        ON CONFLICT (collection_id, encoder_id)
            DO UPDATE SET images = retrieval_embeddingcount.images + EXCLUDED.images;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER embedding_came AFTER INSERT ON retrieval_embedding
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_count_embeddings();
CREATE TRIGGER embedding_gone AFTER DELETE ON retrieval_embedding
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_count_embeddings();
CREATE TRIGGER embedding_moved AFTER UPDATE ON retrieval_embedding
    REFERENCING OLD TABLE AS gone NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION public.retrieval_count_embeddings();
"""
NO_COUNTS = """
DROP TRIGGER embedding_came ON retrieval_embedding;
DROP TRIGGER embedding_gone ON retrieval_embedding;
DROP TRIGGER embedding_moved ON retrieval_embedding;
DROP FUNCTION public.retrieval_count_embeddings();
"""

APPEND_ONLY = """
CREATE FUNCTION public.retrieval_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END $$;
CREATE TRIGGER job_event_append_only BEFORE UPDATE ON retrieval_jobevent
    FOR EACH ROW EXECUTE FUNCTION public.retrieval_append_only();
CREATE TRIGGER audit_event_append_only BEFORE UPDATE ON retrieval_auditevent
    FOR EACH ROW EXECUTE FUNCTION public.retrieval_append_only();
"""
NO_APPEND_ONLY = """
DROP TRIGGER job_event_append_only ON retrieval_jobevent;
DROP TRIGGER audit_event_append_only ON retrieval_auditevent;
DROP FUNCTION public.retrieval_append_only();
"""

OVERVIEW = """
CREATE VIEW retrieval_joboverview AS
    SELECT image_id::text || ':' || encoder_id::text AS id, image_id, encoder_id, owner_id, state, priority, attempts,
           lease_until, next_attempt_at, error_code, error_text, created_at, finished_at
    FROM retrieval_embeddingjob;
"""


class Migration(migrations.Migration):
    """What the ORM cannot say."""

    dependencies = [("retrieval", "0002_tables")]

    operations = [
        migrations.RunSQL(STORAGE, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(COUNTS, reverse_sql=NO_COUNTS),
        migrations.RunSQL(APPEND_ONLY, reverse_sql=NO_APPEND_ONLY),
        migrations.RunSQL(OVERVIEW, reverse_sql="DROP VIEW retrieval_joboverview;"),
    ]
