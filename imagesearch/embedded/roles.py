"""The two roles of the embedded database: the operator, whom the supervisor alone uses, and the site, no superuser."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

import psycopg
from psycopg import sql

# The cluster's first role. PostgreSQL lets it neither lose its powers nor rename itself, so clusters that were made
# before there were two roles keep it under this name, and new ones are made alike.
OPERATOR = "imagesearch"
SITE = "site"
ROUNDS = 4096
SALT_BYTES = 16

# What the operator owns in a database although the site should: everything that is no part of PostgreSQL or of an
# extension. A sequence that belongs to a column follows its table.
FOREIGN = """
WITH owned(class, id, owner, namespace) AS (
    SELECT 'pg_class'::regclass, oid, relowner, relnamespace FROM pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid
            AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
    UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid, typowner, typnamespace FROM pg_type
        WHERE typtype IN ('d', 'e', 'r') OR typtype = 'c' AND EXISTS (
            SELECT FROM pg_class c WHERE c.oid = typrelid AND c.relkind = 'c')
    UNION ALL SELECT 'pg_collation'::regclass, oid, collowner, collnamespace FROM pg_collation
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner, cfgnamespace FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner, dictnamespace FROM pg_ts_dict
    UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, oid FROM pg_namespace
)
SELECT i.type, i.identity FROM owned o
JOIN pg_namespace n ON n.oid = o.namespace
CROSS JOIN LATERAL pg_identify_object(o.class, o.id, 0) i
WHERE o.owner = 10 AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'e')
"""


def line(role: str) -> str:
    """A new password for the role, as a line of a file that libpq reads (``passfile``)."""
    return f"*:*:*:{role}:{secrets.token_urlsafe(32)}"


def password(passfile: Path) -> str:
    """The password in a file that holds one ``line``."""
    return passfile.read_text().strip().rpartition(":")[2]


def verifier(secret: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): whoever reads it, in a log or a dump, cannot sign in with it."""
    salt = secrets.token_bytes(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return f"SCRAM-SHA-256${ROUNDS}:{_text(salt)}${_text(stored)}:{_text(hmac.digest(salted, b'Server Key', 'sha256'))}"


def make_site(connection: psycopg.Connection, *, secret: str) -> None:
    """Have the site's role, with this password and without any power over the server."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [SITE]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(SITE)))
    words = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}")
    connection.execute(words.format(sql.Identifier(SITE), sql.Literal(verifier(secret))))


def hand_over(connection: psycopg.Connection) -> int:
    """Give the site what the operator owns in this database, all or nothing; return how many things that were."""
    with connection.transaction():
        found = connection.execute(FOREIGN).fetchall()
        for kind, identity in found:
            word = {"statistics object": "statistics", "composite type": "type"}.get(kind, kind)
            # Both words come from PostgreSQL, which quotes the names in them.
            connection.execute(f"ALTER {word} {identity} OWNER TO {SITE}")
    return len(found)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
