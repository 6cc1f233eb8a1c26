"""The life of an encoder: draft, building beside the active one, active, retired, dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from retrieval import live_encoders
from retrieval.errors import Conflict, NotFound
from retrieval.models import Collection, EmbeddingJob, Encoder, EncoderState, Image, JobState
from retrieval.models.encoders import EncoderQuerySet
from retrieval.search import counts
from retrieval.services.encoders import indexes, origins
from retrieval.services.evaluation import lineage
from retrieval.services.images import image_counts
from retrieval.services.people import accounts, rights
from retrieval.work import jobs, neighbourhoods

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

# Differences of mAP below this are noise on sets of a few hundred pictures.
TOLERATED_DROP = 0.005
KEEP_RETIRED = timedelta(days=30)


@dataclass(frozen=True)
class Progress:
    """How many living pictures have a vector by an encoder, failed, or wait; and how long the rest will take."""

    done: int
    failed: int
    total: int
    seconds_left: int | None

    @property
    def complete(self) -> bool:
        """Nothing waits any more."""
        return self.done + self.failed >= self.total


def listing(*, seen_by: Viewer | None = None) -> EncoderQuerySet:
    """Return the encoders that this person may know of, newest first; None: all, for operators and the work itself."""
    if seen_by is None:
        return Encoder.objects.all()
    return Encoder.objects.exclude(pk__in=origins.hidden_drafts(seen_by))


def get(encoder_id: UUID | str, *, seen_by: Viewer | None = None) -> Encoder:
    """Return one encoder or raise NotFound, be it absent or not this person's to know of."""
    found = listing(seen_by=seen_by).filter(pk=encoder_id).first()
    if found is None:
        raise NotFound("There is no such encoder.")
    return found


def progress(encoder: Encoder, *, seen_by: Viewer | None = None) -> Progress:
    """Count what this encoder has done of the pictures that this person sees; None: of all, for operators."""
    alive = Image.objects.alive()
    seen = None if seen_by is None else Collection.objects.visible_to(seen_by)
    if seen is not None:
        alive = alive.filter(collection__in=seen)
    done = counts.total(encoder, within=seen)
    failed = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.FAILED, image__in=alive).count()
    total, rate = image_counts.total(within=seen), jobs.rate_per_minute(encoder, seen_by=seen_by)
    waiting = max(0, total - done - failed)
    return Progress(done, failed, total, round(waiting / rate * 60) if waiting and rate else None)


def standing(encoder: Encoder, *, progress: Progress | None) -> str:
    """Return its state, or ``built`` for one that has done every picture and is not in use yet."""
    built = progress and progress.total and progress.complete
    return "built" if built and encoder.state == EncoderState.BUILDING else str(encoder.state)


def with_standing(rows: Iterable[Encoder], *, seen_by: Viewer) -> list[tuple[Encoder, str]]:
    """Pair encoders with their standing, as far as this person sees their pictures."""
    building = EncoderState.BUILDING
    return [
        (row, standing(row, progress=progress(row, seen_by=seen_by) if row.state == building else None)) for row in rows
    ]


def build(encoder: Encoder, *, user: User) -> Encoder:
    """Begin to embed every picture with this encoder, beside the active one; searches go on undisturbed.

    The jobs are added by the ledger's reconciler, so the edge need only wake it. Raises Conflict for an active one.
    """
    rights.require_administrator(user)
    with transaction.atomic():
        row = _locked(encoder)
        if row.state == EncoderState.ACTIVE:
            raise Conflict("This encoder is active already.", code="encoder_active")
        if row.state != EncoderState.BUILDING:
            row.state = EncoderState.BUILDING
            row.save(update_fields=["state"])
            accounts.record(user, "encoder.building", row, name=row.name)
    return row


def activate(encoder: Encoder, *, user: User, force_reason: str = "") -> Encoder:
    """Make this the encoder of every search from now on, and retire the one before.

    A building encoder must have done every picture and must not score worse than the active one on a set both were
    measured on, unless a reason is given. A retired one comes back at once: pictures that came since wait in the
    ledger. It is loaded before, so that its graph is converted when the first search comes, and weights that are gone
    change nothing. The trail names the scorecards of what it learned from. Raises WeightsError, and Conflict with the
    code encoder_incomplete or encoder_worse.
    """
    rights.require_administrator(user)
    if encoder.trained:
        live_encoders.for_row(encoder)
    indexes.ensure(encoder)
    with transaction.atomic():
        _hold_switch()
        current = Encoder.objects.select_for_update().filter(state=EncoderState.ACTIVE).first()
        chosen = _locked(encoder)
        if current == chosen:
            return chosen
        _require_ready(chosen, current=current, user=user, force_reason=force_reason)
        _switch(chosen, current=current, note=force_reason)
        accounts.record(
            user, "encoder.activated", chosen, name=chosen.name, before=current and current.name, reason=force_reason,
            learned_from_these=sorted(lineage.learned_cards(chosen)),
        )  # fmt: skip
    return chosen


