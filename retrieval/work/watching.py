"""Watches see the pictures that are just being made ready; what fires is written in the same transaction."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection as Several
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from unicodedata import normalize
from uuid import UUID

import numpy as np
import structlog
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Count, Sum
from django.utils import timezone

from retrieval.matching import Calibration
from retrieval.models import Alert, Collection, Delivery, Encoder, EncoderState, Image, MailWhen, Watch, Way
from retrieval.models.watches import alert_id
from retrieval.search import Floats, Vector

log = structlog.get_logger(__name__)

MORNING = time(7)

STANDING = """SELECT id FROM retrieval_watch WHERE id = ANY(%s) AND active ORDER BY id FOR KEY SHARE"""


class Fired(NamedTuple):
    """A watch, a picture, and their cosine."""

    watch: UUID
    image: UUID
    score: float


@dataclass(frozen=True)
class Standing:
    """The watches of one encoder as they are at one moment: unit vectors (W, D) and least cosines (W,)."""

    stamp: tuple[int, int]
    ids: tuple[UUID, ...]
    directions: Floats
    least: Floats

    def fired(self, images: Sequence[UUID], units: Floats) -> list[Fired]:
        """Compare all with the unit vectors (n, D) of these pictures, in one matrix product."""
        scores = self.directions @ units.T  # (W, n): in this order the many watches are read once
        due = np.flatnonzero((scores >= self.least[:, None]).any(axis=1))
        places = np.argwhere(self.least[due] <= scores[due].T)
        return [
            Fired(self.ids[due[place]], images[image], float(scores[due[place], image]))
            for image, place in places.tolist()
        ]


def fire(encoder: Encoder, found: Mapping[UUID, Vector], *, places: Mapping[UUID, UUID | None]) -> int:
    """Write an alert for each watch and picture that belong together, once whatever happens; return how many.

    In the caller's transaction, which makes the pictures ready. ``places`` tells each picture's collection, None while
    it is deleted. Whoever may not see a picture at this moment is told nothing of it. What is wrong with one watch
    keeps nobody from anything: it is left out and written down. Raises nothing but errors of the database.
    """
    living = [pk for pk, home in places.items() if home is not None and pk in found]
    if encoder.state != EncoderState.ACTIVE or not living:
        return 0
    standing = _standing(encoder)
    if not standing.ids:
        return 0
    pairs = standing.fired(living, np.stack([found[pk].unit for pk in living]))
    return write(encoder, pairs) if pairs else 0


def write(encoder: Encoder, pairs: Sequence[Fired]) -> int:
    """Write alerts for those of these pairs whose watch stands, takes the picture, and whose person may see it."""
    with connection.cursor() as cursor:
        # A watch that is removed meanwhile would take this whole transaction with it at its end.
        cursor.execute(STANDING, [sorted({pair.watch for pair in pairs})])
        held = [row[0] for row in cursor.fetchall()]
    watches = Watch.objects.defer("direction").in_bulk(held)
    images = Image.objects.defer("words").in_bulk([pair.image for pair in pairs])
    seen = _seen_by({watch.user_id for watch in watches.values()}, {image.collection_id for image in images.values()})
    taken = [
        pair
        for pair in pairs
        if pair.watch in watches
        and images[pair.image].collection_id in seen[watches[pair.watch].user_id]
        and _takes(watches[pair.watch], images[pair.image])
    ]
    alerts = _alerts(encoder, taken, watches)
    Alert.objects.bulk_create(alerts, ignore_conflicts=True)
    sent = [row for alert in alerts if not alert.gathered_into for row in _deliveries(alert, now=timezone.now())]
    Delivery.objects.bulk_create(sent, ignore_conflicts=True)
    return len(alerts)


def look(encoder: Encoder, watch_id: UUID, units: Mapping[UUID, Floats]) -> int:
    """Let one watch look at pictures that are ready already, by their unit vectors (D,); return how many fired."""
    standing = _standing(encoder)
    if watch_id not in standing.ids or not units:
        return 0
    place = standing.ids.index(watch_id)
    only = replace(standing, ids=(watch_id,), directions=standing.directions[[place]], least=standing.least[[place]])
    pairs = only.fired(list(units), np.stack(list(units.values())))
    return write(encoder, pairs) if pairs else 0


def _standing(encoder: Encoder) -> Standing:
    """The encoder's watches, kept in this process until one of them changes."""
    rows = Watch.objects.filter(encoder=encoder, active=True, direction__isnull=False, least__isnull=False)
    told = rows.aggregate(count=Count("*"), versions=Sum("version"))
    stamp = (int(told["count"]), int(told["versions"] or 0))
    with _lock:
        kept = _kept.get(encoder.pk)
    if kept is not None and kept.stamp == stamp:
        return kept
    read = _read(stamp, rows.order_by("pk").values_list("pk", "direction", "least"), dimension=encoder.dimension)
    with _lock:
        _kept.clear()
        _kept[encoder.pk] = read
    return read


