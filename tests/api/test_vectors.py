"""Vectors stay inside: no answer, page or export holds one, and they go with their picture."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from retrieval import conf
from retrieval.api.serializers.images import ImageSerializer
from retrieval.models import Embedding, Image
from retrieval.services.encoders import indexes
from retrieval.services.images import images
from tests.api.rules import RULES
from tests.api.world import World
from tests.factories import EncoderFactory, ImageFactory
from tests.search.rows import embed

DIMENSION = 32
# So many numbers side by side are a vector; charts and boxes have fewer.
ROW = re.compile(r"(?:-?\d+\.\d+[\s,;]+){15,}")
VECTOR = np.linspace(0.123, 0.987, DIMENSION, dtype=np.float32)[None]


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    """The world of the matrix, its picture with a vector that is easy to recognise."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    found = World()
    found.encoder.state = "retired"
    found.encoder.save()
    found.encoder = EncoderFactory(dimension=DIMENSION)
    embed([found.image], encoder=found.encoder, raw=VECTOR)
    embed([ImageFactory(collection=found.collection)], encoder=found.encoder, raw=VECTOR)
    return found


def has_vector(text):
    """Does a text hold the picture's vector, or any long row of numbers?"""
    stored = Embedding.objects.order_by("image_id").last().vector
    numbers = {f"{float(number):.4f}"[:6] for number in stored}
    return bool(ROW.search(text)) or sum(number in text for number in numbers) > DIMENSION / 2


def text_of(answer):
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode(errors="replace")


@pytest.mark.long
def test_no_answer_and_no_page_holds_a_vector(world, figure):
    asked = 0
    for address, rules in RULES.items():
        for rule in rules:
            for actor in ("owner", "staff"):
                with world.undone():
                    assert not has_vector(text_of(world.ask(address, rule, actor=actor))), (address, actor)
                asked += 1
    figure(f"{asked} answers to {len(RULES)} addresses searched, none holds a vector")


def numbers_listed(schema):
    """Every list of numbers that the API's description promises, by its path."""
    found, todo = [], [("", schema)]
    while todo:
        path, part = todo.pop()
        if isinstance(part, dict):
            items = part.get("items", {})
            if part.get("type") == "array" and isinstance(items, dict) and items.get("type") in {"number", "array"}:
                found.append(path)
            todo += [(f"{path}/{name}", value) for name, value in part.items()]
        elif isinstance(part, list):
            todo += [(path, value) for value in part]
    return found


def test_the_description_of_the_api_knows_no_list_of_numbers(client, db):
    schema = json.loads(client.get("/api/v1/schema/", {"format": "json"}, HTTP_ACCEPT="application/json").content)
    points = {f"/{part}/properties/{name}/items" for part in ("Found", "Why") for name in ("query_outline", "outline")}
    points |= {f"/Copy/properties/{name}/items" for name in ("keep_outline", "outline")}
    pairs = {"/DecisionsInputRequest/properties/pairs"}  # of ids
    # What a place of the picture adds to a cosine is a sum over all numbers of the vector.
    places = {f"/Why/properties/{name}{level}" for name in ("query", "result") for level in ("", "/items")}
    # Two numbers of each picture, of several hundred, and how much of all they say.
    flat = {"/Points/properties/x", "/Points/properties/y", "/MapResult/properties/shares"}
    assert set(numbers_listed(schema.get("components", {}).get("schemas", {}))) == points | places | pairs | flat
    planted = {"Image": {"properties": {"vector": {"type": "array", "items": {"type": "number"}}}}}
    assert numbers_listed(planted) == ["/Image/properties/vector"]


def test_the_export_of_the_administration_has_none(world):
    boss = world.client("staff", by_api=False)
    body = {"action": "export_csv", "_selected_action": [str(world.image.pk)]}
    answer = boss.post("/admin/retrieval/image/", body)
    assert world.image.title in text_of(answer)
    assert not has_vector(text_of(answer))


def test_with_a_field_for_it_the_vector_is_found_in_the_answers(world, monkeypatch):
    real = ImageSerializer.to_representation

    def telling(self, image):
        row = Embedding.objects.filter(image_id=image.pk, encoder=world.encoder).first()
        return {**real(self, image), "vector": [float(number) for number in row.vector] if row else []}

    monkeypatch.setattr(ImageSerializer, "to_representation", telling)
    (rule,) = (rule for rule in RULES["api/v1/images/<image_id>/"] if rule.method == "get")
    assert has_vector(text_of(world.ask("api/v1/images/<image_id>/", rule, actor="owner")))


def past(image):
    """Delete it and let its time to be brought back run out."""
    images.delete(image, user=image.collection.owner)
    Image.objects.filter(pk=image.pk).update(deleted_at=timezone.now() - timedelta(days=31))


def test_vectors_go_with_their_picture(world):
    assert Embedding.objects.filter(image=world.image).count() == 2
    past(world.image)
    assert not Embedding.objects.filter(image=world.image, collection=world.collection).exists()
    images.purge_deleted()
    assert not Embedding.objects.filter(image=world.image).exists()


def test_without_the_purge_vectors_of_deleted_pictures_stay(world, monkeypatch):
    from retrieval.services.images import purging

    monkeypatch.setattr(purging, "may_purge", lambda: False)
    past(world.image)
    images.purge_deleted()
    assert Embedding.objects.filter(image=world.image).count() == 2
