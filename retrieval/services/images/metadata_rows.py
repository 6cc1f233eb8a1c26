"""The statements of an import of metadata: one each for all rows, however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from retrieval.models import BulkAct
from retrieval.services.images.metadata_table import Row

# The table lives as long as the transaction; a second import in the same one, as in tests, begins anew.
MAKE = """
DROP TABLE IF EXISTS pg_temp.metadata_row;
CREATE TEMPORARY TABLE metadata_row (
    n integer NOT NULL, id uuid, sha256 text NOT NULL, name text NOT NULL, title text NOT NULL, said jsonb NOT NULL,
    image uuid, found bigint NOT NULL DEFAULT 0, place integer NOT NULL DEFAULT 0
) ON COMMIT DROP
"""
FILL = "COPY pg_temp.metadata_row (n, id, sha256, name, title, said) FROM STDIN"
# By the first of id, digest and name that a row gives. A name is a whole path before it is the end of one, and the
# title that a file of this name got where no path is kept.
FIND = """
WITH wanted AS MATERIALIZED (
    SELECT n, level, key FROM pg_temp.metadata_row r, LATERAL (VALUES
        (1, r.id::text, r.id IS NOT NULL),
        (2, r.sha256, r.id IS NULL AND r.sha256 <> ''),
        (3, r.name, r.id IS NULL AND r.sha256 = '' AND r.name <> ''),
        (4, r.name, r.id IS NULL AND r.sha256 = '' AND r.name <> ''),
        (5, r.title, r.id IS NULL AND r.sha256 = '' AND r.title <> '')) v(level, key, given)
    WHERE given
), here AS MATERIALIZED (
    SELECT id, sha256, replace(path, '\\', '/') AS path, title FROM retrieval_image
    WHERE collection_id = %(collection)s AND deleted_at IS NULL
), named AS (
    SELECT 1 AS level, id::text AS key, id FROM here
    UNION ALL SELECT 2, sha256, id FROM here
    UNION ALL SELECT 3, path, id FROM here
    UNION ALL SELECT 4, substring(path FROM '[^/]*$'), id FROM here WHERE position('/' IN path) > 0
    UNION ALL SELECT 5, title, id FROM here WHERE path = ''
), counted AS (
    SELECT level, key, count(*) AS found, (array_agg(id))[1] AS image
    FROM named JOIN (SELECT DISTINCT level, key FROM wanted) w USING (level, key) GROUP BY level, key
), best AS (
    SELECT DISTINCT ON (n) n, found, image FROM wanted JOIN counted USING (level, key) ORDER BY n, level
)
UPDATE pg_temp.metadata_row r SET found = best.found, image = CASE WHEN best.found = 1 THEN best.image END
FROM best WHERE best.n = r.n
"""
NUMBER = """
UPDATE pg_temp.metadata_row r SET place = numbered.place
FROM (SELECT n, row_number() OVER (PARTITION BY image ORDER BY n) AS place
      FROM pg_temp.metadata_row WHERE image IS NOT NULL) numbered
WHERE numbered.n = r.n
"""
# The row type tells how each column is read from JSON; what a row does not say stays as it is.
DIFFERING = """
SELECT i.id, i.collection_id, jsonb_build_object({before}) AS before
FROM pg_temp.metadata_row r JOIN retrieval_image i ON i.id = r.image, LATERAL jsonb_populate_record(i, r.said) new
WHERE r.place = 1 AND i.collection_id = %(collection)s AND i.deleted_at IS NULL
AND ROW({new}) IS DISTINCT FROM ROW({old})
"""
TAKE = """
INSERT INTO retrieval_bulkimage (act_id, image_id, collection, before, refused)
SELECT %(act)s, c.id, c.collection_id, c.before, '' FROM ({} ORDER BY i.id FOR NO KEY UPDATE OF i) c
"""
WRITE = """
UPDATE retrieval_image i SET updated_at = %(at)s, ({columns}) = ROW({new})
FROM retrieval_bulkimage b JOIN pg_temp.metadata_row r ON r.image = b.image_id AND r.place = 1
JOIN retrieval_image old ON old.id = r.image, LATERAL jsonb_populate_record(old, r.said) new
WHERE b.act_id = %(act)s AND i.id = b.image_id
"""
COUNT = """
SELECT count(*) FILTER (WHERE found = 0), count(*) FILTER (WHERE found > 1), count(*) FILTER (WHERE place > 1),
    count(*) FILTER (WHERE place = 1)
FROM pg_temp.metadata_row
"""
NAMED = """
SELECT n, coalesce(id::text, nullif(sha256, ''), name), found FROM pg_temp.metadata_row WHERE {} ORDER BY n LIMIT %s
"""


@dataclass(frozen=True)
class Named:
    """A row, what it names its picture by, and how many pictures that is."""

    row: int
    name: str
    found: int


@dataclass(frozen=True)
class Counts:
    """How many rows name no picture, several, one that a row before names, and one."""

    unknown: int
    ambiguous: int
    repeated: int
    matched: int


def fill(rows: Iterable[Row]) -> None:
    """Put rows aside, one at a time."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE)
        with cursor.copy(FILL) as copy:
            for row in rows:
                said = json.dumps(row.columns, default=datetime.isoformat, ensure_ascii=False)
                copy.write_row((row.n, row.id, row.sha256, row.name, row.title, said))
        cursor.execute("ANALYZE pg_temp.metadata_row")


def match(collection: UUID) -> Counts:
    """Find the picture of each row in a collection."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"collection": collection})
        cursor.execute(NUMBER)
        cursor.execute(COUNT)
        return Counts(*cursor.fetchone())


def unknown(most: int) -> list[Named]:
    """Return the first rows that name no picture."""
    return _named("found = 0", most)


def ambiguous(most: int) -> list[Named]:
    """Return the first rows that name several pictures."""
    return _named("found > 1", most)


def repeated(most: int) -> list[Named]:
    """Return the first rows whose picture a row before names."""
    return _named("place > 1", most)


def differing(collection: UUID, *, columns: Sequence[str]) -> int:
    """Count the pictures of which something else is said than what they have in these columns."""
    if not columns:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({_differing(columns)}) c", {"collection": collection})
        return int(cursor.fetchone()[0])


def take(act: BulkAct, collection: UUID) -> int:
    """Lock those pictures in the order of their ids and write down what is before; return how many."""
    if not act.columns:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(TAKE.format(_differing(act.columns)), {"act": act.pk, "collection": collection})
        return int(cursor.rowcount)


def write(act: BulkAct) -> None:
    """Write what is said of the pictures of an act."""
    columns = _quoted(act.columns)
    new = ", ".join(f"new.{name}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(WRITE.format(columns=", ".join(columns), new=new), {"act": act.pk, "at": act.at})


def _differing(columns: Sequence[str]) -> str:
    names = _quoted(columns)
    old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("i", "new"))
    before = ", ".join(f"'{bare}', i.{name}" for bare, name in zip(columns, names, strict=True))
    return DIFFERING.format(before=before, new=new, old=old)


def _quoted(columns: Sequence[str]) -> list[str]:
    return [connection.ops.quote_name(name) for name in columns]


def _named(where: str, most: int) -> list[Named]:
    with connection.cursor() as cursor:
        cursor.execute(NAMED.format(where), [most])
        return [Named(*row) for row in cursor.fetchall()]
