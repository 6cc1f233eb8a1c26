"""The words of the pages that are chosen by a code: reasons, states, error pages, and what the scripts say."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from retrieval.errors import SENTENCES
from retrieval.models import Measure, Role, Visibility

if TYPE_CHECKING:
    from retrieval.services.images.bulk import Outcome

MEASURES = [
    (Measure.COSINE, gettext_lazy("Cosine"), gettext_lazy("The angle between two vectors: the usual choice.")),
    (Measure.EUCLIDEAN, gettext_lazy("Euclidean"), gettext_lazy("The straight distance; strength counts as well.")),
    (Measure.PEARSON, gettext_lazy("Pearson"), gettext_lazy("Correlation: the angle after taking the mean away.")),
]

MODES = [
    ("alike", gettext_lazy("Alike"), gettext_lazy("Pictures that look like it, the most alike first.")),
    (
        "further",
        gettext_lazy("Look further"),
        gettext_lazy("Also what looks like the pictures that look like it. The score stays the likeness to the query."),
    ),
    (
        "same",
        gettext_lazy("The same"),
        gettext_lazy("The same picture or object, by its details: also cropped, turned, mirrored or pasted elsewhere."),
    ),
]

ADMINISTRATORS = "administrators"  # for error_page, in the place of a code

EDITS = {
    "cropped": gettext_lazy("cropped"),
    "pasted": gettext_lazy("pasted into another picture"),
    "mirrored": gettext_lazy("mirrored"),
    "turned": gettext_lazy("turned by {degrees}°"),
    "resized": gettext_lazy("resized"),
    "stretched": gettext_lazy("stretched"),
    "recoloured": gettext_lazy("recoloured"),
}

THIRDS = [
    [gettext_lazy("top left"), gettext_lazy("top"), gettext_lazy("top right")],
    [gettext_lazy("left"), gettext_lazy("in the middle"), gettext_lazy("right")],
    [gettext_lazy("bottom left"), gettext_lazy("bottom"), gettext_lazy("bottom right")],
]

VISIBILITIES = [
    (Visibility.PRIVATE, gettext_lazy("Private"), gettext_lazy("Only the owner sees it.")),
    (Visibility.SHARED, gettext_lazy("Shared"), gettext_lazy("The owner and the people named below see it.")),
    (Visibility.PUBLIC, gettext_lazy("Public"), gettext_lazy("Everyone who can open this site's search sees it.")),
]

ROLES = [
    (Role.VIEWER, gettext_lazy("Viewer"), gettext_lazy("looks and searches")),
    (Role.CONTRIBUTOR, gettext_lazy("Contributor"), gettext_lazy("also adds and edits pictures")),
    (Role.MANAGER, gettext_lazy("Manager"), gettext_lazy("also changes settings and people")),
]

GRADES = {
    "": gettext_lazy("not judged"),
    "0": gettext_lazy("No"),
    "1": gettext_lazy("Somewhat"),
    "2": gettext_lazy("Yes"),
}

STAGES = {
    "reading": gettext_lazy("reading"),
    "encoding": gettext_lazy("encoding the pictures"),
    "ranking": gettext_lazy("ranking"),
    "comparing": gettext_lazy("comparing"),
    "calibrating": gettext_lazy("reading pictures to calibrate on"),
    "building": gettext_lazy("making {name}"),
    "timing": gettext_lazy("measuring speed"),
    "measuring": gettext_lazy("measuring {name}"),
    "training": gettext_lazy("training"),
    "laying out": gettext_lazy("laying out"),
    "unpacking": gettext_lazy("unpacking"),
}

JOBS = {
    "imports": gettext_lazy("Archives"),
    "batches": gettext_lazy("Many queries"),
    "scans": gettext_lazy("Looking for copies"),
    "evaluations": gettext_lazy("Measuring"),
    "calibrations": gettext_lazy("Calibration"),
    "compressions": gettext_lazy("Compression"),
    "training": gettext_lazy("Training"),
    "maps": gettext_lazy("Maps"),
}

ORDERS = {
    "newest": gettext_lazy("Newest first"),
    "oldest": gettext_lazy("Oldest first"),
    "taken": gettext_lazy("Last taken first"),
    "taken_first": gettext_lazy("First taken first"),
    "name": gettext_lazy("By name"),
    "largest": gettext_lazy("Largest file first"),
    "smallest": gettext_lazy("Smallest file first"),
}

WHOSE = {"": gettext_lazy("All"), "own": gettext_lazy("Yours"), "shared": gettext_lazy("Shared with you")}

ACTS = {
    "tag": gettext_lazy("Tagged: {n}."),
    "untag": gettext_lazy("Tags taken off: {n}."),
    "group": gettext_lazy("Grouped: {n}."),
    "title": gettext_lazy("Named: {n}."),
    "move": gettext_lazy("Moved: {n}."),
    "embed": gettext_lazy("Read again: {n}."),
    "delete": gettext_lazy("Deleted: {n}."),
    "undo": gettext_lazy("Taken back: {n}."),
    "restore": gettext_lazy("Brought back: {n}."),
    "remove": gettext_lazy("Removed for good: {n}."),
}

NAMES = {
    "owner": gettext_lazy("Owner"),
    "pending": gettext_lazy("Waiting"),
    "ready": gettext_lazy("Ready"),
    "failed": gettext_lazy("Failed"),
    "database": gettext_lazy("Database"),
    "broker": gettext_lazy("Queue"),
    "worker": gettext_lazy("Worker"),
    "workers": gettext_lazy("Workers"),
    "scheduler": gettext_lazy("Scheduler"),
    "encoder": gettext_lazy("Encoder"),
    "queued": gettext_lazy("In line"),
    "running": gettext_lazy("Going on"),
    "done": gettext_lazy("Done"),
    "cancelled": gettext_lazy("Stopped"),
    "draft": gettext_lazy("Draft"),
    "building": gettext_lazy("Being built"),
    "built": gettext_lazy("Built"),
    "active": gettext_lazy("Active"),
    "retired": gettext_lazy("Retired"),
    "expired": gettext_lazy("Over"),
    "ended": gettext_lazy("Ended"),
    "same_file": gettext_lazy("The same file"),
    "same_image": gettext_lazy("The same picture"),
    "same_thing": gettext_lazy("The same object"),
    "only_alike": gettext_lazy("Only alike"),
    "very_alike": gettext_lazy("Very alike"),
    "alike": gettext_lazy("Alike"),
    "weak": gettext_lazy("Weak"),
    "tags": gettext_lazy("Tags"),
    "group_key": gettext_lazy("Belongs to"),
    "judgements": gettext_lazy("judgements"),
    "same": gettext_lazy("The same"),
    "likely": gettext_lazy("Likely match"),
    "possible": gettext_lazy("Possible match"),
    "none": gettext_lazy("No match"),
    "unknown": gettext_lazy("too few examples to tell"),
    "poor": gettext_lazy("not known well yet"),
    "suggests": gettext_lazy("good enough to suggest"),
    "well": gettext_lazy("known well"),
    "halves": gettext_lazy("half precision"),
    "bits": gettext_lazy("bits"),
    **{str(value): name for value, name, _text in [*MEASURES, *VISIBILITIES, *ROLES]},
}


def reason(code: str, message: str) -> str:
    """Return the sentence for an error: what the service said, with its figures; in other languages the code's own."""
    english = (get_language() or "en").startswith("en")
    return message if (english and message) or code not in SENTENCES else _(SENTENCES[code])


