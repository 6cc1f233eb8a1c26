"""Collections of pictures, their members, and the one rule of who sees what."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from retrieval import conf
from retrieval.models.bounds import COLLECTION_NAME_LENGTH, DESCRIPTION_LENGTH, USERNAME_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    Viewer = User | AnonymousUser  # who looks: every right is asked of one of these


class Visibility(models.TextChoices):
    """Who besides the owner sees a collection."""

    PRIVATE = "private", "Private"
    SHARED = "shared", "Shared"
    PUBLIC = "public", "Public"


class Role(models.TextChoices):
    """What a member may do; each role includes the ones before it. The owner stands above all."""

    VIEWER = "viewer", "Viewer"
    CONTRIBUTOR = "contributor", "Contributor"
    MANAGER = "manager", "Manager"
    OWNER = "owner", "Owner"

    @property
    def rank(self) -> int:
        """0 for a viewer up to 3 for the owner."""
        return list(Role).index(self)


def visible_condition(user: Viewer) -> Q:
    """Return the condition on ``Collection`` that every surface uses: private, shared, public.

    Private: the owner. Shared: the owner and the members. Public: everyone signed in, and visitors where the
    operator opened public search. A deleted collection is seen by nobody.
    """
    alive = Q(deleted_at=None)
    if not user.is_authenticated:
        return alive & Q(visibility=Visibility.PUBLIC) if conf.get().public_search else Q(pk__in=[])
    member = Membership.objects.filter(user_id=user.pk or 0).values("collection_id")
    return alive & (
        Q(owner_id=user.pk) | Q(visibility=Visibility.PUBLIC) | Q(visibility=Visibility.SHARED, pk__in=member)
    )


class CollectionQuerySet(models.QuerySet["Collection"]):
    """Filters on collections."""

    def visible_to(self, user: Viewer) -> CollectionQuerySet:
        """Keep the collections that this person may see."""
        return self.filter(visible_condition(user))


class Collection(models.Model):
    """A set of pictures with one owner and one rule of visibility."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=COLLECTION_NAME_LENGTH)
    description = models.TextField(blank=True, max_length=DESCRIPTION_LENGTH)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_collections", db_constraint=False
    )
    local_features = models.BooleanField(
        default=False, db_default=False, help_text="Keep what is needed to tell edited copies, about 10 kB a picture."
    )
    drop_place = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Do not keep where new pictures were taken; their files stay as sent.",
    )
    regions = models.BooleanField(
        default=False, db_default=False, help_text="Keep vectors of parts of the pictures, some 10 kB a picture."
    )
    read_text = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Read the words on the pictures, a second or so of a processor for each.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one collection; without a ``user`` it is pending: somebody of that name is asked in.

    Whether there is anybody of that name is not looked at until they accept.
    """

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="memberships", db_constraint=False
    )
    username = models.CharField(max_length=USERNAME_LENGTH, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+", db_constraint=False
    )
    declined_at = models.DateTimeField(null=True, editable=False)
    role = models.CharField(
        max_length=12, choices=[choice for choice in Role.choices if choice[0] != Role.OWNER], default=Role.VIEWER
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["username"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "user"], name="one_role_per_member"),
            models.UniqueConstraint(
                fields=["collection", "username"], condition=Q(user=None), name="one_invitation_per_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"

    def save(self, *args: Any, **options: Any) -> None:
        """Write down a member's name as well, by which lists are ordered."""
        if self.user:
            self.username = self.user.get_username()
        super().save(*args, **options)

    @property
    def pending(self) -> bool:
        """Nobody has accepted yet."""
        return self.user_id is None

    @property
    def name(self) -> str:
        """What the person is called now, or was asked by."""
        return self.user.get_username() if self.user else self.username
