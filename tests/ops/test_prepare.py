"""What each start does once: again without harm, and without work that was done."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError

from imagesearch.management.commands.collect_static import collect_static
from retrieval import checks, live_encoders, weight_files
from retrieval.models import Encoder
from tests import made


@pytest.fixture(autouse=True)
def lent(settings):
    """What is the quickest runtime of the encoder, from a site that found it out, and for those that come."""
    made.lend(settings.IMAGESEARCH.data_dir, static=False)
    yield
    made.keep(settings.IMAGESEARCH.data_dir)


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
@pytest.mark.parametrize("password", ["a", "1234567890", "password123"])
def test_a_first_password_that_nobody_may_have_stops_the_start(site, settings, password):
    settings.ADMIN_PASSWORD = password
    with pytest.raises(CommandError, match=r"^IMAGESEARCH_ADMIN_PASSWORD cannot be used: .*\.$"):
        call_command("prepare", verbosity=0)
    assert not get_user_model().objects.exists()
    settings.ADMIN_PASSWORD = "a good first password"
    call_command("prepare", verbosity=0)
    settings.ADMIN_PASSWORD = password  # it counts only once
    call_command("prepare", verbosity=0)


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


@pytest.fixture
def own_weights(site, settings):
    """An active encoder with a file; the wish of the settings is another one."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, weights_dir=site)
    file = site / "own.safetensors"
    file.write_bytes(b"weights")
    Encoder.objects.create(
        name="own", spec={}, dimension=8, state="active", trained=True,
        weights_name=file.name, weights_sha256=hashlib.sha256(b"weights").hexdigest(),
    )  # fmt: skip
    return file


@pytest.mark.django_db
def test_weights_that_are_not_the_registered_ones_stop_the_start(own_weights, settings):
    call_command("prepare", verbosity=0)
    own_weights.write_bytes(b"others!")
    with pytest.raises(CommandError, match=r"^The active encoder own cannot be used: .* was altered: .*back\.$"):
        call_command("prepare", verbosity=0)
    Encoder.objects.update(state="retired")
    Encoder.objects.create(name="untrained", spec={}, dimension=8, state="active")
    call_command("prepare", verbosity=0)
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, encoder="own")
    with pytest.raises(CommandError, match=r"^own of IMAGESEARCH_ENCODER cannot be used: .* was altered: .*back\.$"):
        call_command("prepare", verbosity=0)


@pytest.mark.django_db
def test_weights_that_are_missing_stop_no_start(own_weights, capsys):
    own_weights.unlink()
    call_command("prepare", verbosity=0)
    assert "own.safetensors is neither bundled nor in" in capsys.readouterr().err


@pytest.mark.django_db
def test_the_runtime_of_the_active_encoder_is_measured_where_none_is_known(site, monkeypatch):
    call_command("prepare", verbosity=0)
    measured = []
    monkeypatch.setattr(live_encoders, "network", measured.append)
    for known in (False, True):
        monkeypatch.setattr(live_encoders, "chosen", lambda _, known=known: known)
        call_command("prepare", verbosity=0)
    assert measured == [Encoder.objects.active()]


@pytest.mark.django_db
def test_without_the_digest_other_weights_start(own_weights, monkeypatch):
    own_weights.write_bytes(b"others!")
    monkeypatch.setattr(weight_files, "_sha256", lambda *_: hashlib.sha256(b"weights").hexdigest())
    with pytest.raises(pytest.fail.Exception), pytest.raises(CommandError):
        call_command("prepare", verbosity=0)