def name(value: str) -> str:
    """Return the word for a state, a role, a visibility, a measure or a part of the system."""
    return str(NAMES.get(value, value))


def stage(text: str) -> str:
    """Return what a long job is doing, empty where nothing need be said."""
    kind, _space, name = text.partition(" ")
    said = STAGES.get(kind)
    return str(said).format(name=name) if said else ""


def outcome(act: str, done: Outcome) -> str:
    """Return what was done to how many pictures at once, and why others were left as they are."""
    said = str(ACTS[act]).format(n=intcomma(done.done))
    if not done.refused:
        return said
    why = reason(done.refused[0][1], "")
    return f"{said} {_('{n} left as they were: {why}').format(n=intcomma(done.refused_count), why=why)}"


def edit(text: str) -> str:
    """Return the words for what was done to a picture, as the search names it."""
    kind, _space, degrees = text.partition(" ")
    return str(EDITS.get(kind, text)).format(degrees=degrees)


def third(row: int, column: int) -> str:
    """Return where in a picture the third of its rows and of its columns lies."""
    return str(THIRDS[row][column])


def grade(value: str) -> str:
    """Return the word for a grade, empty for none; a mean between two grades stays a number."""
    return str(GRADES.get(value, value))


def error_page(status: int, code: str = "") -> tuple[str, str]:
    """Return the title and the way on of an error page."""
    if code == ADMINISTRATORS:
        return _("This is for administrators"), _("Ask the person who runs this site.")
    if code == "link_used":
        return _("This link opens nothing any more"), _("Sign in with your password, or ask for a new link.")
    if code == "code_needed":
        return _("One more step"), _("Sign in at /login/ with your name, your password and the code.")
    if code in {"provider_refused", "passwords_off", "account_closed"}:
        return _("Nobody was signed in"), _("Go back to the sign-in page and begin again.")
    if code == "share_link_over":
        return _("This link shows nothing any more"), _("Ask whoever gave it to you for a new one.")
    if code == "signed_out":
        return _("Sign in first"), _("Whoever is signed in may send files; what you sent was not read.")
    pages = {
        400: (_("That request could not be understood"), _("Go back, change it, and try once more.")),
        403: (_("You may look, but not change this"), _("Ask the owner of the collection for a higher role.")),
        404: (_("Nothing here"), _("It may have been deleted, or it may not be shared with you.")),
        408: (_("That took too long"), _("Check the connection, then try once more.")),
        413: (_("Too large"), _("Choose a smaller file, or split the archive.")),
        429: (_("A little slower, please"), _("Wait a moment, then try again.")),
        503: (_("Back in a moment"), _("Your pictures are safe. Try again in a few seconds.")),
        507: (_("No room left"), _("Tell the person who runs this site; nothing was lost.")),
    }
    return pages.get(status, (_("That did not work"), _("Go back and try once more.")))


