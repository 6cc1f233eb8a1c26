"""The WSGI application of the web server, with the code of all pages loaded; the encoder is loaded once it listens."""

from __future__ import annotations

import gc
import os
import threading

import structlog
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagesearch.settings")

application = get_wsgi_application()

from retrieval import live_encoders  # noqa: E402  (its models need the application)
from retrieval.errors import RetrievalError  # noqa: E402

get_resolver().url_patterns  # noqa: B018  (loads every page's code: the first page would wait for it)


def load_encoder() -> None:
    """Load the active encoder; when that is not possible now, the first search tries again and says why."""
    try:
        live_encoders.active()
    except (RetrievalError, DatabaseError) as error:
        structlog.get_logger(__name__).warning("encoder_not_loaded", reason=str(error))
    finally:
        connection.close()
        # The collector has no more to look at all this, which stays: with it a thousand new connections cost seconds.
        gc.freeze()


def load_encoder_beside() -> None:
    """Begin to load it in a thread of its own, so that the first search need not wait, nor the first page."""
    threading.Thread(target=load_encoder, name="load-encoder", daemon=True).start()
