"""The policy in a real browser: every page keeps to it, and without it an inline script would run."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import site
from django.urls import reverse

from imagesearch import security
from tests.api.rules import WEB

INLINE = """() => {
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.head.append(script);
  return window.ran === true;
}"""
# Later and not now, because whatever a debugger runs may also evaluate.
EVALUATED = """() => new Promise((done) => setTimeout(() => {
  try { done(new Function("return true")()) } catch { done(false) }
}))"""
FOREIGN = """() => new Promise((done) => {
  const picture = new Image();
  picture.onerror = () => done("stopped");
  picture.src = "http://elsewhere.invalid/x.png";
})"""


# Files, which are no pages.
DOWNLOAD = re.compile(r"media|/(original|file|table)/$|\.(csv|json|npz)$")


def pages(library, birds):
    """Every page that can be looked at, with ids that are there."""
    found = [address for address, rules in WEB.items() if rules[0].method == "get" and not DOWNLOAD.search(address)]
    filled = [
        address.replace("<image_id>", str(library["green"].pk)).replace("<collection_id>", str(birds.pk))
        for address in found
    ]
    filled = [f"{one}?image={library['blue'].pk}" if one.endswith("/why/") else one for one in filled]
    return [f"/{address}" for address in filled if "<" not in address] + ["/nowhere", "/?q=red", "/api/v1/docs/"]


def admin_pages(library, birds, boss):
    """The admin site's front page, every list, and what a row leads to."""
    front = reverse("admin:index")  # and with it every model's pages are known
    names = [reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in site._registry]
    rows = [("retrieval_image", library["green"]), ("retrieval_collection", birds), ("auth_user", boss)]
    of_rows = [
        reverse(f"admin:{name}_{page}", args=[row.pk]) for name, row in rows for page in ("change", "delete", "history")
    ]
    forms = ["/admin/auth/user/add/", "/admin/retrieval/collection/add/", f"/admin/auth/user/{boss.pk}/password/"]
    return [front, *names, *of_rows, *forms, "/admin/password_change/"]


@pytest.fixture
def every_page(library, birds, boss):
    return pages(library, birds) + admin_pages(library, birds, boss)


@pytest.mark.long
def test_every_page_keeps_to_the_policy(opens, boss, every_page, troubles, figure):
    window = opens(boss)
    for path in every_page:
        assert window.goto(path, wait_until="networkidle").status in {200, 404}, path
        # A page that is not there, and a part of a page that has no icon, are told of in the console.
        troubles[:] = [text for text in troubles if "404 (Not Found)" not in text]
        assert (path, troubles) == (path, [])
    figure(f"{len(every_page)} pages in Chromium: no violation, no request to another host")


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_the_policy_stops_scripts_of_the_page_s_text_and_other_hosts(opens, boss, troubles, path):
    window = opens(boss)
    window.goto(path, wait_until="networkidle")
    assert not window.evaluate(INLINE)
    assert not window.evaluate(EVALUATED)
    assert window.evaluate(FOREIGN) == "stopped"
    window.wait_for_timeout(200)
    assert any("CSP script-src" in text for text in troubles)
    assert any("CSP img-src http://elsewhere.invalid" in text for text in troubles)
    troubles.clear()


def test_without_the_policy_they_run_and_are_asked(opens, owner, troubles, monkeypatch):
    monkeypatch.setattr(security, "policy_for", lambda path: "img-src *")
    window = opens(owner)
    assert window.evaluate(INLINE)
    assert window.evaluate(EVALUATED)
    window.evaluate(FOREIGN)
    assert any("foreign request" in text for text in troubles)
    assert not any("CSP" in text for text in troubles)
    troubles.clear()
