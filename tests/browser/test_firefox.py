"""Back in Debian's Firefox: each of the five loops brings the same pictures back, where one was."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.test import Client

from retrieval.web import paging
from tests.browser import firefox
from tests.browser.acts import DROP, files
from tests.web.library import png

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(firefox.FIREFOX is None, reason="no Firefox is installed; name one in FIREFOX"),
]
SHOWN = "[...document.querySelectorAll('[data-card]')].map(card => card.dataset.card)"
SETTLED = "document.readyState == 'complete' && document.querySelectorAll('[data-card]').length"
KEPT = 0.5  # seconds: so long a page waits for more of the same before it keeps what is there


@pytest.fixture
def window(site, owner, tmp_path):
    """A Firefox in which the owner is signed in."""
    client = Client()
    client.force_login(owner)
    with firefox.opened(tmp_path) as found:
        host = site.url.split("//")[1].split(":")[0]
        found.cookie(settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value, host=host)
        found.visit(site.url)
        yield found


def told(window):
    """What there is to come back to: the pictures, the place, what is asked, the title, whether a query is shown."""
    return window.evaluate(
        f"({{ shown: {SHOWN}, y: Math.round(scrollY), title: document.title,"
        " line: document.querySelector('#line')?.textContent.replace(/\\s+/g, ' '),"
        " query: Boolean(document.querySelector('[data-query] img')?.naturalWidth) })"
    )


def rest(window):
    window.evaluate(f"new Promise(done => setTimeout(done, {1000 * KEPT}))")


def opened_and_back(window, card):
    """Open this card of the list, come back, and find everything as it was."""
    window.evaluate(f"document.querySelector({json.dumps(card)}).scrollIntoView({{ block: 'center' }})")
    rest(window)
    before = told(window)
    window.click(f"{card} .open")
    window.until("location.pathname.startsWith('/pictures/') && document.querySelector('[data-stage] img').complete")
    window.back()
    window.until(f"!location.pathname.startsWith('/pictures/') && {SETTLED} >= {len(before['shown'])}")
    window.until(f"Math.abs(scrollY - {before['y']}) <= 2")
    after = told(window)
    assert {**after, "y": 0} == {**before, "y": 0}
    return before


def test_a_dropped_picture(window, library):
    window.evaluate(f"({DROP})({json.dumps(files(red=png('red')))})")
    window.until("document.querySelector('#line')")
    window.scroll(20_000)
    window.until(f"{SETTLED} == 32")
    before = opened_and_back(window, ".card:nth-child(20)")
    assert before["y"] > 0
    assert before["query"]
    assert before["title"].startswith("red.png")


def test_a_stored_picture(window, library, site):
    window.visit(f"{site.url}/?image={library['blue'].pk}")
    window.scroll(20_000)
    window.until(f"{SETTLED} == 31")
    assert opened_and_back(window, ".card:nth-child(20)")["y"] > 0


def test_words(window, library, site):
    window.visit(f"{site.url}/?q=red")
    window.scroll(20_000)
    window.until(f"{SETTLED} == 30")
    assert opened_and_back(window, ".card:nth-child(20)")["y"] > 0


def test_a_collection_whose_far_cards_are_not_in_the_page(window, library, site, birds, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 8)
    window.visit(f"{site.url}/collections/{birds.pk}/")
    window.until(f"{SETTLED}")
    window.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    window.until("[...document.querySelectorAll('.card')].some(card => card.ariaPosInSet == 17)")
    rest(window)
    window.click(".card[aria-posinset='17'] .open")
    window.until("location.pathname.startsWith('/pictures/')")
    window.back()
    window.until("document.activeElement.closest('.card')?.ariaPosInSet == 17")
    window.until(
        "(() => { const { top, bottom } = document.activeElement.getBoundingClientRect();"
        " return bottom > 0 && top < innerHeight })()"
    )


def test_more_like_this_more_than_once(window, library, site):
    window.visit(f"{site.url}/?q=green")
    window.until(f"{SETTLED}")
    seen = []
    for title in ("green", "red 7", "red 12"):
        rest(window)
        seen.append(told(window))
        window.click(f".card:has([data-card='{library[title].pk}']) [data-alike]")
        window.until(f"location.search.includes('{library[title].pk}') && document.querySelector('#line') && {SETTLED}")
    for before in reversed(seen):
        window.back()
        window.until(f"document.title == {json.dumps(before['title'])} && {SETTLED} == {len(before['shown'])}")
        after = told(window)
        assert (after["shown"], after["line"]) == (before["shown"], before["line"])
