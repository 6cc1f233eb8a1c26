"""The project: configuration and wiring, no behaviour."""

import os

os.environ.setdefault("NOSETPS", "1")  # Celery leaves its programs the line that they were started with

from imagesearch.celery import app as celery_app
from retrieval import __version__

__all__ = ["__version__", "celery_app"]
