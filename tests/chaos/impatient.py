"""The hooked settings with a broker that takes a worker for dead after a second and gives its message to another."""

from __future__ import annotations

from imagesearch.settings import CELERY_BROKER_TRANSPORT_OPTIONS as PATIENT
from tests.chaos.hooked import *  # noqa: F403

CELERY_BROKER_TRANSPORT_OPTIONS = {**PATIENT, "visibility_timeout": 1, "unacked_restore_interval": 1}
