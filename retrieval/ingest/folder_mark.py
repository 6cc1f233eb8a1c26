"""A mark in the folder of the originals against one in the database: a host that does not see them notices at once."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

from retrieval import conf, whole_files
from retrieval.errors import Unavailable
from retrieval.ingest import files
from retrieval.models import Heartbeat, Image

NAME = "mark"  # of the row that keeps it, which no process of that name beats
SAMPLE = 50


def settle(*, adopt: bool = False) -> None:
    """Make both marks, or bring this folder's in line: on the first start, and where the folder was restored or moved.

    With ``adopt`` whatever the folder holds. Raises Unavailable (originals_elsewhere) when it is not the folder of this
    database: it holds none of its newest pictures or, of an empty site, not the mark.
    """
    here, known = _here(), _known()
    if here and here == known:
        return
    if not (adopt or _holds_pictures(known)):
        raise _elsewhere()
    mark = known or here or uuid.uuid4().hex
    if here != mark:
        _file().parent.mkdir(parents=True, exist_ok=True)
        whole_files.write(_file(), mark)
    Heartbeat.objects.update_or_create(name=NAME, defaults={"kind": NAME, "detail": {"mark": mark}})


def require() -> None:
    """Raise Unavailable (originals_elsewhere) on a host whose folder is not the one that the database knows."""
    known = _known()
    if known and known != _here():
        raise _elsewhere()


def _holds_pictures(known: str) -> bool:
    digests = list(Image.objects.alive().order_by("-created_at").values_list("sha256", flat=True)[:SAMPLE])
    return any(files.original(digest).exists() for digest in digests) if digests else not known


def _file() -> Path:
    return conf.get().originals.parent / NAME


def _here() -> str:
    with suppress(FileNotFoundError):
        return _file().read_text().strip()
    return ""


def _known() -> str:
    row = Heartbeat.objects.filter(name=NAME).first()
    return str(row.detail["mark"]) if row else ""


def _elsewhere() -> Unavailable:
    text = f"{conf.get().data_dir} is not the folder with the pictures of this database; mount that folder there."
    return Unavailable(text, code="originals_elsewhere")
