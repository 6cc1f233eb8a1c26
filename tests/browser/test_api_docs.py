"""The page that describes the API, in a real browser: shown under the strict policy, from this host alone."""

from __future__ import annotations


def test_the_calls_are_shown_and_open(opens):
    window = opens()
    window.goto("/api/v1/docs/")
    window.wait_for_selector(".opblock-tag-section")
    window.click("#operations-search-search_create .opblock-summary-control")
    window.wait_for_selector("#operations-search-search_create .opblock-body")
