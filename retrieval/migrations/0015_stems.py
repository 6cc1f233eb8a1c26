"""Words are kept with their English stems, so that singulars and plurals find one another."""

from __future__ import annotations

from django.db import migrations

PLAIN = """
    pg_catalog.setweight(pg_catalog.to_tsvector('pg_catalog.simple'::regconfig, coalesce(title, '')), 'A')
    || pg_catalog.setweight(
           pg_catalog.to_tsvector('pg_catalog.simple'::regconfig,
                                  coalesce(pg_catalog.array_to_string(tags, ' '), '')), 'B')
    || pg_catalog.setweight(pg_catalog.to_tsvector('pg_catalog.simple'::regconfig, coalesce(caption, '')), 'C')
"""
# Stripped: without places, so that no phrase is found across the two, and without a class, so that the words
# themselves count for more than their stems.
STEMS = """
    || pg_catalog.strip(pg_catalog.to_tsvector('pg_catalog.english'::regconfig,
           coalesce(title, '') || ' ' || coalesce(pg_catalog.array_to_string(tags, ' '), '') || ' '
           || coalesce(caption, '')))
"""
FUNCTION = """
CREATE OR REPLACE FUNCTION public.retrieval_words(title text, caption text, tags text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {};
"""
# What is generated is computed again when what it is made of is written.
AGAIN = "UPDATE public.retrieval_image SET title = title;"


class Migration(migrations.Migration):
    """Write every picture's words again; other writers wait meanwhile."""

    dependencies = [("retrieval", "0014_integrity")]

    operations = [
        migrations.RunSQL(FUNCTION.format(PLAIN + STEMS) + AGAIN, reverse_sql=FUNCTION.format(PLAIN) + AGAIN),
    ]
