"""The project: configuration and wiring, no behaviour."""

import os

os.environ.setdefault("NOSETPS", "1")  # Celery leaves its programs the line that they were started with

# Read as numpy is loaded: after each product its threads would wait by spinning, some 50 ms of processor.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

from imagesearch.celery import app as celery_app
from retrieval import __version__

__all__ = ["__version__", "celery_app"]
