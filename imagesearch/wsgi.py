"""The WSGI application of the web server; the encoder is loaded beside it, so that the first search need not wait."""

from __future__ import annotations

import gc
import os
import threading

import structlog
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagesearch.settings")

application = get_wsgi_application()

from retrieval import live_encoders  # noqa: E402  (its models need the application)
from retrieval.errors import RetrievalError  # noqa: E402


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


threading.Thread(target=load_encoder, name="load-encoder", daemon=True).start()
