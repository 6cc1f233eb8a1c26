"""What goes wrong while one searches, told in words and without breaking the page, in a real browser."""

from __future__ import annotations

import io

from PIL import Image as Picture

from tests.browser.acts import choose, shown
from tests.web.library import png

EXPECTED = ("Failed to load resource", "Response Status Error Code", "htmx:")
PAGE = "<!doctype html><html><body><header class='bar'></header><h1>Too large</h1><p>Choose another.</p></body></html>"


def forgive(troubles):
    """Take out what the browser itself writes about a refused or broken request."""
    troubles[:] = [line for line in troubles if not line.startswith(EXPECTED)]


def test_an_error_page_in_the_place_of_results_becomes_a_notice(opens, owner, library, troubles):
    window = opens(owner)
    window.route("**/", lambda route: route.fulfill(status=413, body=PAGE, content_type="text/html"))
    window.set_input_files("#file", {"name": "q.png", "mimeType": "image/png", "buffer": png("red")})
    window.wait_for_selector(".notice.bad:has-text('Too large. Choose another.')")
    assert window.locator(".bar").count() == 1
    assert shown(window)  # the newest are still there
    forgive(troubles)


def test_a_broken_connection_is_said(opens, owner, library, troubles):
    window = opens(owner)
    choose(window, "green")
    window.context.set_offline(True)
    window.click(".switch-row label:nth-child(2)")
    window.wait_for_selector("text=The connection broke.")
    window.context.set_offline(False)
    forgive(troubles)


def test_a_file_that_is_no_picture_is_refused_in_the_place_of_results(opens, owner, library, troubles):
    window = opens(owner)
    window.set_input_files("#file", {"name": "q.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    window.wait_for_selector("#results >> text=That could not be searched for")
    window.click("text=Start anew")
    window.wait_for_selector("#results [data-card]")
    forgive(troubles)


def test_a_file_over_the_limit_is_not_sent_at_all(opens, owner, library):
    window = opens(owner)
    window.evaluate("document.querySelector('[data-search]').dataset.most = 10")
    window.set_input_files("#file", {"name": "q.png", "mimeType": "image/png", "buffer": png("red")})
    window.wait_for_selector("text=The file is larger than the limit.")
    assert window.locator("[data-query] *").count() == 0


def test_a_picture_that_the_browser_cannot_draw_is_named(opens, owner, library):
    scan = io.BytesIO()
    Picture.new("RGB", (64, 48), "green").save(scan, "TIFF")
    window = opens(owner)
    window.set_input_files("#file", {"name": "scan.tiff", "mimeType": "image/tiff", "buffer": scan.getvalue()})
    window.wait_for_selector("text=Searching by scan.tiff, which this browser cannot show.")
    window.wait_for_selector("#line")
    assert shown(window)[0] == "green"


def test_what_came_of_a_search_is_said_in_one_line(opens, owner, library):
    window = opens(owner)
    choose(window, "green")
    window.wait_for_function("document.querySelector('[data-said]').textContent.includes('exact')")
    assert window.get_attribute("#results", "aria-live") is None