def _read(stamp: tuple[int, int], rows: Any, *, dimension: int) -> Standing:
    sound = []
    for pk, direction, least in rows:
        if len(direction) == 4 * dimension and np.isfinite(numbers := np.frombuffer(bytes(direction), "<f4")).all():
            sound.append((pk, numbers, least))
        else:
            log.error("watch_left_out", watch=str(pk), reason="its query is not one of this encoder")
    directions = np.array([numbers for _, numbers, _ in sound], np.float32).reshape(len(sound), dimension)
    return Standing(stamp, tuple(pk for pk, _, _ in sound), directions, np.array([least for *_, least in sound], "f4"))


def _seen_by(people: Several[int], homes: Several[UUID]) -> Mapping[int, set[UUID]]:
    """Which of these collections each person sees now; one whose account is closed sees none."""
    seen: dict[int, set[UUID]] = defaultdict(set)
    for person in get_user_model().objects.filter(pk__in=people, is_active=True):
        visible = Collection.objects.visible_to(person).filter(pk__in=homes)
        seen[person.pk] = set(visible.values_list("pk", flat=True))
    return seen


def _takes(watch: Watch, image: Image) -> bool:
    """Whether the picture passes what the watch asks beside its look; never the pictures that it asks with."""
    try:
        asked = watch.asked
        own = {*asked.get("images", ()), *asked.get("positives", ()), *asked.get("exclude", ())}
        homes, tags = asked.get("collections"), {normalize("NFC", tag) for tag in asked.get("tags", ())}
        key = asked.get("group_key")
        return (
            str(image.pk) not in own
            and (homes is None or str(image.collection_id) in homes)
            and tags <= set(image.tags)
            and (key is None or image.group_key == key)
        )
    except (AttributeError, TypeError) as error:
        log.error("watch_left_out", watch=str(watch.pk), reason=str(error))
        return False


def _alerts(encoder: Encoder, pairs: Sequence[Fired], watches: Mapping[UUID, Watch]) -> list[Alert]:
    """New alerts, unsaved; within the time that a watch gathers, the repeats of one that is not a repeat."""
    ids = [alert_id(pair.watch, pair.image) for pair in pairs]
    known = set(Alert.objects.filter(pk__in=ids).values_list("pk", flat=True))
    calibration = Calibration.from_dict(encoder.calibration) if encoder.calibration else None
    leads = {watch.pk: _lead(watch) for watch in watches.values() if watch.gather}
    rows = []
    for pk, pair in sorted(zip(ids, pairs, strict=True)):
        if pk in known:
            continue
        watch = watches[pair.watch]
        row = Alert(id=pk, watch=watch, image_id=pair.image, score=pair.score, encoder=encoder.name)
        row.threshold, row.calibration, row.gathered_into = watch.least or 0.0, watch.calibration, leads.get(watch.pk)
        if calibration is not None and watch.by_probability and watch.min_probability is not None:
            row.probability = float(calibration.probability([pair.score], candidates=watch.candidates)[0])
            row.threshold = watch.min_probability
        if watch.gather:
            leads[watch.pk] = leads[watch.pk] or pk
        rows.append(row)
    return rows


def _deliveries(alert: Alert, *, now: datetime) -> list[Delivery]:
    """How it leaves the site: to the webhook now; as mail now, at the full hour, or once a day."""
    watch, rows = alert.watch, []
    if watch.webhook:
        rows.append(Delivery(alert=alert, way=Way.WEBHOOK, due_at=now))
    if watch.mail:
        rows.append(Delivery(alert=alert, way=Way.MAIL, due_at=next_mail(watch, now=now)))
    return rows


def next_mail(watch: Watch, *, now: datetime) -> datetime:
    """When the watch's next mail is due: a daily one when its quiet hours end, else at MORNING (UTC)."""
    if watch.mail == MailWhen.AT_ONCE:
        return now
    if watch.mail == MailWhen.HOURLY:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    today = datetime.combine(now.date(), watch.quiet_until or MORNING, tzinfo=now.tzinfo)
    return today if today > now else today + timedelta(days=1)


def _lead(watch: Watch) -> UUID | None:
    recent = Alert.objects.filter(watch=watch, gathered_into=None, fired_at__gt=timezone.now() - watch.gather)
    return recent.order_by("-fired_at").values_list("pk", flat=True).first()


_lock = threading.Lock()
_kept: dict[UUID, Standing] = {}
