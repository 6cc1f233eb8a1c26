"""The words of the pages that are chosen by a code: reasons, states, error pages, and what the scripts say."""

from __future__ import annotations

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from retrieval.models import Measure, Role, Visibility

REASONS = {
    "account_closed": gettext_lazy("The account is closed."),
    "archive_damaged": gettext_lazy("The archive is damaged."),
    "archive_overlap": gettext_lazy("Parts of the archive overlap; it is not taken apart."),
    "archive_too_large": gettext_lazy("The archive is larger than the limits allow."),
    "archive_too_many_members": gettext_lazy("The archive has more files than the limit."),
    "archive_too_slow": gettext_lazy("Reading the pictures of the archive took too long; those read before are kept."),
    "attempts_exhausted": gettext_lazy("Reading this picture failed every time it was tried."),
    "body_too_large": gettext_lazy("This is larger than the limit."),
    "busy": gettext_lazy("Many requests wait already. Please try again in a moment."),
    "compression_unfinished": gettext_lazy("Nothing is measured yet."),
    "conflict": gettext_lazy("The state of things does not allow this now."),
    "decoder_crashed": gettext_lazy("This picture ended the program that reads pictures."),
    "decoder_memory": gettext_lazy("Reading this picture takes more memory than the limit."),
    "decoder_unprotected": gettext_lazy(
        "Pictures are not read here: this server cannot protect itself from them. Tell whoever runs the site."
    ),
    "decoder_timeout": gettext_lazy("Reading this picture takes too long."),
    "decoders_busy": gettext_lazy("Many pictures are being read just now. Please try again in a moment."),
    "decoding_used_up": gettext_lazy("Reading your pictures took a lot of time. Please wait a moment."),
    "diverged": gettext_lazy("The loss is not a number any more; a smaller learning rate may help."),
    "encoder_active": gettext_lazy("This encoder is in use."),
    "encoder_incomplete": gettext_lazy("The encoder is not built to the end yet."),
    "encoder_worse": gettext_lazy("It scores worse than the active one. Give a reason to switch all the same."),
    "encrypted_member": gettext_lazy("The file in the archive is encrypted."),
    "fetchers_busy": gettext_lazy("Many addresses are being fetched just now. Please try again in a moment."),
    "fetching_off": gettext_lazy("Fetching from addresses is switched off here."),
    "file_empty": gettext_lazy("The file is empty."),
    "heic_not_read": gettext_lazy("HEIC pictures, as iPhones take them, are not read here. Send it as JPEG."),
    "jpeg_xl_not_read": gettext_lazy("JPEG XL pictures are not read here. Send it as JPEG or PNG."),
    "jpeg_2000_not_read": gettext_lazy("JPEG 2000 pictures are not read here. Send it as JPEG or PNG."),
    "raw_not_read": gettext_lazy("A camera's raw files are not read here. Send it as JPEG."),
    "drawing_not_read": gettext_lazy("Drawings (SVG, EPS) are not read here. Send it as PNG."),
    "pdf_not_read": gettext_lazy("PDF documents are not read here. Send their pages as pictures."),
    "dicom_not_read": gettext_lazy("Medical pictures (DICOM) are not read here. Send it as PNG or TIFF."),
    "video_not_read": gettext_lazy("Videos are not read here. Send a still picture of it."),
    "sound_not_read": gettext_lazy("This is a sound recording, not a picture."),
    "archive_not_read": gettext_lazy("An archive or an office document is not read as a picture."),
    "text_not_read": gettext_lazy("This is text, not a picture."),
    "tiff_kind_not_read": gettext_lazy(
        "This TIFF file is sound, but its kind is not read here. Send it as PNG or JPEG."
    ),
    "forbidden": gettext_lazy("You may look, but not change this."),
    "format_not_allowed": gettext_lazy("This kind of file is not read here."),
    "image_failed": gettext_lazy("This picture could not be read."),
    "image_moved": gettext_lazy("The picture was moved at this moment; look again."),
    "image_pending": gettext_lazy("This picture is still waiting to be read."),
    "image_too_large": gettext_lazy("The picture is larger than the limits allow."),
    "link_used": gettext_lazy("This link was used already, or it is too old."),
    "long_job_going": gettext_lazy("Stop it first; only one that is over can be removed."),
    "long_job_not_over": gettext_lazy("Only what failed or was stopped can be begun again."),
    "member_damaged": gettext_lazy("The file in the archive is damaged."),
    "memory_full": gettext_lazy("There was too little memory for this."),
    "nested_archive": gettext_lazy("An archive inside an archive is not opened."),
    "name_taken": gettext_lazy("There is an encoder of this name already."),
    "no_encoder": gettext_lazy("No encoder is active yet."),
    "not_found": gettext_lazy("There is nothing here, or it is not yours to see."),
    "file_missing": gettext_lazy("The file is not there."),
    "original_missing": gettext_lazy("The original file is missing."),
    "picture_damaged": gettext_lazy("The picture is damaged or cut off."),
    "picture_too_slow": gettext_lazy("This picture is built so that reading it would take too long."),
    "quota_exceeded": gettext_lazy("Your space here is used up."),
    "rate_limited": gettext_lazy("That was a lot in a short time. Please wait a moment."),
    "run_named_so": gettext_lazy("A run of this name is in line or going on already."),
    "same_picture": gettext_lazy("The collection has this very picture already."),
    "search_timeout": gettext_lazy("The search took too long; narrow it."),
    "signed_out": gettext_lazy("Please sign in again."),
    "special_member": gettext_lazy("This is not a plain file."),
    "storage_full": gettext_lazy("The disk is full; nothing was kept."),
    "too_large": gettext_lazy("This is larger than the limit."),
    "too_slow": gettext_lazy("The request came in too slowly. Please send it again."),
    "too_many_redirects": gettext_lazy("The address leads from one to the next too often."),
    "took_too_long": gettext_lazy("This took longer than it may."),
    "unavailable": gettext_lazy("A part of the system is not there just now. Please try again in a moment."),
    "unexpected": gettext_lazy("Something went wrong that nobody expected; the log says more."),
    "unknown_compression": gettext_lazy("The file in the archive is packed in an unknown way."),
    "unreadable_file": gettext_lazy("The file cannot be read."),
    "unsafe_name": gettext_lazy("The name of the file leads out of the archive."),
    "unsupported_picture": gettext_lazy("This is not a picture that can be read here."),
    "url_not_allowed": gettext_lazy("Only http and https addresses on the open internet are fetched."),
    "url_unreachable": gettext_lazy("Nothing could be fetched from this address."),
    "weights_gone": gettext_lazy("The weights of this line are not kept any more; measure again."),
    "weights_invalid": gettext_lazy("The encoder's weights are missing or altered."),
    "worker_ended": gettext_lazy("This ended its worker every time it was tried."),
}

