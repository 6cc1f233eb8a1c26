"""Brings database, static files, encoder and administrator into the state that this version needs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from retrieval import conf, live_encoders, weight_files
from retrieval.errors import InvalidInput, RetrievalError, Unavailable, WeightsError
from retrieval.ingest import folder_mark
from retrieval.models import Encoder, EncoderState
from retrieval.services.people import sign_in_link


class Command(BaseCommand):
    """``manage.py prepare``: what each start needs done once, before the programs run. Safe to repeat."""

    help = "Migrate the database, collect static files, make administrator and encoder on the first start."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--adopt-folder", action="store_true", help="take this data folder for the one with the originals"
        )

    def handle(self, *, verbosity: int, adopt_folder: bool = False, **_options: Any) -> None:
        """Do it all; raises CommandError when a check fails."""
        call_command("migrate", verbosity=verbosity, interactive=False, skip_checks=True)
        prepare_folder(adopt=adopt_folder)
        call_command("collect_static")
        prepare_admin()
        if Encoder.objects.active() is None:
            call_command("first_encoder")
        require_known_weights()
        choose_runtime()
        self.check(tags=["database", "retrieval", "security"], databases=["default"])


def prepare_folder(*, adopt: bool) -> None:
    """Mark the folder of the originals. Raises CommandError for one that is not the folder of this database."""
    try:
        folder_mark.settle(adopt=adopt)
    except Unavailable as error:
        way = "If it is that folder all the same, run `manage.py prepare --adopt-folder` once."
        raise CommandError(f"IMAGESEARCH_DATA_DIR: {error.message} {way}") from None


def prepare_admin() -> None:
    """Make the administrator on the first start. Raises CommandError for a password that nobody may have."""
    try:
        sign_in_link.prepare_admin(settings.ADMIN_PASSWORD)
    except InvalidInput as error:
        raise CommandError(f"IMAGESEARCH_ADMIN_PASSWORD cannot be used: {error.message}") from None


def require_known_weights() -> None:
    """Raise CommandError when the weights of the active encoder, or of the one wished for, are not the registered ones.

    A file that is missing stops no start: whatever needs no encoder goes on, and the worker waits for the file.
    """
    wish = conf.get().encoder
    for row in Encoder.objects.filter(Q(state=EncoderState.ACTIVE) | Q(name=wish)):
        try:
            weight_files.require(row.weights_name, sha256=row.weights_sha256)
        except WeightsError as error:
            if error.code == weight_files.ALTERED:
                which = f"{row.name} of IMAGESEARCH_ENCODER" if row.name == wish else f"The active encoder {row.name}"
                raise CommandError(f"{which} cannot be used: {error.message}") from None


def choose_runtime() -> None:
    """Find out by measurement what runs the active encoder best, where that is not known: here it happens in quiet.

    The programs then need the graph alone, and never load torch. An encoder that cannot be loaded stops no start: the
    worker waits for its file, and says so.
    """
    row = Encoder.objects.active()
    if row is None:
        return
    try:
        if not live_encoders.chosen(row):
            live_encoders.network(row)
    except RetrievalError as error:
        structlog.get_logger(__name__).warning("runtime_not_chosen", encoder=row.name, reason=error.message)
