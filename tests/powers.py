"""What only the operator of the database may do, for tests that break what the site cannot break itself."""

from __future__ import annotations

from django.db import connection

# In every test database, as they are copies of the template in which conftest makes it.
FUNCTION = """
CREATE OR REPLACE FUNCTION pg_catalog.as_operator(statement text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE statement; END'
"""


def as_operator(statement: str) -> None:
    """Run a statement with a superuser's rights."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.as_operator(%s)", [statement])
