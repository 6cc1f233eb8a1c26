"""Rows as of a site that was used for long, made by the database: pictures with facts, work, copies, trail."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

# Ten years, twenty cameras, fifty tags, groups of five: as uneven as a real library's. The first %(count)s are alive, a
# tenth more is in the trash.
PICTURES = """
INSERT INTO retrieval_image (id, collection_id, uploader_id, title, caption, tags, group_key, source_url, metadata,
    width, height, format, bytes, sha256, placeholder, created_at, updated_at, taken_at, camera, path, rating,
    deleted_at)
SELECT gen_random_uuid(), %(collection)s, %(owner)s, 'Picture ' || n, '',
    ARRAY['tag ' || floor(50 * random() ^ 2)::int, 'label ' || floor(50 * random() ^ 2)::int],
    'group ' || n / 5, '', '{}', 1200, 800, 'JPEG', 100000, md5(n::text) || md5(%(collection)s::text || n), '',
    now() - n * interval '20 seconds', now(), timestamptz '2016-01-01' + random() * interval '3652 days',
    'Camera ' || floor(20 * random() ^ 2)::int, 'folder/' || n || '.jpg', n %% 6,
    CASE WHEN n > %(count)s THEN now() - random() * interval '20 days' END
FROM generate_series(1, %(count)s + %(count)s / 10) AS n
"""
DIGESTS = """
INSERT INTO retrieval_imagedigest (collection_id, sha256, image_id)
SELECT collection_id, sha256, id FROM retrieval_image WHERE collection_id = %(collection)s AND deleted_at IS NULL
"""
VECTORS = """
INSERT INTO retrieval_embedding (image_id, encoder_id, collection_id, vector, length, centred_length, created_at)
SELECT id, %(encoder)s, CASE WHEN deleted_at IS NULL THEN collection_id END,
    l2_normalize(ARRAY(SELECT random() - 0.5 + 0 * width FROM generate_series(1, 64))::real[]::halfvec(64)), 1, 1,
    created_at
FROM retrieval_image WHERE collection_id = %(collection)s
"""
JOBS = """
INSERT INTO retrieval_embeddingjob (image_id, encoder_id, owner_id, state, priority, round, attempts, worker,
    next_attempt_at, error_code, error_text, created_at, finished_at)
SELECT id, %(encoder)s, uploader_id, 'done', 0, 1, 1, '', created_at, '', '', created_at, created_at
FROM retrieval_image WHERE collection_id = %(collection)s
"""
EVENTS = """
INSERT INTO retrieval_jobevent (image_id, encoder_id, lease_token, kind, round, attempt, worker, error_code, at)
SELECT id, %(encoder)s, gen_random_uuid(), kind, 1, 1, 'host', '', created_at
FROM retrieval_image, unnest(ARRAY['claimed', 'done']) AS kind WHERE collection_id = %(collection)s
"""
KEYS = """
INSERT INTO retrieval_copykeys (image_id, prints, corners, with_details, looked_at)
SELECT id, '{}', '{}', false, now() FROM retrieval_image WHERE collection_id = %(collection)s
ON CONFLICT (image_id) DO UPDATE SET looked_at = now()
"""
PAIRS = """
INSERT INTO retrieval_copypair (one_id, other_id, verdict, edit, outline, other_outline, matches, found_at)
SELECT id, next, 'same_image', '{}', '[]', '[]', 40, now()
FROM (SELECT id, lead(id) OVER (ORDER BY id) AS next, row_number() OVER (ORDER BY id) AS n FROM retrieval_image
      WHERE collection_id = %(collection)s AND deleted_at IS NULL) AS ordered
WHERE n %% 100 = 0 AND next IS NOT NULL
"""
TRAIL = """
INSERT INTO retrieval_auditevent (id, at, actor_id, address, action, kind, object_id, detail)
SELECT gen_random_uuid(), now() - n * interval '1 minute', %(owner)s, '', 'image.viewed', 'Image',
    %(collection)s::text, '{}'
FROM generate_series(1, %(count)s) AS n
"""
PEOPLE = """
INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
SELECT '!', false, 'person ' || n, '', '', '', false, true, now() FROM generate_series(1, %(count)s / 100) AS n
"""
USAGE = """
INSERT INTO retrieval_userusage (user_id, images, bytes)
SELECT uploader_id, count(*), sum(bytes) FROM retrieval_image GROUP BY 1 ON CONFLICT (user_id) DO NOTHING
"""
MARKED = """
INSERT INTO retrieval_favourite (user_id, image_id, created_at)
SELECT %(owner)s, id, now() FROM retrieval_image WHERE collection_id = %(collection)s AND rating = 5
"""
WATCH = """
WITH watch AS (
    INSERT INTO retrieval_watch (id, user_id, name, asked, active, gather, encoder_id, calibration, candidates, trouble,
        version, said, fitted_said, avoids, webhook, secret, mail, language, created_at)
    SELECT gen_random_uuid(), %(owner)s, 'Watched', '{}', false, interval '0', %(encoder)s, '', 0, '', 1, 0, 0, 0, '',
        '', '', '', now() RETURNING id)
INSERT INTO retrieval_alert (id, watch_id, image_id, score, threshold, encoder, calibration, fired_at, seen, verdict)
SELECT gen_random_uuid(), watch.id, image.id, 0.9, 0.8, 'bench', '', now() - random() * interval '9 days',
    random() < 0.9, ''
FROM watch, retrieval_image AS image WHERE collection_id = %(collection)s AND rating = 4
"""
# Beside the large one many small ones, ten pictures each.
OTHERS = """
WITH made AS (
    INSERT INTO retrieval_collection (id, name, description, visibility, owner_id, created_at, updated_at)
    SELECT gen_random_uuid(), 'Collection ' || n, '', 'private', %(owner)s, now(), now()
    FROM generate_series(1, %(count)s / 500) AS n RETURNING id)
INSERT INTO retrieval_image (id, collection_id, uploader_id, title, caption, tags, group_key, source_url, metadata,
    width, height, format, bytes, sha256, placeholder, created_at, updated_at)
SELECT gen_random_uuid(), made.id, %(owner)s, '', '', '{}', '', '', '{}', 1200, 800, 'JPEG', 100000,
    md5(made.id::text || n) || md5(n::text), '', now() - interval '2 years', now()
FROM made, generate_series(1, 10) AS n
"""
ALL = (
    PICTURES, DIGESTS, VECTORS, JOBS, EVENTS, KEYS, PAIRS, TRAIL, PEOPLE, USAGE, MARKED, WATCH, OTHERS,
)  # fmt: skip


def make(collection: UUID, *, owner: int, encoder: UUID, count: int, statements: tuple[str, ...] = ALL) -> None:
    """Make so many living pictures in a collection, a tenth more in the trash, and what follows from them."""
    values = {"collection": collection, "owner": owner, "encoder": encoder, "count": count}
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, {name: value for name, value in values.items() if f"%({name})s" in statement})
