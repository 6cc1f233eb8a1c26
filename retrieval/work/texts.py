"""Words on the pictures of collections that have them read: read picture by picture, in turns of some seconds."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from retrieval import reading
from retrieval.errors import RetrievalError
from retrieval.ingest import Asker, Part, files, folder_mark, sandbox
from retrieval.models import Collection, Image, ImageText
from retrieval.reading import TextLine
from retrieval.search import read_words
from retrieval.work import turns

MOST_LETTERS = 20_000  # of one picture that are kept
DECIMALS = 4
REMOVED_AT_ONCE = 500


def lacking() -> QuerySet[Image]:
    """Return the living pictures that should have been read and are not, in a fixed order; none without a reader."""
    if not reading.is_installed():
        return Image.objects.none()
    wanted = Collection.objects.filter(read_text=True, deleted_at=None)
    return Image.objects.alive().filter(collection__in=wanted, has_text=False).order_by("pk")


def surplus() -> QuerySet[ImageText]:
    """Return what was read from pictures whose collection does not have them read any more."""
    return ImageText.objects.filter(image__collection__read_text=False)


def waiting() -> bool:
    """Tell whether there is something to read, or to remove."""
    return lacking().exists() or surplus().exists()


def work() -> bool:
    """Remove what is not wanted any more and read for some seconds, one commit a picture; return whether more is left.

    A picture that cannot be read has no words, for good; one that a decoder had no time for is left for the next turn.
    Nothing of it touches whether a picture is ready. Two workers at once read some pictures twice, and nothing else.
    """
    removed = list(surplus().values_list("pk", flat=True)[:REMOVED_AT_ONCE])
    surplus().filter(pk__in=removed).delete()
    return turns.take(lacking, _put, event="words_read") or len(removed) == REMOVED_AT_ONCE


def _put(image: Image) -> bool:
    """Read and store one picture's; False where that has to wait."""
    lines = _lines(image)
    if lines is None:
        return False
    with transaction.atomic():
        if not Image.objects.select_for_update(no_key=True).filter(pk=image.pk).exists():
            return False
        ImageText.objects.bulk_create(
            [row(image, lines)],
            update_conflicts=True,
            unique_fields=["image"],
            update_fields=["text", "lines", "words"],
        )
    return True


def row(image: Image, lines: list[TextLine]) -> ImageText:
    """Return the row of what was read from a picture, at most 20,000 letters of it."""
    kept: list[list[str | float]] = []
    letters = 0
    for line in lines:
        letters += len(line.text) + 1
        if letters > MOST_LETTERS:
            break
        kept.append([line.text, *(round(each, DECIMALS) for each in (line.x, line.y, line.w, line.h))])
    text = read_words.text_of(str(line[0]) for line in kept)
    return ImageText(image_id=image.pk, text=text, lines=kept, words=read_words.vector(text))


def _lines(image: Image) -> list[TextLine] | None:
    """The lines on a picture; none of one that cannot be read, None where that has to wait."""
    asker, side = Asker.behind(image.uploader_id), reading.short_side(image.width, image.height)
    try:
        pixels = sandbox.pixels(files.original(image.sha256), part=Part.of(image), asker=asker, short_side=side)
    except FileNotFoundError:
        folder_mark.require()  # else this host is at fault, and no picture
        return []
    except RetrievalError as error:
        return None if error.code in sandbox.PASSING else []
    return reading.read(pixels)
