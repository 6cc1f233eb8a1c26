"""Proves that a receipt is as this site signed it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.services.searching import receipts


class Command(BaseCommand):
    """``manage.py verify_receipt FILE``: needs the site's secret, and no database."""

    help = "Prove that a receipt (its JSON file) is unaltered."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file."""
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, **options: Any) -> None:
        """Say so, or end with an error."""
        try:
            found = json.loads(options["file"].read_text(encoding="utf-8"))
            document, signed = found["document"], found["signature"]
            unaltered = receipts.is_unaltered(document, str(signed))
            told = f"{document['person']}, {document['at']}, {len(document['hits'])} hits, {receipts.digest(document)}"
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"This is no receipt: {error}") from error
        if not unaltered:
            raise CommandError("Altered, or signed by another site or with another secret.")
        self.stdout.write(f"Unaltered: {told}")
