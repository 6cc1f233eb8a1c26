"""Every error that the app raises on purpose: a stable code, a plain sentence, and the field at fault."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from types import MappingProxyType

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # disk, quota or largest file that may be is full

Fields = Mapping[str, Sequence[str]]


class RetrievalError(Exception):
    """The root of all expected errors; an edge turns each class into its answer.

    ``status`` is the class's HTTP status, for every edge alike; ``code`` is stable and for programs, ``message`` is one
    sentence for people, ``headers`` go with the answer, ``fields`` names the inputs at fault (name -> sentences).
    """

    status = 500
    code = "error"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, *, code: str | None = None, fields: Fields | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.fields: dict[str, list[str]] = {name: list(texts) for name, texts in (fields or {}).items()}


class InvalidInput(RetrievalError):
    """The request cannot be understood or is out of bounds."""

    status = 400
    code = "invalid_input"

    @classmethod
    def of(cls, field: str, message: str, *, code: str | None = None) -> InvalidInput:
        """Build the error for one field, so that the message and the field's message agree."""
        return cls(message, code=code, fields={field: [message]})


class NotFound(RetrievalError):
    """It does not exist, or the caller may not know that it does."""

    status = 404
    code = "not_found"


class LinkOver(RetrievalError):
    """The share link was ended, or its time is over."""

    status = 410
    code = "share_link_over"


class Forbidden(RetrievalError):
    """The caller may see it but not change it."""

    status = 403
    code = "forbidden"


class CodeNeeded(RetrievalError):
    """Name and password are right, and the account asks for the code of its second factor."""

    status = 401
    code = "code_needed"

    def __init__(self, message: str = "This account asks for the code of its second factor.", **options: str) -> None:
        super().__init__(message, code=options.get("code"))


class AdministratorsOnly(Forbidden):
    """No role of a collection opens this."""


class Conflict(RetrievalError):
    """The state of things does not allow it now."""

    status = 409
    code = "conflict"


class TooLarge(RetrievalError):
    """More bytes, pixels, frames or members than the limits allow."""

    status = 413
    code = "too_large"


class UnsupportedPicture(RetrievalError):
    """Not an allowed picture, or one that cannot be decoded."""

    status = 415
    code = "unsupported_picture"


class TooMany(RetrievalError):
    """A rate or a quota is used up."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Unavailable(RetrievalError):
    """A server or the encoder is not there now; trying again later may work."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 5, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk has no room for the picture; nothing was kept."""

    status = 507
    code = "storage_full"


class WeightsError(RetrievalError):
    """A weights file is missing, altered or does not fit its spec; no image is to blame."""

    status = 503
    code = "weights_invalid"


def gettext_noop(sentence: str) -> str:
    """Mark a sentence for the translators, who find it by this name."""
    return sentence


