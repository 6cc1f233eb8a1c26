"""Accounts that are made, removed, renamed, switched off or given rights leave a line, whichever way it was done."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver
from django.utils import timezone

from retrieval import caller
from retrieval.models import ApiToken, LetterKind, Session, ShareLink
from retrieval.services.people import letters
from retrieval.services.people.accounts import record

WATCHED = ("username", "email", "is_active", "is_staff", "is_superuser")


@receiver(post_save, sender=User)
def made(instance: User, *, created: bool, **_: Any) -> None:
    """Write down a new account."""
    if created:
        record(caller.current().person(), "account.created", instance)


@receiver(post_delete, sender=User)
def removed(instance: User, **_: Any) -> None:
    """Write down an account that is gone."""
    record(caller.current().person(), "account.removed", instance, name=instance.get_username())


@receiver(pre_save, sender=User)
def changed(instance: User, update_fields: Any = None, **_: Any) -> None:
    """Write down what an account may now do that it might not before, and the other way round."""
    watched = [name for name in WATCHED if update_fields is None or name in update_fields]
    before = User.objects.filter(pk=instance.pk).values(*watched).first() if instance.pk and watched else None
    now = {name: getattr(instance, name) for name in watched}
    if before and (new := {name: value for name, value in now.items() if before[name] != value}):
        record(caller.current().person(), "account.changed", instance, **new)
        if new.get("is_active") is False:  # what opened it does not come back to life with it
            Session.objects.filter(user=instance).delete()
            ApiToken.objects.filter(user=instance).delete()
            ShareLink.objects.filter(made_by=instance, ended_at=None).update(ended_at=timezone.now())
        if "email" in new and before["email"]:
            letters.queue(LetterKind.NEW_ADDRESS, user=instance, address=before["email"])


def rights_given(instance: Any, *, action: str, reverse: bool, pk_set: Any = None, **_: Any) -> None:
    """Write down rights and groups that an account was given or lost."""
    if action in {"post_add", "post_remove", "post_clear"} and not reverse:
        keys = sorted(pk_set or ())
        record(caller.current().person(), "account.rights", instance, act=action.removeprefix("post_"), keys=keys)


for _through in (User.groups.through, User.user_permissions.through):
    m2m_changed.connect(rights_given, sender=_through)
