"""Everything through which a person could see a picture, as a table: what each surface shows of the whole library."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.test import Client
from rest_framework.test import APIClient

from retrieval.work import jobs

PICTURE = re.compile(r"/pictures/(?!0{8}-)([0-9a-f-]{36})/")  # scripts put an id in the place of noughts
THUMBNAIL = re.compile(r"/media/thumbnails/([0-9a-f-]{36})/")
TAG = re.compile(r'name="tag" value="([^"]+)"[^>]*><span>[^<]*</span><small>(\d+)</small>')
WORD = "picture"  # it stands in every title


@dataclass(frozen=True)
class Library:
    """All ids that there ever were, and by the oracle which a person may see, with their collections."""

    images: list[UUID]
    collections: list[UUID]
    seen: dict[UUID, UUID]
    seen_collections: frozenset[UUID]


class Eyes:
    """One person's view by API and by pages."""

    def __init__(self, person: AbstractUser | None) -> None:
        self.api, self.pages = APIClient(), Client()
        if person:
            self.api.force_authenticate(person)
            self.pages.force_login(person)

        self.told: dict[Any, Any] = {}

    def got(self, path: str, **query: Any) -> Any:
        """The JSON of a call; asked once in one look."""
        return self._once((path, *query.items()), lambda: self.api.get(f"/api/v1/{path}", query).json())

    def _once(self, what: Any, ask: Callable[[], Any]) -> Any:
        if what not in self.told:
            self.told[what] = ask()
        return self.told[what]

    def found(self, **question: Any) -> Any:
        """The answer to a search."""
        return self.api.post("/api/v1/search/", {"k": 200, **question}, format="json").json()

    def page(self, path: str, pattern: re.Pattern[str]) -> set[Any]:
        """What of a page fits the pattern."""
        return set(pattern.findall(self._once(("page", path), lambda: self.pages.get(path)).content.decode()))

    def opens(self, path: str) -> bool:
        """Does this address answer?"""
        return self.status(path) == 200

    def status(self, path: str) -> int:
        """How this address answers."""
        client = self.api if path.startswith("/api/") else self.pages
        return int(client.get(path).status_code)


def ids(values: Any) -> set[UUID]:
    return {UUID(str(value)) for value in values}


def hits(answer: Any) -> set[UUID]:
    return ids(hit["image"]["id"] for hit in answer.get("results", []))


def opened(template: str) -> Callable[[Eyes, Library], set[UUID]]:
    """The pictures whose address of this kind answers."""
    return lambda eyes, library: {pk for pk in library.images if eyes.opens(template.format(pk))}


def met(template: str) -> Callable[[Eyes, Library], set[UUID]]:
    """The pictures whose address of this kind does not answer as if they were not there."""
    return lambda eyes, library: {pk for pk in library.images if eyes.status(template.format(pk)) != 404}


def by_picture(eyes: Eyes, library: Library) -> set[UUID]:
    """What is found by one's own picture; one with nothing to ask by finds nothing."""
    first = next(iter(library.seen), None)
    return hits(eyes.found(positives=[str(first)])) if first else set()


def similar(eyes: Eyes, library: Library) -> set[UUID]:
    """What is like the first picture, and that picture."""
    first = next(iter(library.seen), None)
    return {first, *hits(eyes.got(f"images/{first}/similar/", k=200))} if first else set()


def by_hidden(eyes: Eyes, library: Library) -> set[UUID]:
    """What a picture that one does not see finds for one: nothing may come of it."""
    hidden = [str(pk) for pk in library.images if pk not in library.seen]
    told = [eyes.found(positives=[pk]) for pk in hidden] + [eyes.got(f"images/{pk}/similar/") for pk in hidden]
    return set(library.seen).union(*map(hits, told))


def pages_of_collections(eyes: Eyes, library: Library) -> set[UUID]:
    """The pages of all collections together."""
    return ids(set().union(*(eyes.page(f"/collections/{pk}/", PICTURE) for pk in library.collections)))


def lists_of_collections(eyes: Eyes, library: Library) -> set[UUID]:
    """The lists of all collections together."""
    lists = [eyes.got("images/", collection=str(pk), page_size=200)["results"] for pk in library.collections]
    return ids(row["id"] for rows in lists for row in rows)


