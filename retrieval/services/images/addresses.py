"""Pictures by their web address: fetched for those who may add them, then put in like an uploaded file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from retrieval import conf
from retrieval.errors import Forbidden, InvalidInput, Unavailable
from retrieval.ingest import Credentials, fetch
from retrieval.models import Collection, Role
from retrieval.services.images import images
from retrieval.services.images.image_fields import checked
from retrieval.services.images.images import Added, ImageChanges, Upload
from retrieval.services.people import limits, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

NOTHING_SAID = ImageChanges()


def add(url: str, *, user: User, collection: Collection, texts: ImageChanges = NOTHING_SAID) -> Added:
    """Fetch a picture and add it; the address becomes its source unless another one is given. A contributor may.

    Nothing is asked of any server before the rights are known. Raises what ``images.add`` raises, InvalidInput naming
    ``url``, Forbidden when the operator has switched fetching off, TooMany, and Unavailable when many fetch at once.
    """
    rights.require_role(collection, user=user, role=Role.CONTRIBUTOR)
    found = fetched(url, user=user)
    if texts.source_url is None:
        texts = replace(texts, source_url=url)
    upload = Upload(io.BytesIO(found.data), name=found.name, texts=texts)
    return images.add(upload, user=user, collection=collection)


def fetched(url: str, *, user: Viewer) -> fetch.Fetched:
    """Fetch a file for somebody with an account.

    Raises InvalidInput naming ``url``, Forbidden for a visitor and where fetching is off, TooMany, Unavailable.
    """
    if not user.is_authenticated:
        raise Forbidden("Sign in to have a picture fetched from an address.")
    check(url)
    limits.fetch(user)
    with _place():
        return fetch.fetch(url, rules())


def snapshot(url: str, *, credentials: Credentials | None = None) -> fetch.Fetched:
    """Fetch what a camera shows, for a schedule; networks of the operator's own are open to it.

    Raises InvalidInput naming ``url``, TooLarge, Forbidden where fetching is off, Unavailable.
    """
    check(url)
    inside = conf.get().source_networks
    with _place():
        return fetch.fetch(url, replace(rules(), inside=inside, credentials=credentials))


def rules(*, seconds: float | None = None) -> fetch.FetchRules:
    """The bounds of one call, else in so many seconds; which addresses may be connected is left as strict as it is."""
    bounds = conf.get().limits
    seconds = bounds.fetch_seconds if seconds is None else seconds
    return fetch.FetchRules(most_bytes=bounds.image_bytes, seconds=seconds, own_names=conf.get().own_names)


def check(url: str) -> None:
    """Raise InvalidInput (url) for what is no address, and Forbidden where the operator has switched calls off."""
    if not conf.get().fetch:
        raise Forbidden("Fetching from addresses is switched off here.", code="fetching_off")
    try:
        checked(ImageChanges(source_url=url))
    except InvalidInput as error:
        raise InvalidInput.of("url", error.message, code="url_not_allowed") from error


@contextmanager
def _place() -> Iterator[None]:
    """Hold one of the few places: slow servers must not keep every thread of this one waiting."""
    places = _places()
    if not places.acquire(blocking=False):
        raise Unavailable("Many addresses are being fetched just now; try again in a moment.", code="fetchers_busy")
    try:
        yield
    finally:
        places.release()


@cache
def _places() -> BoundedSemaphore:
    return BoundedSemaphore(conf.get().limits.fetches_at_once)
