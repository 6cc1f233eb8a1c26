"""manage.py audit: is everything where it must be; exit status 0 means yes."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from retrieval.management.bars import Bars
from retrieval.services.operations import audit
from retrieval.services.operations.findings import MENDS, REPAIR, Finding

SHOWN = 5


class Command(BaseCommand):
    """Check the invariants, one line each, and repair what is safe to repair when asked to."""

    help = "Check that no picture, vector, file or counter is lost or wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--strict", action="store_true", help="exit with status 1 when anything is found")
        parser.add_argument("--repair", action="store_true", help="do what is safe, then check again")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_: Any, **options: Any) -> None:
        self.quiet = options["json"]
        found = self._check()
        done = audit.repair(found) if options["repair"] and found else []
        if done:
            self._say("\n".join(["Repaired:", *(f"  {line}" for line in done), ""]))
            found = self._check()
        if self.quiet:
            told = [{**asdict(one), "mend": one.mend} for one in found]
            self.stdout.write(json.dumps({"findings": told, "repaired": done}, indent=1))
        if options["strict"] and found:
            sys.exit(1)

    def _check(self) -> list[Finding]:
        with Bars(quiet=not sys.stderr.isatty(), leave=False) as progress:  # else its own lines tell
            everything = [one for check in audit.checks(progress=progress) for one in self._run(check)]
        self._say("Nothing is wrong." if not everything else f"{len(everything)} findings.")
        return everything

    def _run(self, check: audit.Check) -> list[Finding]:
        title = f"{check.invariant}. {check.name} ... "
        if not sys.stderr.isatty():  # else a bar would be drawn over it
            self._say(title, ending="")
            title = ""
        found = list(check.run())
        self._say(title + ("ok" if not found else f"{len(found)} found"))
        for code, count in Counter(one.code for one in found).items():
            self._say(f"     {code}: {count}  (mend: {MENDS.get(code, REPAIR)})")
        for one in found[:SHOWN]:
            self._say(f"       {one.subject}: {one.message}")
        return found

    def _say(self, text: str, *, ending: str = "\n") -> None:
        if not self.quiet:
            self.stdout.write(text, ending=ending)
            self.stdout.flush()