MEASURES = [
    (Measure.COSINE, gettext_lazy("Cosine"), gettext_lazy("The angle between two vectors: the usual choice.")),
    (Measure.EUCLIDEAN, gettext_lazy("Euclidean"), gettext_lazy("The straight distance; strength counts as well.")),
    (Measure.PEARSON, gettext_lazy("Pearson"), gettext_lazy("Correlation: the angle after taking the mean away.")),
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
    "calibrating": gettext_lazy("reading pictures to calibrate on"),
    "building": gettext_lazy("making {name}"),
    "timing": gettext_lazy("measuring speed"),
    "measuring": gettext_lazy("measuring {name}"),
    "training": gettext_lazy("training"),
    "unpacking": gettext_lazy("unpacking"),
}

JOBS = {
    "imports": gettext_lazy("Archives"),
    "evaluations": gettext_lazy("Measuring"),
    "compressions": gettext_lazy("Compression"),
    "training": gettext_lazy("Training"),
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
    "active": gettext_lazy("Active"),
    "retired": gettext_lazy("Retired"),
    "tags": gettext_lazy("Tags"),
    "group_key": gettext_lazy("Belongs to"),
    "judgements": gettext_lazy("judgements"),
    "halves": gettext_lazy("half precision"),
    "bits": gettext_lazy("bits"),
    **{str(value): name for value, name, _text in [*MEASURES, *VISIBILITIES, *ROLES]},
}


def reason(code: str, message: str) -> str:
    """Return the sentence for an error: what the service said, with its figures; in other languages the code's own."""
    english = (get_language() or "en").startswith("en")
    return message if english and message else str(REASONS.get(code, message))


def name(value: str) -> str:
    """Return the word for a state, a role, a visibility, a measure or a part of the system."""
    return str(NAMES.get(value, value))


def stage(text: str) -> str:
    """Return what a long job is doing, empty where nothing need be said."""
    kind, _space, name = text.partition(" ")
    said = STAGES.get(kind)
    return str(said).format(name=name) if said else ""


def grade(value: str) -> str:
    """Return the word for a grade, empty for none; a mean between two grades stays a number."""
    return str(GRADES.get(value, value))


def error_page(status: int, code: str = "") -> tuple[str, str]:
    """Return the title and the way on of an error page."""
    if code == "link_used":
        return _("This link opens nothing any more"), _("Sign in with your password, or ask for a new link.")
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
    return {
        "archive": _("{done} of {total} read · {failed} refused · {skipped} already here"),
        "broken": _("The connection broke. Check it, then try again."),
        "choose_name": _("Name the collection first."),
        "copied": _("Copied."),
        "failed": _("Failed"),
        "known": _("Already here"),
        "left": _("about {time} left"),
        "minutes": _("{n} min"),
        "network": _("The connection broke; trying again."),
        "pending": _("Waiting to be read"),
        "ready": _("Ready"),
        "refused": _("Refused"),
        "seconds": _("{n} s"),
        "sending": _("Sending"),
        "too_large": _("The file is larger than the limit."),
        "totals": _("{sent} of {total} sent · {ready} ready · {known} already here · {refused} refused"),
        "unseen": _("Searching by {name}, which this browser cannot show."),
        "unpacking": _("Unpacking"),
        "waiting": _("In line"),
    }
