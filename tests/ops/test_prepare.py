"""What each start does once: again without harm, and without work that was done."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from retrieval import checks
from retrieval.management.commands.collect_static import collect_static
from retrieval.models import Encoder


@pytest.fixture
def site(settings, tmp_path):
    """Static files of one small folder, and a place to collect them."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.css").write_text("a{}")
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    return tmp_path


def test_static_files_are_collected_again_only_when_they_changed(site):
    assert collect_static()
    assert (site / "collected" / "a.css").read_text() == "a{}"
    assert not collect_static()
    changed = site / "source" / "a.css"
    changed.write_text("a{color:red}")
    os.utime(changed, (changed.stat().st_atime, changed.stat().st_mtime + 5))  # Django compares whole seconds
    assert collect_static()
    assert (site / "collected" / "a.css").read_text() == "a{color:red}"


@pytest.mark.django_db
def test_it_may_be_repeated(site):
    call_command("prepare", verbosity=0)
    call_command("prepare", verbosity=0)
    assert get_user_model().objects.filter(is_superuser=True).count() == 1
    assert Encoder.objects.count() == 1
    assert Encoder.objects.active() is not None


@pytest.mark.django_db
def test_a_database_that_cannot_serve_stops_the_start(site, monkeypatch):
    monkeypatch.setattr(checks, "vector_version", lambda: (0, 7, 0))
    with pytest.raises(SystemCheckError, match="too old"):
        call_command("prepare", verbosity=0)
