"""What is being done: figures, reasons, another try, and nothing of what is hidden."""

from __future__ import annotations

import datetime

import pytest

from retrieval.models import RecallFigure
from retrieval.templatetags.web import percent
from tests.factories import EncoderFactory, job
from tests.web.library import put


@pytest.fixture
def work(collection, encoder):
    """One picture waits, two failed for one reason, one for another."""
    put_in = {name: put(collection, name, title=name) for name in ("red", "pink", "green", "blue")}
    job(put_in["red"], encoder)
    for name, code in (("pink", "attempts_exhausted"), ("green", "attempts_exhausted"), ("blue", "odd_code")):
        job(put_in[name], encoder, state="failed", error_code=code, error_text="A sentence & more.")
    return put_in


def states(work):
    return {name: image.jobs.get().state for name, image in work.items()}


def test_waiting_failed_and_why(page, work):
    text = page.get("/activity/").content.decode()
    assert text.count("A sentence &amp; more.") == 5  # two reasons, three pictures
    assert "3 failed" in text
    assert "Database" in text


def test_the_figures_ask_again_soon_while_there_is_work(page, work, encoder):
    assert 'hx-trigger="every 2s"' in page.get("/activity/now/").content.decode()
    work["red"].jobs.update(state="done")
    assert 'hx-trigger="every 15s"' in page.get("/activity/now/").content.decode()


def test_one_reason_or_all_are_tried_again(page, work):
    page.post("/activity/retry/", {"code": "odd_code"})
    assert states(work) == {"red": "pending", "pink": "failed", "green": "failed", "blue": "pending"}
    answer = page.post("/activity/retry/", follow=True)
    assert set(states(work).values()) == {"pending"}
    assert "2 pictures will be tried again." in answer.content.decode()


def test_the_number_in_the_bar(page, work):
    assert page.get("/activity/count/").content.decode().strip() == "1"
    work["red"].delete()
    assert page.get("/activity/count/").content.decode().strip() == ""


def test_others_see_nothing_of_it(sees, stranger, work):
    browser = sees(stranger)
    text = browser.get("/activity/").content.decode()
    assert "Birds" not in text
    assert "A sentence" not in text
    assert browser.get("/activity/count/").content.decode().strip() == ""
    browser.post("/activity/retry/")
    assert states(work)["blue"] == "failed"


@pytest.mark.parametrize("path", ["/activity/", "/account/", "/upload/", "/activity/count/"])
def test_visitors_are_sent_to_sign_in(sees, db, path):
    assert sees().get(path)["Location"].startswith("/login/")
    assert sees().get(path, headers={"HX-Request": "true"})["HX-Redirect"] == "/login/"


def test_reasons_are_told_in_the_readers_language(page, work):
    text = page.get("/activity/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert text.count("每次读取这张图片都失败了。") == 3
    assert text.count("A sentence &amp; more.") == 2  # a code without a translation keeps its sentence


def test_recall_is_shown_with_its_day_once_it_was_measured(page, sees, stranger, encoder):
    for browser in (page, sees(stranger)):
        assert "not measured yet" in browser.get("/activity/now/").content.decode()
    day = datetime.datetime(2026, 3, 9, 3, 17, tzinfo=datetime.UTC)
    RecallFigure.objects.create(encoder=encoder, recall=0.9987, queries=100, k=10, at=day)
    RecallFigure.objects.create(encoder=encoder, recall=0.5, queries=100, k=10, at=day - datetime.timedelta(days=1))
    for browser in (page, sees(stranger)):
        text = browser.get("/activity/").content.decode()
        assert "99.8 %" in text
        assert "March 9, 2026" in text
        assert "not measured yet" not in text


def test_recall_of_another_encoder_is_not_shown(page, encoder):
    RecallFigure.objects.create(encoder=EncoderFactory(state="retired"), recall=0.9, queries=100, k=10)
    assert "not measured yet" in page.get("/activity/").content.decode()


@pytest.mark.parametrize(("share", "text"), [(1.0, "100.0 %"), (0.9999, "99.9 %"), (0.57, "57.0 %"), (0.0, "0.0 %")])
def test_only_a_whole_share_is_a_hundred_percent(share, text):
    assert percent(share) == text
