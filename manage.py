#!/usr/bin/env python
"""Runs a management command, and the embedded servers while it needs them and nobody else runs them."""

from __future__ import annotations

import os
import signal
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagesearch.settings")

from imagesearch.embedded import lending, site
from imagesearch.embedded.process import StartError


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main() -> None:
    """Run the command named on the command line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not lending.needs_servers(sys.argv) or not (services := site.embedded_servers()):
        execute_from_command_line(sys.argv)
        return
    title = f"manage.py {sys.argv[1]}"
    try:
        with lending.lent(settings.DATA_DIR, services, title=title, say=_say):
            execute_from_command_line(sys.argv)
    except StartError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
