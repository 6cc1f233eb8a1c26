"""The drawn pictures: each its own, and the same every time; imported with their kind as a tag."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from retrieval import conf, tasks
from retrieval.management import scenes
from retrieval.models import Image
from tests.factories import EncoderFactory, UserFactory


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_pictures_differ_and_can_be_drawn_again(scene):
    first, again, other = (scenes.draw(scene, number) for number in (1, 1, 2))
    assert first.size in scenes.SIZES
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert np.asarray(first).std() > 5


@pytest.mark.django_db
def test_each_kind_is_a_tag_and_repeating_adds_none(settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(tasks, "wake", lambda *_: None)
    UserFactory(is_superuser=True)
    EncoderFactory()
    for _ in range(2):
        call_command("demo", each=1)
    assert sorted(Image.objects.values_list("title", "tags")) == [
        (f"{kind} 1", [kind]) for kind in sorted(scene.__name__ for scene in scenes.SCENES)
    ]


@pytest.mark.django_db
def test_with_two_administrators_one_is_named(settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(tasks, "wake", lambda *_: None)
    EncoderFactory()
    _, second = UserFactory(is_superuser=True), UserFactory(is_superuser=True)
    with pytest.raises(CommandError, match="--user NAME"):
        call_command("demo", each=1)
    call_command("demo", each=1, user=second.username)
    assert set(Image.objects.values_list("collection__owner", flat=True)) == {second.pk}
