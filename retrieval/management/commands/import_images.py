"""``import_images``: put a folder of pictures into a collection, with progress, and again and again if need be."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from retrieval import conf, tasks
from retrieval.errors import InvalidInput, RetrievalError, TooLarge
from retrieval.ingest import is_clutter, sandbox, store
from retrieval.management.bars import Bars
from retrieval.models import Collection, Role
from retrieval.models.bounds import PATH_LENGTH
from retrieval.services.images import collections, imports, tables
from retrieval.services.images.image_fields import ImageChanges
from retrieval.services.images.imports import Outcome, Source
from retrieval.services.people import rights
from retrieval.work import messages

REASONS_SHOWN = 20


@dataclass
class Summary:
    """What became of the files so far."""

    new: int = 0
    known: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one file."""
        if outcome.error:
            self.reasons[outcome.error.message] += 1
            self.refused.append(outcome)
        elif outcome.created:
            self.new += 1
        else:
            self.known += 1


@dataclass(frozen=True)
class _Sources:
    """Files of a folder that are read one by one, and what is said of each.

    ``tagged``: by the folders that it is in, the outermost first. ``grouped``: the files of a folder belong together.
    ``texts`` are a table's, by paths in the folder, and come before that.
    """

    folder: Path
    paths: list[Path]
    tagged: bool
    grouped: bool
    texts: tables.Texts

    def __iter__(self) -> Iterator[Source]:
        for path in self.paths:
            yield _source(path, texts=self.said_of(path))

    def said_of(self, path: Path) -> ImageChanges:
        """What a new picture of this file gets."""
        inside = path.relative_to(self.folder)
        said = self.texts.get(tables.path_of(inside.as_posix()), ImageChanges())
        said = replace(said, path=inside.as_posix()[:PATH_LENGTH].encode(errors="replace").decode())
        if self.tagged:
            said = replace(said, tags=(*inside.parts[:-1], *(said.tags or ())))
        if self.grouped and said.group_key is None and inside.parts[:-1]:
            said = replace(said, group_key=inside.parent.as_posix())
        return said


