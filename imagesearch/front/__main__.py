"""Starts the web server: ``python -m imagesearch.front``."""

from __future__ import annotations

from imagesearch import wsgi  # comes first: what follows needs Django's apps
from imagesearch.front.serving import serve

if __name__ == "__main__":
    serve(wsgi.application, listens=wsgi.load_encoder_beside)