def for_scripts() -> dict[str, str]:
    """Return what the scripts say, in the reader's language."""
    return _for_scripts(get_language())


@lru_cache(maxsize=8)
def _for_scripts(language: str | None) -> dict[str, str]:  # noqa: ARG001  (the words are looked up in it)
    """Say it once in each language: looking thirty sentences up was a tenth of every page."""
    return _of_uploads() | {
        "broken": _("The connection broke. Check it, then try again."),
        "copied": _("Copied."),
        "failed": _("Failed"),
        "full": _("Fetching the picture at its full size"),
        "full_away": _("The picture cannot be shown at its full size just now."),
        "gone": _("This collection is not here for you any more."),
        "loading": _("Loading {n} pictures"),
        "ready": _("Ready"),
        "select_all": _("All {n}"),
        "selected": _("{n} selected"),
        "not": _("not"),
        "too_many": _("At most {n} pictures at once."),
        "undo": _("Undo"),
        "undoing": _("Taking it back"),
        "unseen": _("Searching by {name}, which this browser cannot show."),
        "working": _("Working on {n} pictures"),
    }


def _of_uploads() -> dict[str, str]:
    return {
        "archive": _("{done} of {total} read · {failed} refused · {skipped} already here"),
        "choose_name": _("Name the collection first."),
        "known": _("Already here"),
        "left": _("about {time} left"),
        "minutes": _("{n} min"),
        "network": _("The connection broke; trying again."),
        "pending": _("Waiting to be read"),
        "refused": _("Refused"),
        "seconds": _("{n} s"),
        "sending": _("Sending"),
        "too_large": _("The file is larger than the limit."),
        "totals": _("{sent} of {total} sent · {ready} ready · {known} already here · {refused} refused"),
        "unpacking": _("Unpacking"),
        "waiting": _("In line"),
    }