class Command(BaseCommand):
    """Reads the folder and everything below it. Files that the collection has already are skipped."""

    help = "Put all pictures of a folder, and of the folders in it, into a collection."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--collection", required=True, help="name of the collection; it is made when there is none")
        parser.add_argument("--user", help="who puts them in; needed when there are several administrators")
        parser.add_argument(
            "--tag-by-folder", action="store_true", help="tag each picture with the names of the folders it is in"
        )
        parser.add_argument(
            "--group-by-folder",
            action="store_true",
            help="the pictures of a folder below DIR belong together (group_key)",
        )
        parser.add_argument(
            "--table",
            type=Path,
            metavar="CSV",
            help="what is said of the files: file_name and title, tags, group_key, ...",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and print a summary with reasons; Ctrl-C keeps what was done."""
        sources = _sources(options)
        place = _place(_text("--collection", options["collection"]), username=_text("--user", options["user"] or ""))
        summary, began = Summary(), time.monotonic()
        try:
            self._import(sources, place=place, summary=summary)
        except RetrievalError as error:
            self._print(summary, seconds=time.monotonic() - began)
            raise CommandError(f"Stopped: {error.message} The same command goes on from here.") from error
        except KeyboardInterrupt as error:
            self._print(summary, seconds=time.monotonic() - began)
            raise CommandError("Stopped. The same command goes on from here.", returncode=130) from error
        messages.wait_until_sent()
        self._print(summary, seconds=time.monotonic() - began)

    def _import(self, sources: _Sources, *, place: store.Place, summary: Summary) -> None:
        with Bars(unit=" pictures") as bars:
            for batch in imports.batches(sources, place=place):
                outcomes = imports.finish(batch, place=place)
                for outcome in outcomes:
                    summary.add(outcome)
                counts = {"new": summary.new, "known": summary.known, "refused": len(summary.refused)}
                bars("", sum(counts.values()), len(sources.paths), **counts)
                tasks.wake_for("images")

    def _print(self, summary: Summary, *, seconds: float) -> None:
        rate = (summary.new + summary.known + len(summary.refused)) / max(seconds, 1e-9)
        self.stdout.write(
            f"{summary.new} new, {summary.known} known already, {len(summary.refused)} refused; "
            f"{seconds:.1f} s, {rate:.1f} files/s"
        )
        for reason, count in summary.reasons.most_common():
            self.stdout.write(f"  {count} x {reason}")
        for outcome in summary.refused[:REASONS_SHOWN]:
            self.stdout.write(f"    {_printable(outcome.name)}: {outcome.error}")
        if len(summary.refused) > REASONS_SHOWN:
            self.stdout.write(f"    ... and {len(summary.refused) - REASONS_SHOWN} more")


def _sources(options: dict[str, Any]) -> _Sources:
    """The files, and what the options say of them. Raises CommandError for a table that does not fit them."""
    folder, table = options["folder"], options["table"]
    paths = _paths(folder)
    try:
        texts = tables.read(table.read_bytes()) if table else {}
        tables.require_files(texts, (path.relative_to(folder).as_posix() for path in paths))
    except OSError as error:
        raise CommandError(f"--table {table}: {error.strerror}.") from error
    except InvalidInput as error:
        raise CommandError(f"--table {table}: {error.message}") from error
    return _Sources(folder, paths, options["tag_by_folder"], options["group_by_folder"], texts)


def _printable(name: str) -> str:
    """A file's name with its bytes that are no UTF-8 spelt out, as no terminal takes them."""
    return name.encode(errors="backslashreplace").decode()


def _text(option: str, value: str) -> str:
    """The option's value without blanks around it; bytes that are no UTF-8 are no name of anything in the database."""
    if _printable(value) != value:
        raise CommandError(f"{option} {_printable(value)} is no text in UTF-8.")
    return value.strip()


def _place(name: str, *, username: str) -> store.Place:
    """Find who imports, and the collection: one in which that person may add pictures, or a new one."""
    people = get_user_model().objects.filter(is_active=True)
    found = people.filter(username=username) if username else people.filter(is_superuser=True)
    if len(found) != 1:
        raise CommandError("Say with --user NAME who puts the pictures in." if not username else f"No user {username}.")
    user = found[0]
    named = [
        row
        for row in Collection.objects.visible_to(user).filter(name=name)
        if rights.has_role(row, user, Role.CONTRIBUTOR)
    ]
    if len(named) > 1:
        raise CommandError(f"{user} may add to several collections named {name!r}; rename one.")
    try:
        return store.Place(
            named[0] if named else collections.create(owner=user, name=name), user, imports.PRIORITY_BULK
        )
    except InvalidInput as error:
        raise CommandError(f"--collection {name!r}: {error.message}") from error


def _paths(folder: Path) -> list[Path]:
    """All files below the folder, in order, without what is hidden or left by systems; links to folders stay unread."""
    if not folder.is_dir():
        raise CommandError(f"{folder} is no folder.")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if not is_clutter(path.relative_to(folder).parts)]


def _source(path: Path, *, texts: ImageChanges) -> Source:
    """Read one file; one that is too large or cannot be read is refused without its bytes."""
    most = conf.get().limits.image_bytes
    try:
        if path.stat().st_size > most:
            with path.open("rb") as file:
                most = sandbox.most_bytes(file.read(most))
        if path.stat().st_size > most:
            error = TooLarge(f"The file has more than {most // 2**20} MB.", code="image_too_large")
            return Source(str(path), error=error)
        return Source(str(path), path.read_bytes(), texts=texts)
    except OSError as failure:
        return Source(str(path), error=RetrievalError(f"Cannot be read: {failure.strerror}.", code="unreadable_file"))
