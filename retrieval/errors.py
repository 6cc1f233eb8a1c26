"""Every error that the app raises on purpose: a stable code, a plain sentence, and the field at fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Fields = Mapping[str, Sequence[str]]


class RetrievalError(Exception):
    """The root of all expected errors; an edge turns each class into its answer.

    ``status`` is the class's HTTP status, for every edge alike; ``code`` is stable and for programs, ``message`` is one
    sentence for people, ``fields`` names the inputs at fault (name -> sentences).
    """

    status = 500
    code = "error"

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


class Forbidden(RetrievalError):
    """The caller may see it but not change it."""

    status = 403
    code = "forbidden"


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
