"""What goes wrong when a guard is taken away: the other half of each proof."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
import requests
from django.utils import timezone

from retrieval import conf
from retrieval.models import EmbeddingJob, JobEvent, JobState
from retrieval.services.operations import audit
from retrieval.work import jobs, leases, ledger
from tests.chaos.soak import Soak
from tests.chaos.work import PER_SECOND, Filled, Searches
from tests.factories import EncoderFactory, ImageFactory, job
from tests.services.test_ledger import some_vectors

pytestmark = [pytest.mark.django_db, pytest.mark.chaos]


@pytest.fixture
def claim():
    """A claim of one picture, whose worker is dead."""
    encoder = EncoderFactory(dimension=3)
    job(ImageFactory(), encoder)
    found = ledger.claim(encoder)
    host, boot, pid, _ = leases.worker_name().rsplit("/", 3)
    EmbeddingJob.objects.update(worker=f"{host}/{boot}/{pid}/1")
    return found


def test_without_the_look_for_dead_workers_a_lease_has_to_run_out(claim, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(leases, "is_dead", lambda _worker: False)
        assert jobs.reconcile() == []
    left = EmbeddingJob.objects.get().lease_until - timezone.now()
    assert left > timedelta(seconds=conf.get().ledger.lease - 30)
    assert jobs.reconcile() == list(claim.image_ids)


def test_without_the_leases_token_a_late_worker_commits_a_second_time(claim, monkeypatch):
    EmbeddingJob.objects.update(lease_until=timezone.now())
    heir = ledger.claim(claim.encoder)
    ledger.finish(heir, some_vectors(heir))
    assert ledger.finish(claim, some_vectors(claim)) == 0

    def anybodys(late, image_ids):
        row = EmbeddingJob.objects.get(image_id__in=list(image_ids))
        row.lease_token = late.token
        return [row]

    monkeypatch.setattr(ledger, "_ours", anybodys)
    assert ledger.finish(claim, some_vectors(claim)) == 1
    assert JobEvent.objects.filter(kind="done").count() == 2
    assert "committed_twice" in {finding.code for check in audit.checks() for finding in check.run()}


def test_without_a_bound_a_picture_that_ends_every_worker_comes_for_ever(claim, settings):
    limits = replace(settings.IMAGESEARCH.ledger, claims=10**6)
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, ledger=limits)
    EmbeddingJob.objects.update(attempts=1000, lease_until=timezone.now())
    assert ledger.claim(claim.encoder)
    assert EmbeddingJob.objects.get().state == JobState.RUNNING


def test_an_answer_that_no_client_should_see_is_seen_by_the_soak():
    seen = Soak(mock.Mock(), mock.Mock(), mock.Mock())
    for status in (200, 404, 500, 503):
        answer = mock.Mock(status_code=status, text="")
        seen._call(mock.Mock(request=lambda *_, answer=answer, **__: answer), "search", "GET", "images/")
    assert len(seen.wrong) == 2


def test_somebody_who_runs_into_an_error_ends_the_soak(monkeypatch):
    monkeypatch.setattr(Soak, "_upload", mock.Mock(side_effect=KeyError("id")))
    with pytest.raises(KeyError):
        Soak(mock.Mock(), mock.Mock(), mock.Mock()).run(minutes=1, kill=False)


def searched(get, monkeypatch):
    """What is counted where each request does this."""
    row = mock.Mock(json=lambda: {"results": [{"id": "one"}]})
    monkeypatch.setattr(requests.Session, "get", get)
    with Searches(mock.Mock(session=mock.Mock(get=lambda _: row, headers={}))) as searches:
        time.sleep(1.1)
    return searches


@pytest.mark.parametrize("error", [requests.ReadTimeout, requests.ConnectionError])
def test_a_request_without_an_answer_is_counted_and_the_searches_go_on(monkeypatch, error):
    searches = searched(mock.Mock(side_effect=error), monkeypatch)
    assert set(searches.answers) == {error.__name__}
    assert searches.searched >= PER_SECOND


def test_searches_that_stop_are_noticed(monkeypatch):
    with pytest.raises(KeyError):
        searched(mock.Mock(side_effect=KeyError), monkeypatch)


def test_uploads_that_stop_are_noticed():
    site = mock.Mock(jobs=dict, upload_stubbornly=mock.Mock(side_effect=AssertionError("No upload within 120 s.")))
    with pytest.raises(AssertionError, match="No upload"), Filled(site, mock.Mock()):
        time.sleep(0.2)
