"""Brings database, static files, encoder and administrator into the state that this version needs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from retrieval.models import Encoder
from retrieval.services import first_link


class Command(BaseCommand):
    """``manage.py prepare``: what each start needs done once, before the programs run. Safe to repeat."""

    help = "Migrate the database, collect static files, make administrator and encoder on the first start."
    requires_system_checks: list[str] = []

    def handle(self, *, verbosity: int, **_options: Any) -> None:
        """Do it all; raises CommandError when a check fails."""
        call_command("migrate", verbosity=verbosity, interactive=False, skip_checks=True)
        collect_static()
        first_link.prepare_admin(settings.ADMIN_PASSWORD)
        if Encoder.objects.active() is None:
            call_command("first_encoder")
        self.check(tags=["database", "retrieval", "security"], databases=["default"])


def collect_static() -> bool:
    """Collect, digest and compress the static files; not again while they are the same, as that takes seconds."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    call_command("collectstatic", verbosity=0, interactive=False, skip_checks=True)
    stamp.write_text(wanted)
    return True


def _fingerprint() -> str:
    """A digest of the name, size and time of every file that would be collected, and of how it would be kept."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
