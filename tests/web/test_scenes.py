"""Scenes of a video on pages: which of how many and when, and the video opened at that second by a player."""

from __future__ import annotations

import pytest

from retrieval.models import Image
from retrieval.templatetags.web import moment
from tests.web.library import put


@pytest.fixture
def scene(collection):
    image = put(collection, "red", title="walk")
    Image.objects.filter(pk=image.pk).update(format="WEBM", document=image.pk, page=3, pages=12, second=63.25)
    image.refresh_from_db()
    return image


def shown(page, image):
    return page.get(f"/pictures/{image.pk}/").content.decode()


def test_the_page_of_a_scene_offers_its_video_at_its_second(page, scene):
    text = shown(page, scene)
    assert "Scene 3 of 12 · 1:03" in " ".join(text.split())
    assert f'preload="none" src="/media/originals/{scene.pk}#t=63.250"' in text
    assert "default-src 'self'" in page.get(f"/pictures/{scene.pk}/")["Content-Security-Policy"]


def test_the_card_of_a_scene_says_when_it_is(page, scene):
    text = page.get(f"/collections/{scene.collection_id}/").content.decode()
    assert 'aria-label="walk, 1:03"' in text
    assert '<span class="moment" aria-hidden="true">1:03</span>' in text


def test_what_browsers_do_not_play_is_said(page, scene):
    Image.objects.update(format="AVI")
    text = shown(page, scene)
    assert "<video" not in text
    assert "This scene begins at 1:03." in text


def test_a_picture_has_no_player(page, scene):
    Image.objects.update(second=None, format="PNG")
    text = shown(page, scene)
    assert "<video" not in text
    assert "Page 3 of 12" in text


def test_a_player_gets_the_part_that_it_asks_for_of_what_is_called_a_video(page, scene):
    path = f"/media/originals/{scene.pk}"
    whole = page.get(path)
    data = b"".join(whole.streaming_content)
    part = page.get(path, headers={"Range": "bytes=10-19", "If-Range": whole["ETag"]})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, data[10:20])
    for answer in (whole, part):
        assert answer["Content-Type"] == "video/webm"
        assert answer["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("second", "written"), [(0, "0:00"), (59.9, "0:59"), (3_723, "1:02:03"), (36_000, "10:00:00")])
def test_a_moment_is_written_as_players_do(second, written):
    assert moment(second) == written
