"""The Celery application; its settings are the CELERY_ names of ``imagesearch.settings``."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init

from imagesearch import ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagesearch.settings")

app = Celery("imagesearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# The scheduler sends tasks by name; an application that knows none of them spares it the memory of torch.
schedule = Celery("imagesearch", set_as_current=False)
schedule.config_from_object("django.conf:settings", namespace="CELERY")


def reconcile_now(**_: Any) -> None:
    """Put right at once what the last stop left, instead of 30 seconds later, and do what was missed at night."""
    schedule.send_task("retrieval.tasks.reconcile", expires=300)
    for name in ("guard_recall", "drop_expired"):
        schedule.send_task(f"retrieval.tasks.{name}", expires=3600)


beat_init.connect(reconcile_now)
# All code is loaded. Said before ``retrieval.tasks`` looks at the weights: without them a site starts, its worker later
celeryd_init.connect(ready.say)
