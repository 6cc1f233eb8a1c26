"""The vector extension and the function that turns a picture's texts into searchable words."""

from __future__ import annotations

from django.db import migrations
from pgvector.django import VectorExtension

# array_to_string is only STABLE because it takes any type; over text[] it is constant, so the label holds.
# Names are qualified because index and generated-column expressions run with a restricted search_path.
WORDS = """
CREATE FUNCTION public.retrieval_words(title text, caption text, tags text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    pg_catalog.setweight(pg_catalog.to_tsvector('pg_catalog.simple'::regconfig, coalesce(title, '')), 'A')
    || pg_catalog.setweight(
           pg_catalog.to_tsvector('pg_catalog.simple'::regconfig,
                                  coalesce(pg_catalog.array_to_string(tags, ' '), '')), 'B')
    || pg_catalog.setweight(pg_catalog.to_tsvector('pg_catalog.simple'::regconfig, coalesce(caption, '')), 'C');
"""


class Migration(migrations.Migration):
    """First of all: what the tables need."""

    initial = True

    dependencies: list[tuple[str, str]] = []

    operations = [
        VectorExtension(),
        migrations.RunSQL(
            WORDS, reverse_sql="DROP FUNCTION public.retrieval_words(text, text, text[]);"
        ),
    ]
