"""Searching by a real browser: by file, by a part, more like this, several, with the address and the way back."""

from __future__ import annotations

from tests.browser.acts import choose, drop, paste, shown, two_colours
from tests.web.library import png

KEPT = """() => new Promise((done) => {
  indexedDB.open("imagesearch").onsuccess = ({ target }) => {
    target.result.transaction("shown").objectStore("shown").count().onsuccess = (event) => done(event.target.result)
  }
})"""
QUERY = {"name": "two.png", "mimeType": "image/png", "buffer": two_colours()}


def test_by_a_chosen_file_and_another_measure(opens, owner, library):
    window = opens(owner)
    choose(window, "green")
    assert shown(window)[0] == "green"
    assert "exact" in window.inner_text("#line")
    assert window.is_visible("[data-query] img")
    assert window.url.endswith("/")
    with window.expect_response("**/") as answer:
        window.check("input[value=euclidean]", force=True)
    assert answer.value.request.method == "POST"
    assert shown(window)[0] == "green"


def test_a_dropped_picture_and_what_it_found_stay(opens, owner, library):
    window = opens(owner)
    drop(window, red=png("red"))
    window.wait_for_selector("#line")
    window.evaluate("scrollTo(0, document.body.scrollHeight)")
    window.wait_for_selector(".card:nth-child(32)")
    window.wait_for_selector("#line:has-text('32 of 32')")
    found = shown(window)
    assert len(set(found)) == 32
    window.wait_for_timeout(500)  # so long it waits for more of the same before it keeps what is there
    window.click(".card:nth-child(20) .open")
    window.wait_for_selector("[data-stage]")
    for came in (window.go_back, window.reload):
        came()
        window.wait_for_selector("#line")
        window.wait_for_selector(".card:nth-child(32)")
        assert window.is_visible("[data-query] img")
        assert shown(window) == found
        assert window.evaluate("scrollY") > 0
        assert window.title() == "red.png · imagesearch"
    window.click(".card:nth-child(20) [data-alike]")
    window.wait_for_url("**/?image=*")
    window.go_back()
    window.wait_for_selector("#line[data-title^='red.png']")
    assert shown(window) == found


def test_whoever_has_to_sign_in_again_finds_nothing_in_the_browser(opens, owner, library):
    window = opens(owner)
    choose(window, "red")
    window.wait_for_timeout(500)
    assert window.evaluate(KEPT) > 0
    window.context.clear_cookies()
    window.goto("/")
    window.wait_for_selector("[data-forget]")
    window.wait_for_load_state("networkidle")
    assert window.evaluate(KEPT) == 0


def test_dropped_and_pasted_pictures(opens, owner, library):
    window = opens(owner)
    drop(window, query=png("blue"))
    window.wait_for_selector("#line")
    assert shown(window)[0] == "blue"
    window.goto("/collections/")
    paste(window, query=png("green"))
    window.wait_for_selector("#line")
    assert shown(window)[0] == "green"
    assert window.url.endswith("/")


def test_by_a_part_drawn_with_the_mouse_and_moved_by_keys(opens, owner, library):
    window = opens(owner)
    window.set_input_files("#file", QUERY)
    window.wait_for_selector("#line")
    box = window.locator("[data-crop]").bounding_box()
    with window.expect_response("**/"):
        window.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 8)
        window.mouse.down()
        window.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] - 8, steps=4)
        window.mouse.up()
    window.wait_for_selector(".card:first-child [aria-label^='blue']")
    window.focus(".box")
    with window.expect_response("**/"):
        for _ in range(26):
            window.keyboard.press("ArrowLeft")
    window.wait_for_selector(".card:first-child [aria-label^='red']")
    with window.expect_response("**/"):
        window.keyboard.press("Escape")
    assert window.input_value("[name=w]") == ""


def test_more_like_this_has_an_address_and_a_way_back(opens, owner, library):
    window = opens(owner)
    window.goto("/?q=green")
    window.hover(".card")
    window.click("[data-alike]")
    window.wait_for_url(f"**/?image={library['green'].id}")
    assert "green" not in shown(window)
    window.check("input[value=pearson]", force=True)
    window.wait_for_url("**measure=pearson")
    window.reload()
    assert window.is_checked("input[value=pearson]")
    window.go_back()
    window.wait_for_url(f"**/?image={library['green'].id}")


def test_not_like_this_leaves_it_out(opens, owner, library):
    window = opens(owner)
    drop(window, one=png("red"), two=png((220, 80, 30)))
    window.wait_for_selector("#line")
    assert window.locator("[data-query] .chip").count() == 2
    with window.expect_response("**/"):
        window.click("[data-query] .chip:last-child button")
    window.wait_for_selector("[data-query] [data-crop]")
    first = shown(window)[0]
    window.hover(".card")
    with window.expect_response("**/"):
        window.click(".card [data-add=no]")
    window.wait_for_selector(".chip.not")
    assert window.inner_text(".chip.not") == f"not {first}"
    assert first not in shown(window)


def test_nothing_found_says_what_to_try(opens, owner, library):
    window = opens(owner)
    window.goto(f"/?image={library['blue'].id}&tag=nowhere")
    window.click("text=Search everywhere")
    window.wait_for_selector("[data-card]")
