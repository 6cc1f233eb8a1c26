"""What one kind of long work gives to the engine, and what its work is given: a writer of its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils import timezone

from retrieval import conf
from retrieval.errors import RetrievalError
from retrieval.models import LongJob, LongJobState

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

Row = TypeVar("Row", bound=LongJob)
Settle = Callable[[], Mapping[str, Any]]
"""What is done in the commit that ends the work; it returns the row's last fields."""

TELL_EVERY = 1.0  # seconds between notes of how far it is
ASK_EVERY = 10.0  # seconds between looks at whether its person still may have it done


class StoppedError(Exception):
    """Somebody wants it to stop, the row was given back or lost to another attempt, or it is gone."""


def nothing(_row: Any) -> Any:
    """Return nothing: no files, no question."""
    return ()


@dataclass(frozen=True)
class Kind(Generic[Row]):
    """One kind of long work.

    ``do`` works on a claimed row; it returns what settles it, or None when its turn is over and more is left.
    ``require`` raises when the person may not have it done any more, ``seen_by`` gives the rows that one may follow,
    ``again`` raises what stands in the way of beginning it once more. ``passing`` are the errors that only cost time.
    A row's files lie under its id in ``folder`` of the data folder as long as its state is one that ``keeps`` them;
    ``files`` names others that go with it. One at a time is worked on, or one ``of_each_person``. An attempt takes
    ``most`` at most; a worker elsewhere that was ``silent`` for so long has lost its row.
    """

    name: str
    do: Callable[[Row, ProgressWriter[Row]], Settle | None]
    model: type[Row]
    require: Callable[[Row, Viewer], None]
    seen_by: Callable[[Viewer], QuerySet[Row]]
    again: Callable[[Row], Any] = nothing
    files: Callable[[Row], Iterable[Path]] = nothing
    folder: str = ""
    keeps: tuple[str, ...] = tuple(LongJobState.values)
    passing: tuple[type[RetrievalError], ...] = ()
    of_each_person: bool = False
    most: timedelta = timedelta(days=1)
    silent: timedelta = timedelta(minutes=15)

    def __str__(self) -> str:
        return self.name

    @property
    def root(self) -> Path:
        """Where the folders of its rows lie."""
        return conf.get().data_dir / self.folder

    def folder_of(self, row: Row) -> Path:
        """Where a row's files lie."""
        return self.root / str(row.pk)

    def refusal(self, row: Row) -> RetrievalError | None:
        """Return why the person who asked for this may not have it done any more, None while they may.

        They are read anew: the account may be closed, the right taken, the collection hidden since it began.
        """
        person = get_user_model().objects.filter(pk=row.user_id).first()
        try:
            self.require(row, person or AnonymousUser())
        except RetrievalError as error:
            return error
        return None


def held(row: Row) -> QuerySet[Row]:
    """Return the row as long as this attempt has it."""
    return type(row)._default_manager.filter(pk=row.pk, lease_token=row.lease_token, state=row.state)


@dataclass
class ProgressWriter(Generic[Row]):
    """Writes to the row how far it is and that its worker is alive: the beginning of each stage, else now and then.

    Each call raises StoppedError when nobody wants it any more or another has it, and the reason when its person lost
    the right to it or it took too long.
    """

    kind: Kind[Row]
    row: Row
    told: float = 0.0
    asked: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note what is being done, how many are done, and of how many."""
        begins, self.row.stage = stage != self.row.stage, stage
        self.note(at_once=begins, stage=stage, done=done, total=total)

    def note(self, *, at_once: bool = False, **fields: Any) -> None:
        """Write these fields of the row."""
        now = time.monotonic()
        if now - self.began > self.kind.most.total_seconds():
            raise TOO_LONG
        if not at_once and now - self.told <= TELL_EVERY:
            return
        if now - self.asked > ASK_EVERY:
            self.asked = now
            if refused := self.kind.refusal(self.row):
                raise refused
        self.told = now
        if not held(self.row).filter(cancel_asked=False).update(**fields, heartbeat_at=timezone.now()):
            raise StoppedError

    def further(self, **fields: Any) -> None:
        """Write these fields at once, as it got further than ever before: no earlier attempt counts."""
        self.note(at_once=True, attempts=1, **fields)


TOO_LONG = RetrievalError("This took longer than it may.", code="took_too_long")
