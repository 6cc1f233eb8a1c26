"""What a worker requires before it starts: the originals' folder, and the weights of what it embeds with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connections

from retrieval import weight_files
from retrieval.errors import Unavailable, WeightsError
from retrieval.ingest import folder_mark
from retrieval.models import Encoder

log = structlog.get_logger(__name__)


def require_originals(**_: Any) -> None:
    """End a worker, before it forks, on a host that does not see the originals: it would take them all for missing."""
    _require_at_start(folder_mark.require)


def require_weights(options: dict[str, Any], **_: Any) -> None:
    """End a worker that is to embed, before it forks, when the active encoder's weights are missing or altered.

    Whoever started it starts it again, so it goes on by itself once the file is back. Workers for long jobs do not
    need the encoder for archives; a database that is away says nothing of the weights.
    """
    queues = options.get("queues") or [settings.CELERY_TASK_DEFAULT_QUEUE]
    if settings.CELERY_TASK_DEFAULT_QUEUE not in queues:
        return
    _require_at_start(_active_weights)


def _active_weights() -> None:
    row = Encoder.objects.active()
    if row:
        weight_files.require(row.weights_name, sha256=row.weights_sha256)


def _require_at_start(require: Callable[[], None]) -> None:
    """End a worker with the reason of what is required; a database that is away says nothing of that."""
    try:
        require()
    except (Unavailable, WeightsError) as error:
        raise SystemExit(f"The worker does not start: {error.message}") from None
    except DatabaseError as error:
        log.warning("database_away", reason=str(error).strip())
    finally:
        connections.close_all()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # its threads would not live on in a child