def worse_sets(candidate: Encoder, current: Encoder) -> dict[str, tuple[float, float]]:
    """Return the sets on which the candidate's mAP lies below the current one's: name -> (candidate, current).

    Only sets that both were measured on, with the same content digest, are compared.
    """
    pairs = {
        name: (candidate.scores[name], score) for name, score in current.scores.items() if name in candidate.scores
    }
    return {
        name: (new["map"], old["map"])
        for name, (new, old) in pairs.items()
        if new.get("digest") == old.get("digest") and new["map"] < old["map"] - TOLERATED_DROP
    }


def drop(encoder: Encoder, *, user: User) -> None:
    """Remove an encoder that is not in use, with its vectors, jobs and index.

    Raises Conflict (encoder_active) for one in use, be it for its vectors, which another one smooths.
    """
    rights.require_administrator(user)
    with transaction.atomic():
        row = _locked(encoder)
        if row.state == EncoderState.ACTIVE:
            raise Conflict("The active encoder cannot be dropped; activate another one first.", code="encoder_active")
        if smoothed := row.smoothed.first():
            text = f"{smoothed.name} is smoothed of its vectors; drop that one first."
            raise Conflict(text, code="encoder_active")
        accounts.record(user, "encoder.dropped", row, name=row.name)
        row.delete()
    indexes.drop(encoder)  # after a crash before it, the care for indexes does it


def drop_expired() -> int:
    """Drop the retired encoders whose time to be rolled back to is over; return how many."""
    old = Encoder.objects.filter(state=EncoderState.RETIRED, retired_at__lte=timezone.now() - KEEP_RETIRED)
    expired = old.filter(smoothed=None)  # one whose vectors another is smoothed of goes after it
    dropped = 0
    for encoder in expired:
        with transaction.atomic():
            # One that is rolled back to at this moment stays.
            gone = old.select_for_update().filter(pk=encoder.pk, pk__in=expired.values("pk")).first()
            if gone:
                gone.delete()
                dropped += 1
        if gone:
            indexes.drop(encoder)
    return dropped


def _hold_switch() -> None:
    """Let nobody else switch encoders until the transaction ends: each would retire the one that it read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('active encoder', 0))")


def _locked(encoder: Encoder) -> Encoder:
    """Return the row as it is now, alone with it until the transaction ends. Raises NotFound when it was dropped."""
    row = Encoder.objects.select_for_update().filter(pk=encoder.pk).first()
    if row is None:
        raise NotFound("There is no such encoder.")
    return row


def _require_ready(chosen: Encoder, *, current: Encoder | None, user: User, force_reason: str) -> None:
    if chosen.state != EncoderState.DRAFT and not neighbourhoods.settled(chosen):
        text = "Not all pictures are smoothed by their neighbours of now; build it, and wait a moment."
        raise Conflict(text, code="encoder_incomplete")
    if chosen.state == EncoderState.RETIRED or force_reason.strip():
        return
    done = progress(chosen)
    if (chosen.state != EncoderState.BUILDING and done.total) or not done.complete:
        raise Conflict(
            f"{done.done} of {done.total} pictures are embedded with it; build it to the end first.",
            code="encoder_incomplete",
        )
    worse = worse_sets(chosen, current) if current else {}
    if worse:
        seen = origins.as_seen_by(user, chosen).scores
        told = [f"On {name} its mAP is {new:.4f}, the active encoder's is {old:.4f}.{_flattered(name, chosen, current)}"
                for name, (new, old) in worse.items() if name in seen]  # fmt: skip
        text = next(iter(told), "On pictures that you do not see it finds less than the active encoder.")
        raise Conflict(f"{text} Give a reason to switch all the same.", code="encoder_worse")


def _flattered(name: str, chosen: Encoder, current: Encoder | None) -> str:
    """Say whose figure on a set is of pictures that it learned from; empty where neither's is."""
    found = [
        f" {who} learned from these pictures."
        for who, one in (("It", chosen), ("The active encoder", current))
        if one and name in lineage.learned_cards(one)
    ]
    return "".join(found)


def _switch(chosen: Encoder, *, current: Encoder | None, note: str) -> None:
    """Change both rows in one commit; the old one first, as there is never more than one active."""
    now = timezone.now()
    if current:
        current.state, current.retired_at = EncoderState.RETIRED, now
        current.save(update_fields=["state", "retired_at"])
    chosen.state, chosen.activated_at, chosen.retired_at, chosen.note = EncoderState.ACTIVE, now, None, note
    chosen.save(update_fields=["state", "activated_at", "retired_at", "note"])
