"""Sessions: kept by digest, ended by idleness or age, listed and ended by their person; Django's engine for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from retrieval import caller, conf
from retrieval.errors import NotFound
from retrieval.models import Session
from retrieval.services.people.accounts import ADDRESS_LENGTH, digest, record

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

SEEN_STEP = timedelta(minutes=5)


class SessionStore(SessionBase):
    """What Django asks of a store of sessions. A row's age counts from the sign-in, as that always makes a new one."""

    def load(self) -> dict[str, Any]:
        """Return what the session holds; one that is unknown or over is nobody's and empty.

        The time when it was last seen is written at most every five minutes, so that reading stays reading.
        """
        row = next(iter(self._row().filter(_living()).order_by()), None) if self.session_key else None
        if row is None:
            self._session_key = None
            return {}
        now = timezone.now()
        if now - row.seen_at > SEEN_STEP:
            self._row().update(seen_at=now)
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        """Tell whether there is a session with this key."""
        return Session.objects.filter(session_key=digest(session_key)).exists()

    def create(self) -> None:
        """Begin a new one, from this moment and this caller."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Keep what it holds. Raises UpdateError when it was ended meanwhile, and CreateError for a key in use."""
        if self.session_key is None:
            self.create()
            return
        data: dict[str, Any] = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        if must_create:
            self._insert(data)
        elif not self._row().update(session_data=self.encode(data), user=_person(data)):
            raise UpdateError

    def delete(self, session_key: str | None = None) -> None:
        """End this session, or the one with the key."""
        if key := session_key or self.session_key:
            Session.objects.filter(session_key=digest(key)).delete()

    @classmethod
    def clear_expired(cls) -> None:
        """Drop the rows of sessions that are over."""
        Session.objects.exclude(_living()).delete()

    def _row(self) -> QuerySet[Session]:
        return Session.objects.filter(session_key=digest(str(self.session_key)))

    def _insert(self, data: dict[str, Any]) -> None:
        asking, now = caller.current(), timezone.now()
        try:
            with transaction.atomic():
                Session.objects.create(
                    session_key=digest(str(self.session_key)),
                    session_data=self.encode(data),
                    user_id=_person(data),
                    created_at=now,
                    seen_at=now,
                    expire_date=now + timedelta(days=conf.get().session_days),
                    address=asking.address[:ADDRESS_LENGTH],
                    agent=asking.agent,
                )
        except IntegrityError:
            raise CreateError from None


def sessions_of(user: User) -> QuerySet[Session]:
    """Return the user's sessions that still open something, the last seen first."""
    return Session.objects.filter(_living(), user=user)


def is_same(row: Session, session_key: str | None) -> bool:
    """Tell whether the row is the session of the browser that holds this key."""
    return bool(session_key) and row.session_key == digest(str(session_key))


def end(session_id: UUID, *, user: User) -> None:
    """End one of the user's sessions at once. Commits. Raises NotFound for anybody else's."""
    with transaction.atomic():
        if not Session.objects.filter(id=session_id, user=user).delete()[0]:
            raise NotFound("There is no such session.")
        record(user, "session.ended", user)


def end_others(user: User, *, session_key: str | None) -> int:
    """End all of the user's sessions but the one with this key; return how many. Commits."""
    with transaction.atomic():
        count = Session.objects.filter(user=user).exclude(session_key=digest(session_key or "")).delete()[0]
        record(user, "sessions.ended", user, count=count)
    return count


def _living() -> Q:
    now = timezone.now()
    return Q(expire_date__gt=now, seen_at__gt=now - timedelta(hours=conf.get().session_idle_hours))


def _person(data: dict[str, Any]) -> int | None:
    return int(data[SESSION_KEY]) if SESSION_KEY in data else None
