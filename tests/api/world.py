"""A small world in which each actor has a place: what the matrix of actors and addresses is tried on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4

import numpy as np
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponseBase
from rest_framework.test import APIClient

from retrieval.models import Alert, ArchiveImport, Concept, Heartbeat, Membership, Source
from retrieval.services.images import images, share_links
from retrieval.services.images.share_links import LinkRequest
from retrieval.services.people import accounts
from retrieval.services.searching import receipts
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import watches
from retrieval.services.watching.watches import Least, WatchRequest
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

NOT_THERE = "00000000-0000-4000-8000-00000000dead"


class World:
    """A shared collection with an owner, a member of each role, a ready picture with its files, and an archive."""

    def __init__(self) -> None:
        self.signed: dict[str, tuple[SimpleCookie, str]] = {}
        names = ("stranger", "viewer", "contributor", "manager", "owner")
        self.people = {name: UserFactory(username=name) for name in names}
        self.people["staff"] = UserFactory(username="staff", is_staff=True, is_superuser=True)
        # Staff without any right, and with the one right by which administrators are told.
        self.people["helper"], self.people["steward"] = (
            UserFactory(username=name, is_staff=True) for name in ("helper", "steward")
        )
        self.people["steward"].user_permissions.add(Permission.objects.get(codename="change_encoder"))
        self.collection = CollectionFactory(owner=self.people["owner"], visibility="shared")
        for role in ("viewer", "contributor", "manager"):
            Membership.objects.create(collection=self.collection, user=self.people[role], role=role)
        self.encoder = EncoderFactory(dimension=3)
        self.image = ImageFactory(collection=self.collection)
        embed([self.image], encoder=self.encoder, raw=np.ones((1, 3), dtype=np.float32))
        for path in (images.file_path(self.image), *(images.thumbnail_path(self.image, size) for size in (320, 1280))):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not looked at")
        Heartbeat.objects.create(name="scheduler", kind="scheduler")
        _, self.receipt = receipts.searched(SearchRequest(text="anything"), user=self.people["owner"])
        self.concept = Concept.objects.create(user=self.people["owner"], name="Hat")
        search = SearchRequest(images=(self.image.pk,))
        self.watch = watches.create(WatchRequest("Like it", search, Least(score=0.9)), user=self.people["owner"])
        self.alert = Alert.objects.create(
            id=uuid4(), watch=self.watch, image=self.image, score=1.0, threshold=0.9, encoder=self.encoder.name
        )
        self.secret, self.link = share_links.make(
            self.collection, user=self.people["owner"], wanted=LinkRequest(name="For all")
        )
        self.source = Source.objects.create(
            collection=self.collection, user=self.people["owner"], name="Gate", kind="address",
            place="https://camera.example/x.jpg", every_minutes=5,
        )  # fmt: skip
        self.archive = ArchiveImport.objects.create(
            user=self.people["owner"], collection=self.collection, name="birds.zip"
        )
        self.sign_all_in()

    def status(self, address: str, rule: Any, *, actor: str) -> int:
        """Ask, undo what the asking did, and return the status."""
        with self.undone():
            return self.ask(address, rule, actor=actor).status_code

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what happens inside."""
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    def ask(self, address: str, rule: Any, *, actor: str) -> HttpResponseBase:
        """Ask as an actor: the API by token and in JSON, or a form where a file is sent; pages by session and form."""
        by_api = address.startswith("api/")
        client = self.client(actor, by_api=by_api)
        body = self.body(rule.body)
        if rule.method == "get":
            return client.get(self.path(address), body)
        as_json = by_api and "file" not in (body or {})
        return getattr(client, rule.method)(self.path(address), body, format="json" if as_json else "multipart")

    def sign_all_in(self) -> None:
        """Sign each actor in once for all that follows: it would be a quarter of each call."""
        for actor in self.people:
            page = APIClient()
            page.force_login(self.people[actor])
            self.signed[actor] = page.cookies, accounts.issue_token(self.people[actor])[0]
            accounts.user_of_token(self.signed[actor][1])  # its first use is written down, and would be at each call

    def client(self, actor: str, *, by_api: bool) -> APIClient:
        """Return a client that calls as the actor."""
        client = APIClient()
        if actor == "anonymous":
            return client
        cookies, token = self.signed[actor]
        if by_api:
            client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        else:
            client.cookies = deepcopy(cookies)
        return client

    def path(self, address: str) -> str:
        """Return the address with the world's ids in their places."""
        known = {
            "image_id": self.image.pk,
            "collection_id": self.collection.pk,
            "encoder_id": self.encoder.pk,
            "import_id": self.archive.pk,
            "job_id": self.archive.pk,
            "kind": "imports",
            "receipt_id": self.receipt.pk,
            "concept_id": self.concept.pk,
            "watch_id": self.watch.pk,
            "alert_id": self.alert.pk,
            "link_id": self.link.pk,
            "source_id": self.source.pk,
            "secret": self.secret,
            "username": "viewer",
            "size": 320,
            "seed": 1,
            "n": 1,
        }
        filled = re.sub(r"<(\w+)>", lambda found: str(known.get(found[1], NOT_THERE)), address)
        return "/" + filled.replace("^.*$", "nothing/")

    def body(self, template: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return the body with the world's things in their places."""
        if template is None:
            return None
        things = {
            "FILE": SimpleUploadedFile("x.jpg", b"neither a picture nor an archive"),
            "IMAGE": str(self.image.pk),
            "COLLECTION": str(self.collection.pk),
            "NAME": self.collection.name,
        }

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(each) for each in value]
            return things.get(value, value) if isinstance(value, str) else value

        return {name: filled(value) for name, value in template.items()}
