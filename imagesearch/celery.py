"""The Celery application; its settings are the CELERY_ names of ``imagesearch.settings``."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagesearch.settings")

app = Celery("imagesearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# The scheduler sends tasks by name; an application that knows none of them spares it the memory of torch.
schedule = Celery("imagesearch", set_as_current=False)
schedule.config_from_object("django.conf:settings", namespace="CELERY")
