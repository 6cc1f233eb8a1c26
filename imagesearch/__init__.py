"""The project: configuration and wiring, no behaviour."""

from imagesearch.celery import app as celery_app
from retrieval import __version__

__all__ = ["__version__", "celery_app"]
