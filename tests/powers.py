"""What only the operator of the database may do, for tests that break what the site cannot break itself."""

from __future__ import annotations

from django.db import connection

# In every test database, as they are copies of the template in which conftest makes it.
FUNCTION = """
CREATE OR REPLACE FUNCTION pg_catalog.as_operator(statement text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE statement; END'
"""


# What Django's flush does by TRUNCATE, which makes 500 files anew for 60 tables, and by making all permissions again.
# Neither triggers nor references act: each table is emptied.
EMPTY = """DO $$
DECLARE emptied regclass;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR emptied IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission') LOOP
        EXECUTE format('DELETE FROM %s', emptied);
    END LOOP;
END $$"""


def empty(_test: object = None) -> None:
    """Take all rows out of the database but those that migrating has made."""
    as_operator(EMPTY)


def as_operator(statement: str) -> None:
    """Run a statement with a superuser's rights."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.as_operator(%s)", [statement])
