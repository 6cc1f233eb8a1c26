"""When, where and by what a video was taken, as the tags of its container say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from retrieval.ingest import facts
from retrieval.ingest.facts import Facts

APPLE, ANDROID = "com.apple.quicktime", "com.android"
MOMENTS = (f"{APPLE}.creationdate", "creation_time")
PLACES = (f"{APPLE}.location.ISO6709", "location")
CAMERAS = ((f"{APPLE}.make", f"{APPLE}.model"), (f"{ANDROID}.manufacturer", f"{ANDROID}.model"), ("make", "model"))
# A clock that was never set: the zero of QuickTime and of Unix.
UNSET = (1904, 1970)
PLACE = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)(?![\d.])", re.ASCII)


def read(tags: Mapping[str, str], *, second: float) -> Facts:
    """Return what is said of the scene that begins at this second of the video.

    Tags are those of QuickTime's metadata and FFmpeg's names for them; a place is ISO 6709 in degrees.
    """
    make, model = next(((tags.get(a, ""), tags.get(b, "")) for a, b in CAMERAS if tags.get(b)), ("", ""))
    return facts.bounded(
        Facts(
            taken_at=_taken_at(tags, second),
            camera=facts.camera(make, model),
            place=_place(next((tags[name] for name in PLACES if name in tags), "")),
            title=facts.cleaned(tags.get("title", "").replace("\n", " "), most=facts.MOST_TITLE),
        )
    )


def _taken_at(tags: Mapping[str, str], second: float) -> str:
    for name in MOMENTS:
        with suppress(ValueError, OverflowError):
            began = datetime.fromisoformat(tags.get(name, ""))
            if began.year not in UNSET:
                return (began + timedelta(seconds=int(second))).replace(microsecond=0).isoformat()
    return ""


def _place(text: str) -> tuple[float, float] | None:
    found = PLACE.match(text)
    place = (float(found[1]), float(found[2])) if found else None
    return place if place != (0, 0) else None
