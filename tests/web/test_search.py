"""The front page: empty, by file, by stored picture, by words; as a page, as a part, without scripts."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import uuid4

import pytest

from retrieval import conf
from retrieval.ingest.fetch import Fetched
from retrieval.services.images import addresses
from retrieval.services.searching import search
from tests.factories import CollectionFactory
from tests.web.library import png, put, upload
from tests.web.test_bands import calibration

PART = {"HX-Request": "true"}


def cards(answer):
    """The ids of the pictures shown, in their order."""
    assert answer.status_code == 200, answer.content
    return re.findall(r'data-card="([^"]+)"', answer.content.decode())


def ids(images, *names):
    return [str(images[name].id) for name in names]


def test_without_a_question_the_newest_pictures_are_shown(page, four):
    answer = page.get("/")
    assert cards(answer) == ids(four, "blue", "green", "pink", "red")
    assert "Drop a picture, paste one, or choose a file" in answer.content.decode()


def test_an_empty_library_teaches_the_next_step(page, encoder):
    text = page.get("/").content.decode()
    assert "No pictures yet" in text
    assert 'href="/upload/"' in text


def test_a_visitor_is_sent_to_sign_in_and_back(sees, db):
    answer = sees().get("/?q=red")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/%3Fq%3Dred"


def test_a_visitor_sees_public_pictures_where_search_is_open(sees, four, owner, encoder, settings):
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    shown = put(CollectionFactory(owner=owner, visibility="public"), "red", encoder=encoder, title="for all")
    assert cards(sees().get("/")) == [str(shown.id)]
    assert cards(sees().post("/", {"file": upload("red")})) == [str(shown.id)]


def test_searching_by_a_file_without_scripts(page, four):
    answer = page.post("/", {"file": upload("red")})
    assert cards(answer)[:2] == ids(four, "red", "pink")
    text = answer.content.decode()
    assert "4</b> of 4" in text
    assert "<title>query.png · imagesearch</title>" in text
    assert "exact" in text
    assert "colours" in text
    assert "untrained" not in text


def test_an_untrained_encoder_is_marked(page, four, encoder):
    encoder.trained = False
    encoder.save()
    assert "untrained" in page.post("/", {"file": upload("red")}).content.decode()


def test_a_script_gets_only_the_results_and_no_address_for_a_file(page, four):
    answer = page.post("/", {"file": upload("red")}, headers=PART)
    assert "<html" not in answer.content.decode()
    assert answer["HX-Push-Url"] == "/"
    assert len(cards(answer)) == 4


def test_a_posted_question_without_a_file_becomes_an_address(page, four):
    picture = four["red"].id
    answer = page.post("/", {"image": picture, "measure": "pearson", "tag": ["pink", "red"], "k": "24"})
    assert answer.status_code == 303
    assert answer["Location"] == f"/?image={picture}&tag=pink&tag=red&measure=pearson"
    part = page.post("/", {"image": picture, "measure": "pearson"}, headers=PART)
    assert part["HX-Push-Url"] == f"/?image={picture}&measure=pearson"


def test_more_like_a_stored_picture_leaves_it_out(page, four):
    answer = page.get(f"/?image={four['red'].id}")
    assert cards(answer)[0] == str(four["pink"].id)
    assert str(four["red"].id) not in cards(answer)
    assert "<title>Like red · imagesearch</title>" in answer.content.decode()
    assert f'name="image" value="{four["red"].id}"' in answer.content.decode()


def test_not_like_this(page, four):
    plain = cards(page.get(f"/?image={four['pink'].id}"))
    turned = cards(page.get(f"/?image={four['pink'].id}&no={four['red'].id}"))
    assert plain[0] == str(four["red"].id)
    assert turned[0] != str(four["red"].id)


def test_a_part_of_a_stored_picture_keeps_its_box(page, four):
    answer = page.get(f"/?image={four['red'].id}&x=0.1&y=0.2&w=0.5&h=0.25")
    assert 'name="w" value="0.5000"' in answer.content.decode()
    assert cards(answer)[0] == str(four["pink"].id)


def test_words_alone_and_with_a_picture(page, four):
    assert cards(page.get("/?q=gree")) == ids(four, "green")
    both = page.post("/", {"file": upload("red"), "q": "blue"})
    assert cards(both) == ids(four, "blue")


def test_several_files_are_looked_for_together(page, four, monkeypatch):
    wanted = []
    run = search.run
    monkeypatch.setattr(search, "run", lambda request, **given: wanted.append(request) or run(request, **given))
    both = page.post("/", {"file": [upload("red"), upload("green", name="green.png")]}, headers=PART)
    assert [len(request.files) for request in wanted] == [2]
    assert "data-asks-why" not in both.content.decode()  # there is no one picture to compare with


def test_the_address_of_a_picture_searches_by_what_is_there(page, four, monkeypatch):
    asked = []

    def fetched(url, *, user):
        asked.append((url, user.get_username()))
        return Fetched(png("blue"), "sky.png")

    monkeypatch.setattr(addresses, "fetched", fetched)
    answer = page.get("/", {"q": "https://example.org/sky.png"})
    assert cards(answer)[0] == str(four["blue"].id)
    assert asked == [("https://example.org/sky.png", "owner")]
    page.get("/", {"q": "see https://example.org/sky.png"})
    assert len(asked) == 1  # words that hold an address are words


def test_an_empty_site_does_not_say_that_nothing_looks_alike(page, encoder):
    text = page.post("/", {"file": upload("red")}).content.decode()
    assert "Nothing to search in yet" in text
    assert "Nothing here looks like it" not in text


def test_words_have_no_score(page, four):
    assert 'class="score"' not in page.get("/?q=green").content.decode()


def test_words_that_nothing_has_say_what_to_try(page, four):
    text = page.get("/?q=nowhere").content.decode()
    assert "Try fewer or other words, or search by a picture." in text
    assert "data-choose" in text.split('id="results"')[1]


def test_tags_and_collections_narrow_and_can_be_widened(page, four, owner, encoder):
    other = CollectionFactory(owner=owner, name="Other")
    put(other, "red", encoder=encoder, title="elsewhere")
    assert cards(page.get(f"/?image={four['red'].id}&tag=blue")) == ids(four, "blue")
    answer = page.get(f"/?image={four['red'].id}&collection={other.id}&tag=nowhere")
    assert cards(answer) == []
    assert f'href="/?image={four["red"].id}"' in answer.content.decode()


def test_pickers_show_names_and_counts(page, four, owner):
    CollectionFactory(owner=owner, name="<b>Empty</b>")
    text = page.get("/").content.decode()
    assert "&lt;b&gt;Empty&lt;/b&gt;" in text
    assert "<b>Empty" not in text
    assert re.search(r"<span>Birds</span><small>4</small>", text)
    assert re.search(r"<span>green</span><small>1</small>", text)


def test_more_come_by_offset(page, collection, encoder):
    shades = [put(collection, (200, shade, 0), encoder=encoder, title=str(shade)) for shade in range(0, 60, 2)]
    first = page.get(f"/?image={shades[0].id}")
    assert len(cards(first)) == 24
    assert '"offset": "24"' in first.content.decode()
    rest = page.post("/", {"image": shades[0].id, "offset": 24}, headers=PART)
    assert len(cards(rest)) == 5
    assert set(cards(first)).isdisjoint(cards(rest))
    assert "HX-Push-Url" not in rest
    assert "offset" not in rest.content.decode()


def test_the_newest_come_in_pages_that_skip_nothing(page, collection, encoder):
    images = [put(collection, "red", title=str(number)) for number in range(65)]
    first = cards(page.get("/"))
    put(collection, "blue", title="meanwhile")
    rest = cards(page.get(f"/?after={first[-1]}", headers=PART))
    assert first + rest == [str(image.id) for image in reversed(images)]


@pytest.mark.parametrize("query", ["k=0", "k=201", "offset=-1", "measure=none", "image=1", "x=2", "w=nan"])
def test_what_is_out_of_bounds_is_refused(page, four, query):
    assert page.get(f"/?{query}").status_code == 400


def test_a_file_that_is_no_picture_is_refused_in_words(page, four):
    file = upload("red", name="notes.png")
    file.seek(0)
    file.truncate()
    file.write(b"no picture at all")
    file.seek(0)
    answer = page.post("/", {"file": file})
    assert answer.status_code == 415
    assert "That could not be searched for" in answer.content.decode()
    file.seek(0)
    part = page.post("/", {"file": file}, headers=PART)
    assert part.status_code == 415
    assert "That could not be searched for" in part.content.decode()
    assert "<html" not in part.content.decode()


def test_a_file_over_the_limit_is_refused_before_it_is_read(page, four, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, image_bytes=10))
    assert page.post("/", {"file": upload("red")}).status_code == 413


def test_hidden_and_absent_pictures_answer_alike(sees, stranger, four):
    browser = sees(stranger)
    answers = [browser.get(f"/?image={key}") for key in (four["red"].id, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9]{64}", "*", answer.content.decode()) for answer in answers]
    assert bodies[0] == bodies[1]
    assert cards(browser.get("/")) == []


def test_too_many_searches_are_slowed_down(page, four, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, user_searches=1))
    assert page.get("/?q=red").status_code == 200
    refused = page.get("/?q=red", headers=PART)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0


def test_private_pages_are_not_kept(page, four):
    for answer in (page.get("/"), page.get("/?q=red"), page.post("/", {"file": upload()})):
        assert "no-store" in answer["Cache-Control"]


def test_looking_further_is_offered_where_the_encoder_is_calibrated(page, four, encoder):
    assert 'value="further"' not in page.get("/").content.decode()
    encoder.calibration = calibration()
    encoder.save()
    address = f"/?image={four['red'].id}&mode=further"
    answer = page.get(address)
    text = answer.content.decode()
    assert cards(answer)[0] == str(four["pink"].id)
    assert "looked further" in text
    assert 'value="further" checked' in text
    assert 'class="band"' not in text  # hits are not sorted by score
    assert page.post("/", {"image": four["red"].id, "mode": "further"})["Location"] == address
    refused = page.get(f"{address}&measure=euclidean")
    assert (refused.status_code, "takes cosine" in refused.content.decode()) == (400, True)
