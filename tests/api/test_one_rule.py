"""One rule for all: after any sharing, moving, deleting and leaving every surface shows what a simple oracle says."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import UUID

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from retrieval import conf
from retrieval.ingest import store
from retrieval.models import Visibility
from retrieval.models.collections import CollectionQuerySet
from retrieval.models.images import ImageQuerySet
from retrieval.services import indexes
from tests.api.surfaces import Eyes, Library, wrong
from tests.factories import EncoderFactory, ImageFactory, UserFactory, job
from tests.search.rows import embed

NAMES = ("anna", "ben", "cleo")
STORIES = 20
MORE = int(os.environ.get("IMAGESEARCH_FUZZ_EXAMPLES", "0"))
WHO, ANY = st.integers(0, len(NAMES) - 1), st.integers(0, 99)
VISIBILITIES = st.sampled_from(Visibility.values)
ROLES = st.sampled_from(("viewer", "contributor", "manager"))


@dataclass
class Home:
    """A collection as the oracle knows it; people by number."""

    owner: int
    visibility: str = "private"
    members: set[int] = field(default_factory=set)
    gone: bool = False

    def seen_by(self, who: int) -> bool:
        """The rule, said once more and apart from the code."""
        shared = self.visibility == "shared" and who in self.members
        return not self.gone and (who == self.owner or self.visibility == "public" or shared)


class Sharing(RuleBasedStateMachine):
    """People who share and take back; each step is a call of the API, each look is at every surface."""

    def __init__(self, done: Counter) -> None:
        super().__init__()
        self.done, self.block = done, transaction.atomic()
        self.block.__enter__()
        self.people = [UserFactory(username=name) for name in NAMES]
        self.eyes = [Eyes(person) for person in self.people]
        self.encoder = EncoderFactory(dimension=3, name="colours")
        EncoderFactory(dimension=3, name="next", state="building")
        self.homes: dict[UUID, Home] = {}
        self.images: dict[UUID, UUID] = {}
        self.deleted: set[UUID] = set()

    def teardown(self) -> None:
        """Let everybody look, then forget it all."""
        try:
            for who in range(len(NAMES)):
                self.look(who)
        finally:
            self.forget()

    def forget(self) -> None:
        """Undo it all."""
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    def one(self, number: int) -> tuple[UUID, Home]:
        return list(self.homes.items())[number % len(self.homes)]

    def call(self, who: int, method: str, path: str, **body: object) -> int:
        answer = getattr(self.eyes[who].api, method)(f"/api/v1/{path}", body, format="json")
        self.done["steps"] += 1
        assert answer.status_code < 500
        return answer.status_code

    @rule(who=WHO, visibility=VISIBILITIES)
    def make(self, who, visibility):
        body = {"name": f"of {NAMES[who]}", "visibility": visibility}
        answer = self.eyes[who].api.post("/api/v1/collections/", body, format="json")
        self.homes[UUID(answer.json()["id"])] = Home(who, visibility)
        self.add(len(self.homes) - 1)

    @precondition(lambda self: self.homes)
    @rule(number=ANY)
    def add(self, number):
        pk, home = self.one(number)
        if home.gone:
            return
        image = ImageFactory(collection_id=pk, collection=None, uploader=self.people[home.owner], title="A picture",
                             tags=["all"])  # fmt: skip
        store.add_usage(image.uploader, images=1, size=image.bytes)
        raw = np.random.default_rng(len(self.images)).uniform(0.1, 1, (1, 3)).astype(np.float32)
        embed([image], encoder=self.encoder, raw=raw)
        job(image, self.encoder)
        for path in paths(image):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not looked at")
        self.images[image.pk] = pk

    @precondition(lambda self: self.homes)
    @rule(number=ANY, visibility=VISIBILITIES)
    def show(self, number, visibility):
        pk, home = self.one(number)
        if self.call(home.owner, "patch", f"collections/{pk}/", visibility=visibility) == 200:
            home.visibility = visibility

    @precondition(lambda self: self.homes)
    @rule(number=ANY, who=WHO, role=ROLES)
    def share(self, number, who, role):
        pk, home = self.one(number)
        if self.call(home.owner, "post", f"collections/{pk}/members/", username=NAMES[who], role=role) == 201:
            home.members.add(who)

    @precondition(lambda self: self.homes)
    @rule(number=ANY, who=WHO, leaves=st.booleans())
    def part(self, number, who, leaves):
        """Somebody leaves, or is sent away."""
        pk, home = self.one(number)
        caller = who if leaves else home.owner
        if self.call(caller, "delete", f"collections/{pk}/members/{NAMES[who]}/") == 204:
            home.members.discard(who)

    @precondition(lambda self: self.images)
    @rule(number=ANY, goal=ANY)
    def move(self, number, goal):
        image = list(self.images)[number % len(self.images)]
        pk, _ = self.one(goal)
        if self.call(self.homes[self.images[image]].owner, "patch", f"images/{image}/", collection=str(pk)) == 200:
            self.images[image] = pk

    @precondition(lambda self: self.images)
    @rule(number=ANY, back=st.booleans())
    def delete(self, number, back):
        image = list(self.images)[number % len(self.images)]
        owner = self.homes[self.images[image]].owner
        if back and self.call(owner, "post", f"images/{image}/restore/") == 200:
            self.deleted.discard(image)
        elif not back and self.call(owner, "delete", f"images/{image}/") == 204:
            self.deleted.add(image)

    @precondition(lambda self: len(self.homes) > 1)
    @rule(number=ANY)
    def drop(self, number):
        pk, home = self.one(number)
        if self.call(home.owner, "delete", f"collections/{pk}/") == 204:
            home.gone = True

    def look(self, who: int) -> None:
        """Compare every surface with the oracle."""
        assert (NAMES[who], self.wrong(who)) == (NAMES[who], [])

    def wrong(self, who: int) -> list[str]:
        """What any surface shows somebody too much or too little."""
        seen = {image: pk for image, pk in self.images.items()
                if image not in self.deleted and self.homes[pk].seen_by(who)}  # fmt: skip
        homes = frozenset(pk for pk, home in self.homes.items() if home.seen_by(who))
        library = Library(list(self.images), list(self.homes), seen, homes)
        self.done["looks"] += 1
        return wrong(self.eyes[who], library)


def paths(image):
    from retrieval.services import images

    return (images.file_path(image), images.thumbnail_path(image, 320), images.thumbnail_path(image, 1280))


@pytest.fixture
def library(db, settings, tmp_path, monkeypatch):
    """Room for the files, and as many searches as they take."""
    now = conf.get()
    settings.IMAGESEARCH = replace(now, data_dir=tmp_path, limits=replace(now.limits, user_searches=10**6))
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)


def tried(examples: int) -> Counter:
    """Let so many stories happen; return how many steps they had and how often somebody looked."""
    done: Counter = Counter()
    run_state_machine_as_test(
        lambda: Sharing(done),
        settings=settings(
            max_examples=examples, stateful_step_count=12, deadline=None, database=None, derandomize=not MORE,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    return done


@pytest.mark.long
def test_every_surface_shows_what_the_rule_says(library, figure):
    done = tried(MORE or STORIES)
    figure(f"{MORE or STORIES} stories of {done['steps']} calls, {done['looks']} looks at every surface")


@pytest.fixture
def story(library):
    """What two people see of a private, a shared and a public collection, one picture each."""
    found = Sharing(Counter())
    for visibility in Visibility.values:
        found.make(0, visibility)
    found.share(1, 1, "viewer")
    yield found
    found.forget()


def test_one_story_is_told_alike_by_every_surface(story):
    for who in range(len(NAMES)):
        story.look(who)


FILES = {"list", "one by one", "pages", "thumbnails", "originals", "files of the API", "front page"}


@pytest.mark.parametrize(
    ("rows", "surfaces"),
    [
        (ImageQuerySet, FILES),
        (CollectionQuerySet, {*FILES, "search by words", "search page", "pace", "building"}),
    ],
)
def test_without_the_rule_every_surface_shows_too_much(story, monkeypatch, rows, surfaces):
    monkeypatch.setattr(rows, "visible_to", lambda found, user: found.filter(deleted_at=None))
    assert surfaces <= {line.split(":", 1)[0] for line in story.wrong(2)}
