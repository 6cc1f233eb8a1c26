#!/usr/bin/env python
"""Runs a management command, and the embedded servers while it needs them and nobody else runs them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg.errors import InsufficientPrivilege, UndefinedColumn, UndefinedTable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagesearch.settings")

from imagesearch import external
from imagesearch.embedded import lending, site
from imagesearch.embedded.process import StartError

# A program outlives a database that is away, and so starts without it too; a check may be made far from it.
GOES_WITHOUT = frozenset({"check", "program"})


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main() -> None:
    """Run the command named on the command line; what the operator can mend ends in one sentence."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _run()
    except KeyboardInterrupt:
        _say("Interrupted.")
        sys.exit(128 + signal.SIGINT)
    except StartError as error:
        sys.exit(str(error))
    except OperationalError:
        external.require_database(patience=0)
        raise
    except MigrationSchemaMissing as error:
        sys.exit(f"The database user lacks a right. {str(error).splitlines()[0]}; see docs/install.md.")
    except ProgrammingError as error:
        if isinstance(error.__cause__, InsufficientPrivilege):
            sys.exit(f"The database user lacks a right: {error.__cause__.diag.message_primary}; see docs/install.md.")
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        sys.exit("The database is not ready for this version; start the site once, or run manage.py prepare.")


def _run() -> None:
    if sys.argv[1:2] == ["up"]:
        # Numpy comes with Django's apps; its programs are forked with the threads that it was loaded for.
        os.environ.update(site.THREADS)
    if lending.needs_servers(sys.argv) and sys.argv[1] not in GOES_WITHOUT:
        external.require_database()
    if not lending.needs_servers(sys.argv) or not (services := site.embedded_servers()):
        execute_from_command_line(sys.argv)
        return
    with lending.lent(settings.DATA_DIR, services, title=f"manage.py {sys.argv[1]}", say=_say), _closed_at_the_end():
        execute_from_command_line(sys.argv)


@contextlib.contextmanager
def _closed_at_the_end() -> Iterator[None]:
    """Leave no pool behind: its threads would call the servers, and complain, while those stop."""
    try:
        yield
    finally:
        connection.close()
        if settings.DATABASE_POOL:
            connection.close_pool()


if __name__ == "__main__":
    main()