# Every code that an answer, a row or a page can have, with the sentence for it where no figures are at hand.
SENTENCES = {
    "account_closed": gettext_noop("The account is closed."),
    "adopted_already": gettext_noop("An encoder was made of this row already."),
    "ambiguous_name": gettext_noop("Several pictures have this name; name the one by its id."),
    "archive_damaged": gettext_noop("The archive is damaged."),
    "archive_missing": gettext_noop("The file of the archive is gone."),
    "archive_not_read": gettext_noop("An archive or an office document is not read as a picture."),
    "archive_overlap": gettext_noop("Parts of the archive overlap; it is not taken apart."),
    "archive_too_large": gettext_noop("The archive is larger than the limits allow."),
    "archive_too_many_members": gettext_noop("The archive has more files than the limit."),
    "archive_too_slow": gettext_noop("Reading the pictures of the archive took too long; those read before are kept."),
    "attempts_exhausted": gettext_noop("Reading this picture failed every time it was tried."),
    "body_too_large": gettext_noop("This is larger than the limit."),
    "busy": gettext_noop("Many requests wait already. Please try again in a moment."),
    "compression_unfinished": gettext_noop("Nothing is measured yet."),
    "concept_untaught": gettext_noop("Show it a picture that is it, and one that is not."),
    "code_needed": gettext_noop("This account asks for the code of its second factor."),
    "code_wrong": gettext_noop("This code is not right, or it was used already."),
    "conflict": gettext_noop("The state of things does not allow this now."),
    "decoder_crashed": gettext_noop("This picture ended the program that reads pictures."),
    "decoder_memory": gettext_noop("Reading this picture takes more memory than the limit."),
    "decoder_timeout": gettext_noop("Reading this picture takes too long."),
    "decoder_unavailable": gettext_noop("The program that reads pictures does not start."),
    "decoder_unprotected": gettext_noop(
        "Pictures are not read here: this server cannot protect itself from them. Tell whoever runs the site."
    ),
    "decoders_busy": gettext_noop("Many pictures are being read just now. Please try again in a moment."),
    "decoding_used_up": gettext_noop("Reading your pictures took a lot of time. Please wait a moment."),
    "dicom_kind_not_read": gettext_noop("This medical file holds no picture, or one packed in a way not read here."),
    "dicom_not_read": gettext_noop(
        "Medical pictures (DICOM) are not read here. Send it as PNG or TIFF; or the operator runs `make extras`."
    ),
    "diverged": gettext_noop("The loss is not a number any more; a smaller learning rate may help."),
    "drawing_not_read": gettext_noop("Drawings (SVG, EPS) are not read here. Send it as PNG."),
    "encoder_active": gettext_noop("This encoder is in use."),
    "encoder_incomplete": gettext_noop("The encoder is not built to the end yet."),
    "encoder_worse": gettext_noop("It scores worse than the active one. Give a reason to switch all the same."),
    "encrypted_member": gettext_noop("The file in the archive is encrypted."),
    "error": gettext_noop("That did not work."),
    "features_invalid": gettext_noop("These are no local features."),
    "fetchers_busy": gettext_noop("Many addresses are being fetched just now. Please try again in a moment."),
    "fetching_off": gettext_noop("Fetching from addresses is switched off here."),
    "file_empty": gettext_noop("The file is empty."),
    "file_missing": gettext_noop("The file is not there."),
    "file_too_large": gettext_noop("The file is larger than the limit."),
    "folder_missing": gettext_noop("There is no such folder now, or the site may not read it."),
    "folder_not_allowed": gettext_noop("This is none of the folders that the operator has opened for reading."),
    "forbidden": gettext_noop("You may look, but not change this."),
    "draws_nothing": gettext_noop("Only a finished run of the recipes gan and autoencoder can draw."),
    "format_not_allowed": gettext_noop("This kind of file is not read here."),
    "heic_not_read": gettext_noop(
        "HEIC pictures, as iPhones take them, are not read here. Send it as JPEG; or the operator runs `make extras`."
    ),
    "idempotency_key_reused": gettext_noop("This key was used for another request already."),
    "identity_taken": gettext_noop("This identity opens another account here."),
    "image_changed": gettext_noop("The picture was changed since."),
    "image_failed": gettext_noop("This picture could not be read."),
    "image_moved": gettext_noop("The picture was moved at this moment; look again."),
    "image_pending": gettext_noop("This picture is still waiting to be read."),
    "image_too_large": gettext_noop("The picture is larger than the limits allow."),
    "index_building": gettext_noop("An index is being built already."),
    "internal_error": gettext_noop("Something went wrong on the server; it has been written down."),
    "invalid_credentials": gettext_noop("Name and password do not fit together."),
    "invalid_input": gettext_noop("Something in this request is out of bounds."),
    "invalid_token": gettext_noop("This token opens nothing."),
    "jpeg_xl_not_read": gettext_noop(
        "JPEG XL pictures are not read here. Send it as JPEG or PNG; or the operator runs `make extras`."
    ),
    "length_required": gettext_noop("The request does not say how long it is."),
    "link_used": gettext_noop("This link was used already, or it is too old."),
    "long_job_going": gettext_noop("Stop it first; only one that is over can be removed."),
    "long_job_not_over": gettext_noop("Only what failed or was stopped can be begun again."),
    "mail_off": gettext_noop("No mail server is set here."),
    "mail_refused": gettext_noop("The mail server does not take mail for this address."),
    "mail_unreachable": gettext_noop("The mail server takes no mail just now."),
    "malformed": gettext_noop("The request cannot be read."),
    "member_damaged": gettext_noop("The file in the archive is damaged."),
    "memory_full": gettext_noop("There was too little memory for this."),
    "method_not_allowed": gettext_noop("This address does not take such a request."),
    "name_taken": gettext_noop("There is an encoder of this name already."),
    "named_twice": gettext_noop("A row before this one is about the same picture."),
    "nested_archive": gettext_noop("An archive inside an archive is not opened."),
    "no_address": gettext_noop("This account has no address of mail; set one on the account page."),
    "no_encoder": gettext_noop("No encoder is active yet."),
    "no_places": gettext_noop("This encoder ends in layers that know no places."),
    "not_acceptable": gettext_noop("The answer cannot be given in the form that was asked for."),
    "not_authenticated": gettext_noop("Nobody is signed in."),
    "not_empty": gettext_noop("There is something in the place already."),
    "not_found": gettext_noop("There is nothing here, or it is not yours to see."),
    "nothing_to_change": gettext_noop("Nothing was given that could be changed."),
    "original_missing": gettext_noop("The original file is missing."),
    "originals_elsewhere": gettext_noop("This server does not see the pictures' folder; tell whoever runs the site."),
    "password_incorrect": gettext_noop("The old password is not right."),
    "passwords_off": gettext_noop("Nobody signs in by a password here; use the house's own sign-in."),
    "pdf_encrypted": gettext_noop("This PDF document asks for a password. Send it without one."),
    "pdf_not_read": gettext_noop(
        "PDF documents are not read here. Send their pages as pictures; or the operator runs `make extras`."
    ),
    "picture_damaged": gettext_noop("The picture is damaged or cut off."),
    "picture_gone": gettext_noop("The picture that this key made was deleted."),
    "picture_too_slow": gettext_noop("This picture is built so that reading it would take too long."),
    "provider_away": gettext_noop("The house's sign-in does not answer just now. Please try again in a moment."),
    "provider_refused": gettext_noop(
        "The house's sign-in did not let you in here. Begin again, or ask whoever runs the site."
    ),
    "quota_exceeded": gettext_noop("Your space here is used up."),
    "range_not_satisfiable": gettext_noop("The file has no such part."),
    "rate_limited": gettext_noop("That was a lot in a short time. Please wait a moment."),
    "raw_not_read": gettext_noop("This raw file of a camera holds no picture that is read here. Send it as JPEG."),
    "reading_missing": gettext_noop("Words in pictures are not read here. The operator runs `make extras`."),
    "receipt_altered": gettext_noop("This receipt was altered."),
    "run_named_so": gettext_noop("A run of this name is in line or going on already."),
    "second_factor_on": gettext_noop("The second factor is on already."),
    "same_picture": gettext_noop("The collection has this very picture already."),
    "search_timeout": gettext_noop("The search took too long; narrow it."),
    "share_link_over": gettext_noop("This link shows nothing any more. Ask whoever gave it to you for a new one."),
    "signed_out": gettext_noop("Please sign in again."),
    "sound_not_read": gettext_noop("This is a sound recording, not a picture."),
    "special_member": gettext_noop("This is not a plain file."),
    "storage_full": gettext_noop("The disk is full; nothing was kept."),
    "text_not_read": gettext_noop("This is text, not a picture."),
    "tiff_kind_not_read": gettext_noop("This TIFF is sound, but its kind is not read here. Send it as PNG or JPEG."),
    "token_only_reads": gettext_noop("This token may only read."),
    "too_large": gettext_noop("This is larger than the limit."),
    "too_many_pages": gettext_noop("The document has more pages than the limit."),
    "too_many_redirects": gettext_noop("The address leads from one to the next too often."),
    "too_many_tags": gettext_noop("The picture would have more tags than it may."),
    "too_slow": gettext_noop("The request came in too slowly. Please send it again."),
    "took_too_long": gettext_noop("This took longer than it may."),
    "unavailable": gettext_noop("A part of the system is not there just now. Please try again in a moment."),
    "undone_already": gettext_noop("This was taken back already."),
    "unexpected": gettext_noop("Something went wrong that nobody expected; the log says more."),
    "unknown_compression": gettext_noop("The file in the archive is packed in an unknown way."),
    "unknown_field": gettext_noop("There is no field of this name."),
    "unreadable_file": gettext_noop("The file cannot be read."),
    "unsafe_name": gettext_noop("The name of the file leads out of the archive."),
    "unsupported_media_type": gettext_noop("A body of this kind is not read here."),
    "unsupported_picture": gettext_noop("This is not a picture that can be read here."),
    "url_not_allowed": gettext_noop("Only http and https addresses on the open internet are fetched."),
    "url_unreachable": gettext_noop("Nothing could be fetched from this address."),
    "vector_invalid": gettext_noop("The encoder gave a vector that nothing can be compared with."),
    "video_kind_not_read": gettext_noop("Videos of this kind are not read here. Send it as MP4 or WebM."),
    "video_not_read": gettext_noop("Videos are not read here. The operator runs `make extras-video`."),
    "weights_altered": gettext_noop("The encoder's weights are not the registered ones."),
    "weights_gone": gettext_noop("The weights of this line are not kept any more; measure again."),
    "weights_invalid": gettext_noop("The encoder's weights are missing or altered."),
    "worker_ended": gettext_noop("This ended its worker every time it was tried."),
}
