"""Maps: what an encoder sees in many pictures laid out in two dimensions by principal components, as long work."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from retrieval import whole_files
from retrieval.errors import InvalidInput, NotFound
from retrieval.models import Collection, Encoder, Image, LongJobState, PictureMap
from retrieval.search import Floats, stored
from retrieval.services.images import collections, steering
from retrieval.services.people import accounts, rights
from retrieval.work import Kind, ProgressWriter, Settle

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

MOST, FEWEST = 10_000, 3  # pictures of one map
NAMED = 11  # groups that have a colour of their own
LABELS = {"tag": "tags__0", "group": "group_key", "collection": "collection_id"}
FILE = "places.npy"
PLACE = np.dtype([("id", "V16"), ("x", "<f4"), ("y", "<f4")])


@dataclass(frozen=True)
class MapRequest:
    """What to lay out: a collection, or all that the person sees; by an encoder's name, or the active one."""

    collection: UUID | None = None
    encoder: str | None = None


@dataclass(frozen=True)
class Group:
    """Pictures of one colour: their name, empty where they have none, None for all that have no colour of their own."""

    name: str | None
    count: int


@dataclass(frozen=True)
class Points:
    """The pictures that the person sees now: ids, places (n, 2), and for each the index of its group."""

    ids: list[UUID]
    places: Floats
    of: list[int]
    groups: list[Group]

    @property
    def x(self) -> list[float]:
        """The places along the first component, to five digits after the point."""
        return [round(float(place), 5) for place in self.places[:, 0]]

    @property
    def y(self) -> list[float]:
        """The same along the second."""
        return [round(float(place), 5) for place in self.places[:, 1]]


def start(request: MapRequest, *, user: User) -> PictureMap:
    """Put a map in line; the edge wakes the worker for long work. Administrators may.

    Raises Forbidden, NotFound for a collection that they do not see and where they see none, and InvalidInput.
    """
    rights.require_administrator(user, to="draw maps")
    named = [collections.find(request.collection, user=user)] if request.collection else []
    homes = named or list(Collection.objects.visible_to(user).order_by("pk"))
    if not homes:
        raise NotFound("There is no collection yet.")
    encoder, within = _encoder(request.encoder), [home.pk for home in homes]
    _require_enough(stored.count(encoder, within=Collection.objects.filter(pk__in=within)))
    row = PictureMap.objects.create(
        user=user, collection=homes[0], name=named[0].name if named else "", within=within, encoder=encoder.name
    )
    accounts.record(user, "picturemap.started", row, encoder=encoder.name, collections=len(within))
    return row


def seen_by(user: Viewer) -> QuerySet[PictureMap]:
    """Return the administrator's own maps. Raises Forbidden."""
    rights.require_administrator(user, to="draw maps")
    return PictureMap.objects.filter(user_id=user.pk or 0)


def pca(rows: Floats) -> tuple[Floats, tuple[float, float]]:
    """Return rows (n, D) as (n, 2) along their two first principal components, and the variance's share of each.

    Pearson, On lines and planes of closest fit to systems of points in space, 1901. The sign of a component is none of
    its own: its largest coordinate is made positive, so that the same rows give the same map.
    """
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    first = axes[:, ::-1][:, :2]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), range(first.shape[1])])
    shares = np.clip(variances[::-1][:2], 0, None) / max(variances.sum(), np.finfo(float).tiny)
    missing = 2 - first.shape[1]
    flat = np.pad(centred @ first, ((0, 0), (0, missing))).astype(np.float32)
    one, two = np.pad(shares, (0, missing))
    return flat, (float(one), float(two))


def points(row: PictureMap, *, user: Viewer, by: str = "tag") -> Points:
    """Return where the pictures lie that this person sees now, grouped by first ``tag``, ``group`` or ``collection``.

    A map that is not done has none. Raises InvalidInput (by).
    """
    if by not in LABELS:
        raise InvalidInput.of("by", f"One of {', '.join(LABELS)}.")
    kept = _read(row)
    ids = [UUID(bytes=place.tobytes()) for place in kept["id"]]
    labels = dict(Image.objects.visible_to(user).filter(pk__in=ids).values_list("pk", LABELS[by]))
    shown = [place for place, pk in enumerate(ids) if pk in labels]
    found = [labels[ids[place]] or "" for place in shown]
    counted = Counter(found).most_common()
    named, others = counted[:NAMED], sum(count for _, count in counted[NAMED:])
    pks = [label for label, _ in named if by == "collection"]
    names: dict[Any, str] = dict(Collection.objects.filter(pk__in=pks).values_list("pk", "name"))
    groups = [Group(names.get(label, label), count) for label, count in named]
    index = {label: place for place, (label, _) in enumerate(named)}
    flat = np.stack([kept["x"], kept["y"]], axis=1)[shown]
    return Points(
        [ids[place] for place in shown], flat, [index.get(label, NAMED) for label in found],
        groups + ([Group(None, others)] if others else []),
    )  # fmt: skip


def _draw(row: PictureMap, progress: ProgressWriter[PictureMap]) -> Settle:
    """Read vectors drawn evenly by their pictures' ids, lay them out, and write down where each lies."""
    encoder = _encoder(row.encoder)
    homes = Collection.objects.visible_to(row.user).filter(pk__in=row.within)
    of = stored.count(encoder, within=homes)
    total = min(of, MOST)
    progress("reading", 0, total)
    units = stored.drawn(encoder, within=list(homes.values_list("pk", flat=True)), most=MOST)
    _require_enough(len(units))
    progress("laying out", 0, len(units))
    flat, shares = pca(np.stack(list(units.values())))
    _write(row, list(units), flat)
    result = {"pictures": len(units), "of": max(of, len(units)), "shares": shares}
    return lambda: {"result": result, "done": len(units), "total": len(units)}


def _write(row: PictureMap, ids: list[UUID], flat: Floats) -> None:
    kept = np.empty(len(ids), PLACE)
    kept["id"] = [np.void(pk.bytes) for pk in ids]
    kept["x"], kept["y"] = flat.T
    data = io.BytesIO()
    np.save(data, kept, allow_pickle=False)
    KIND.folder_of(row).mkdir(parents=True, exist_ok=True)
    whole_files.write(KIND.folder_of(row) / FILE, data.getvalue())


def _read(row: PictureMap) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    if row.state != LongJobState.DONE:
        return np.empty(0, PLACE)
    try:
        kept: np.ndarray[tuple[int], np.dtype[np.void]] = np.load(KIND.folder_of(row) / FILE, allow_pickle=False)
    except FileNotFoundError:
        raise NotFound("The file of this map is gone; draw it again.") from None
    return kept


def _encoder(name: str | None) -> Encoder:
    row = Encoder.objects.active() if name is None else Encoder.objects.filter(name=name).first()
    if row is None:
        raise InvalidInput.of("encoder", "There is no encoder of this name.")
    return row


def _require_enough(pictures: int) -> None:
    if pictures < FEWEST:
        raise InvalidInput.of("encoder", f"A map takes at least {FEWEST} pictures that this encoder has read.")


KIND = Kind("maps", _draw, model=PictureMap, require=steering.require, seen_by=seen_by, folder="maps")
