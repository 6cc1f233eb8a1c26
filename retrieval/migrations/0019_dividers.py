"""Words are kept composed (NFC), and dots, hyphens, underscores and slashes divide them, whatever stands beside."""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

before = import_module("retrieval.migrations.0015_stems")

# Joiners (U+200C, U+200D) are no part of what is searched for: they are deleted.
TEXTS = ("title", "caption", "pg_catalog.array_to_string(tags, ' ')")
DIVIDED = "pg_catalog.translate(pg_catalog.normalize({}, 'NFC'), U&'./\\\\-_\\200C\\200D', '     ')"
COMPOSED = """
UPDATE public.retrieval_image SET
    title = pg_catalog.normalize(title, 'NFC'),
    caption = pg_catalog.normalize(caption, 'NFC'),
    tags = ARRAY(SELECT word FROM (
        SELECT pg_catalog.normalize(tag, 'NFC') AS word, min(place) AS place
        FROM pg_catalog.unnest(tags) WITH ORDINALITY AS given (tag, place) GROUP BY 1
    ) AS words ORDER BY place);
"""


def divided(body: str) -> str:
    """The function's text with each of a picture's texts divided into words."""
    for text in TEXTS:
        body = body.replace(f"coalesce({text}, '')", DIVIDED.format(f"coalesce({text}, '')"))
    return body


class Migration(migrations.Migration):
    """Write every picture's words again; other writers wait meanwhile."""

    dependencies = [("retrieval", "0018_long_jobs")]

    operations = [
        migrations.RunSQL(
            before.FUNCTION.format(divided(before.PLAIN + before.STEMS)) + COMPOSED,
            reverse_sql=before.FUNCTION.format(before.PLAIN + before.STEMS) + before.AGAIN,
        ),
    ]
