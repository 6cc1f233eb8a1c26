"""Files as answers, for pages and API: streamed or left to nginx, and never as something a browser would run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from retrieval import conf
from retrieval.errors import NotFound, RetrievalError
from retrieval.zip_stream import ZipStream

if TYPE_CHECKING:
    from retrieval.models import Image

BLOCK = 256 * 1024
SANDBOX = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


THUMBNAIL_TYPE = "image/jpeg"
ZIP_TYPE = "application/zip"
EXTENSIONS = {
    "JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2", "HEIF": "heic", "JXL": "jxl", "DICOM": "dcm",
    "MPEG": "mpg", "MPEGTS": "ts",
}  # fmt: skip
# Where the name of a format is not that of its type.
TYPES = {
    "JPEG2000": "image/jp2",
    "HEIF": "image/heic",
    "RAW": "application/octet-stream",
    "PDF": "application/pdf",
    "DICOM": "application/dicom",
    "MP4": "video/mp4",
    "MOV": "video/quicktime",
    "WEBM": "video/webm",
    "MKV": "video/x-matroska",
    "AVI": "video/x-msvideo",
    "MPEG": "video/mpeg",
    "MPEGTS": "video/mp2t",
}
# What browsers play, if they know what is in it.
PLAYED = ("MP4", "MOV", "WEBM")


class RangeNotSatisfiable(RetrievalError):
    """The asked part lies outside the file, which has ``size`` bytes."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, message: str, *, size: int) -> None:
        super().__init__(message)
        self.headers = {"Content-Range": f"bytes */{size}"}


@dataclass(frozen=True)
class Stored:
    """A file to be sent; with a ``filename`` it is an attachment. ``version`` changes with its bytes."""

    path: Path
    content_type: str
    filename: str = ""
    version: str = ""


class Part:
    """An open file between two positions, read in blocks."""

    def __init__(self, path: Path, span: range) -> None:
        self.file = path.open("rb")
        self.file.seek(span.start)
        self.left = len(span)

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK):
            yield block

    def read(self, size: int) -> bytes:
        """At most so many bytes more; nothing at the end of the part. For servers that read the file themselves."""
        block = self.file.read(min(size, self.left))
        self.left -= len(block)
        return block

    def fileno(self) -> int:
        """The open file, for a server that sends it by itself: from ``tell`` on, as many bytes as the head says."""
        return self.file.fileno()

    def tell(self) -> int:
        """Where the part begins."""
        return self.file.tell()

    def close(self) -> None:
        """Close the file; Django calls this when the answer is sent or the client is gone."""
        self.file.close()


def send(stored: Stored, *, wanted: str = "", if_range: str = "") -> HttpResponse | StreamingHttpResponse:
    """Answer with the file, or with the part named by a Range header, if it is still the version of If-Range.

    The caller has checked the rights. Behind nginx (``x_accel_prefix``) the answer only names the file, and nginx sends
    it or the part. Raises NotFound when the file is not there, RangeNotSatisfiable.
    """
    tag = f'"{stored.version}"' if stored.version else ""
    wanted = wanted if if_range.strip() in {"", tag} else ""  # RFC 9110, 13.1.5: else the whole of what there is now
    try:
        size = stored.path.stat().st_size
        response = _by_nginx(stored.path) if conf.get().x_accel_prefix else _streamed(stored.path, size, wanted)
    except FileNotFoundError:
        raise NotFound("The file is not there.", code="file_missing") from None
    response["Content-Type"] = stored.content_type
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    if tag:
        response["ETag"] = tag
    if stored.filename:
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=stored.filename)
    return response


def shown(jpeg: bytes, *, filename: str) -> HttpResponse:
    """Answer with a JPEG of our own making, to be looked at; ``filename`` is for who saves it."""
    response = HttpResponse(jpeg, content_type=THUMBNAIL_TYPE)
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = content_disposition_header(as_attachment=False, filename=filename) or "inline"
    return response


def content_type(image: Image) -> str:
    """The type of an original."""
    return TYPES.get(image.format, f"image/{image.format.lower()}")


def zipped(archive: ZipStream, *, filename: str) -> StreamingHttpResponse:
    """Answer with an archive that is made while it is sent; nobody knows its length before."""
    response = written(archive, content_type=ZIP_TYPE, filename=filename)
    response.file_to_stream, response.block_size = archive, BLOCK  # type: ignore[attr-defined]
    return response


def written(parts: Iterable[Any], *, content_type: str, filename: str) -> StreamingHttpResponse:
    """Answer with a file that is written from the database: the server gathers it before a slow client takes it."""
    response = StreamingHttpResponse(parts, content_type=content_type)
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename)
    return response


def file_name(image: Image) -> str:
    """The name of an original's download: letters, digits and few signs of the title, so that nothing typed steers."""
    return _named(image, EXTENSIONS.get(image.format.upper(), image.format.lower()))


def full_name(image: Image) -> str:
    """The name of the picture at its full size, made as that of its original."""
    return _named(image, "jpg")


def _named(image: Image, extension: str) -> str:
    stem = "".join(letter for letter in image.title if letter.isalnum() or letter in " ._-")[:80].strip(" .")
    known = stem.lower().endswith(f".{extension}")
    return stem if stem and known else f"{stem or image.id}.{extension}"


def span_of(header: str, *, size: int) -> range | None:
    """Return the bytes that a Range header asks for, or None for the whole file.

    More than one part, or a header that cannot be read, means the whole file (RFC 9110, 14.2). Raises
    RangeNotSatisfiable when the part begins behind the end.
    """
    found = RANGE.fullmatch(header.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first and last and int(first) > int(last):
        return None
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        raise RangeNotSatisfiable("The file has no such part.", size=size)
    return range(start, stop)


def _streamed(path: Path, size: int, wanted: str) -> StreamingHttpResponse:
    span = span_of(wanted, size=size)
    sent = range(size) if span is None else span
    part = Part(path, sent)
    response = StreamingHttpResponse(part, status=200 if span is None else 206)
    # Django hands this over to a server that can send files itself, so that a slow reader holds no thread.
    response.file_to_stream, response.block_size = part, BLOCK  # type: ignore[attr-defined]
    response["Content-Length"] = str(len(sent))
    response["Accept-Ranges"] = "bytes"
    if span is not None:
        response["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    return response


def _by_nginx(path: Path) -> HttpResponse:
    inside = path.relative_to(conf.get().data_dir / "media")
    return HttpResponse(headers={"X-Accel-Redirect": f"{conf.get().x_accel_prefix.rstrip('/')}/{quote(str(inside))}"})