def searches_in_collections(eyes: Eyes, library: Library) -> set[UUID]:
    """What searches in one collection each find together."""
    return set().union(*(hits(eyes.found(text=WORD, collections=[str(pk)])) for pk in library.collections))


def states(eyes: Eyes, library: Library) -> set[UUID]:
    """What the upload page's script is told."""
    return ids(eyes.pages.post("/upload/states/", {"id": [str(pk) for pk in library.images]}).json()["states"])


# Each shows exactly the pictures that the person may see.
SHOWS: dict[str, Callable[[Eyes, Library], set[UUID]]] = {
    "list": lambda eyes, _: ids(row["id"] for row in eyes.got("images/", page_size=200)["results"]),
    "list by tag": lambda eyes, _: ids(row["id"] for row in eyes.got("images/", tag="all", page_size=200)["results"]),
    "list by words": lambda eyes, _: ids(row["id"] for row in eyes.got("images/", q=WORD, page_size=200)["results"]),
    "search by words": lambda eyes, _: hits(eyes.found(text=WORD)),
    "search by tag and words": lambda eyes, _: hits(eyes.found(text=WORD, tags=["all"])),
    "search by picture": by_picture,
    "exact search": lambda eyes, library: hits(eyes.found(text=WORD, exact=True)),
    "similar": similar,
    "search by a hidden picture": by_hidden,
    "one by one": opened("/api/v1/images/{}/"),
    "thumbnails of the API": opened("/api/v1/images/{}/thumbnail/"),
    "texts of the API": opened("/api/v1/images/{}/text/"),
    "files of the API": opened("/api/v1/images/{}/file/"),
    "full sizes of the API": met("/api/v1/images/{}/full/"),
    "front page": lambda eyes, _: ids(eyes.page("/", PICTURE)),
    "search page": lambda eyes, _: ids(eyes.page(f"/?q={WORD}&k=200", PICTURE)),
    "pages": opened("/pictures/{}/"),
    "thumbnails": opened("/media/thumbnails/{}/320"),
    "full sizes": met("/media/full/{}"),
    "originals": opened("/media/originals/{}"),
    "pages of collections": pages_of_collections,
    "lists of collections": lists_of_collections,
    "searches in collections": searches_in_collections,
    "states of uploads": states,
}

# Each tells how many pictures there are.
COUNTS: dict[str, Callable[[Eyes], int]] = {
    "status": lambda eyes: eyes.got("status/")["images"]["total"],
    "ready": lambda eyes: eyes.got("status/")["images"]["ready"],
    "collections": lambda eyes: sum(row["image_count"] for row in eyes.got("collections/")["results"]),
    "ready by collection": lambda eyes: sum(row["ready_count"] for row in eyes.got("collections/")["results"]),
    "candidates": lambda eyes: eyes.found(text=WORD)["candidates"],
    "tags offered": lambda eyes: int(dict(eyes.page("/", TAG)).get("all", 0)),
    "jobs": lambda eyes: eyes.got("jobs/")["pending"],
    "pace": lambda eyes: round(eyes.got("jobs/")["rate_per_minute"] * jobs.RATE_MINUTES),
    "building": lambda eyes: sum((row["progress"] or {}).get("total", 0) for row in eyes.got("encoders/")["results"]),
    "jobs by collection": lambda eyes: sum(row["pending"] for row in eyes.got("jobs/")["by_collection"]),
}


def wrong(eyes: Eyes, library: Library) -> list[str]:
    """What a person is shown that the oracle does not know of, or not shown that it knows."""
    expected = set(library.seen)
    eyes.told.clear()
    shown = {name: surface(eyes, library) for name, surface in SHOWS.items()}
    counted = {name: count(eyes) for name, count in COUNTS.items()}
    found = [f"{name}: {ids ^ expected}" for name, ids in shown.items() if ids != expected]
    found += [f"{name}: {number} of {len(expected)}" for name, number in counted.items() if number != len(expected)]
    listed = ids(row["id"] for row in eyes.got("collections/")["results"])
    offered = {pk for pk in library.collections if eyes.opens(f"/api/v1/collections/{pk}/")}
    covers = ids(eyes.page("/collections/", THUMBNAIL))
    if not listed == offered == library.seen_collections:
        found.append(f"collections: {listed ^ library.seen_collections}, opened {offered}")
    return found + ([] if covers <= expected else [f"covers: {covers}"])
