"""Somebody is asked into a collection on its page, and accepts on theirs."""

from __future__ import annotations

import pytest

from tests.factories import UserFactory


@pytest.fixture
def friend(birds):
    birds.visibility = "shared"
    birds.save()
    return UserFactory(username="a-friend-with-rather-a-long-name-who-is-asked")


def test_asking_and_accepting(opens, owner, birds, friend):
    window = opens(owner, viewport={"width": 390, "height": 800})
    window.goto(f"/collections/{birds.pk}/settings/")
    window.fill("form.row [name=username]", friend.username)
    window.click("text=Ask to join")
    window.wait_for_selector(".people .badge:has-text('asked')")
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    theirs = opens(friend, viewport={"width": 390, "height": 800})
    theirs.goto("/collections/")
    assert theirs.evaluate("document.documentElement.scrollWidth <= innerWidth")
    theirs.click("text=Accept")
    theirs.wait_for_selector("h1:has-text('Birds')")
    theirs.goto("/account/")
    assert theirs.locator("text=Invitations").count() == 0
