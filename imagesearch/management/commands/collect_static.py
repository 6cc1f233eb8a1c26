"""Gathers style sheets, scripts and icons, digested and compressed, where the web server finds them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from retrieval import whole_files

# What packages bring for pages that this project does not have: compressing it took seconds of each first start.
LEFT_OUT = ["redoc", "rest_framework"]


class Command(BaseCommand):
    """``manage.py collect_static``: part of ``prepare``, apart from it because an image is built without a database."""

    help = "Collect static files, unless just these have been collected."
    requires_system_checks: list[str] = []

    def handle(self, **_options: Any) -> None:
        """Collect; raises CommandError where that is needed and the folder cannot be written."""
        try:
            collect_static()
        except OSError as error:
            raise CommandError(
                f"IMAGESEARCH_STATIC_DIR names {settings.STATIC_ROOT}, which holds the static files of another version "
                f"or none, and cannot be written: {error.strerror}."
            ) from error


def collect_static() -> bool:
    """Collect, digest and compress the static files; not again while they are the same, as that takes seconds."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    stamp.unlink(missing_ok=True)  # until all is there, nothing is
    call_command("collectstatic", verbosity=0, interactive=False, skip_checks=True, ignore_patterns=LEFT_OUT)
    whole_files.write(stamp, wanted)
    return True


def _fingerprint() -> str:
    """A digest of the name and content of every file that would be collected, and of how it would be kept.

    Times have no part in it: the layers of an image round them.
    """
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list(LEFT_OUT):
            content = hashlib.sha256(Path(storage.path(name)).read_bytes()).hexdigest()
            digest.update(os.fsencode(f"{name}\0{content}\n"))
    return digest.hexdigest()
