"""What waits for a person to decide: unseen alerts, and copies among pictures that they may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.services.copies import groups
from retrieval.services.watching import alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 100  # are counted of each


@dataclass(frozen=True)
class Waiting:
    """How many there are of each, at most MOST."""

    copies: int
    alerts: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.copies + self.alerts


def waiting(user: User) -> Waiting:
    """Count them. No count goes beyond MOST, but all pictures of somebody without copies are looked at for that."""
    return Waiting(groups.undecided(user, most=MOST), alerts.unseen(user, most=MOST))
