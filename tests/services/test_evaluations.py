"""Evaluation inside the product: asked for, measured, broken off, refused, and never done by two at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from retrieval import tasks
from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import AuditEvent, Encoder, Evaluation, EvaluationState, GroupRule, Labels, Measure
from retrieval.services.encoders import encoders as life
from retrieval.services.evaluation import evaluation, evaluations
from retrieval.services.evaluation.evaluations import EvaluationRequest
from retrieval.services.images import collections, lines
from retrieval.work import leases
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

pytestmark = pytest.mark.django_db

CLASSES = ("cat", "dog", "owl")


@pytest.fixture
def admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def pictures(admin):
    """Five pictures each of three tags, in pairs that belong together."""
    row = CollectionFactory(owner=admin)
    return [
        ImageFactory(collection=row, tags=[CLASSES[number % 3]], group_key=f"case {number // 2}")
        for number in range(15)
    ]


@pytest.fixture
def collection(pictures):
    return pictures[0].collection


@pytest.fixture
def seeing(pictures):
    """An encoder that tells the classes apart."""
    row = EncoderFactory(name="seeing", dimension=3, state="building")
    embed(pictures, encoder=row, raw=np.eye(3, dtype=np.float32)[[number % 3 for number in range(15)]] + 0.1)
    return row


@pytest.fixture
def blind(pictures):
    """An encoder of noise; it is the active one."""
    row = EncoderFactory(name="blind", dimension=3)
    embed(pictures, encoder=row, raw=np.random.default_rng(0).normal(size=(15, 3)).astype(np.float32))
    return row


@pytest.fixture
def row(collection, seeing, blind, admin):
    """One in line."""
    return evaluations.start(EvaluationRequest(collection, ("seeing", "blind")), user=admin)


def held_by(row, worker, *, minutes=0):
    Evaluation.objects.filter(pk=row.pk).update(
        state=EvaluationState.RUNNING, worker=worker, heard_at=timezone.now() - timedelta(minutes=minutes)
    )


def dead():
    host, boot, pid, _ = leases.worker_name().rsplit("/", 3)
    return f"{host}/{boot}/{pid}/1"


def test_from_line_to_reports_and_scorecards(row, seeing, blind, admin):
    assert (row.state, evaluations.unfinished()) == (EvaluationState.QUEUED, [row.pk])
    assert evaluations.run(row.pk)
    found = evaluations.get(row.pk, user=admin)
    assert (found.state, found.error_text, found.attempts) == (EvaluationState.DONE, "", 1)
    assert found.started_at < found.finished_at
    first, second = evaluations.reports(found)
    assert (first.subject.encoder, second.subject.encoder) == ("seeing", "blind")
    assert first.overall["mAP"].mean == 1
    assert second.overall["mAP"].mean < 0.8
    assert found.result["differences"]["blind"]["mAP"]["low"] > 0
    assert found.result["classes"] == 3
    name = f"collection {row.collection_id} by tags"
    assert evaluation.named("seeing").scores[name]["map"] == 1
    assert set(life.worse_sets(evaluation.named("blind"), evaluation.named("seeing"))) == {name}
    assert AuditEvent.objects.filter(action="evaluation.started", actor=admin).count() == 1


def test_the_reports_that_are_kept_are_those_that_were_measured(row, collection, seeing, blind, admin):
    evaluations.run(row.pk)
    source = evaluation.CollectionLabels(collection, admin)
    measured = evaluation.run([seeing, blind], source=source).reports
    kept = evaluations.reports(evaluations.get(row.pk, user=admin))
    for one, other in zip(kept, measured, strict=True):
        assert replace(one, classes=()) == replace(other, classes=())
        assert {each.name: each for each in one.classes} == {each.name: each for each in other.classes}


def test_of_many_classes_the_hardest_are_kept_in_one_order(row, admin, monkeypatch):
    monkeypatch.setattr(evaluations, "MOST_CLASSES", 2)
    Evaluation.objects.update(encoders=["blind", "seeing"])
    evaluations.run(row.pk)
    found = evaluations.get(row.pk, user=admin)
    first, second = evaluations.reports(found)
    assert found.result["classes"] == 3
    assert len(first.classes) == 2
    assert first.classes[0].figures["mAP"].mean <= first.classes[1].figures["mAP"].mean
    assert [each.name for each in second.classes] == [each.name for each in first.classes]


def test_labels_measure_and_groups_are_heeded(collection, seeing, admin):
    asked = EvaluationRequest(collection, ("seeing",), Labels.GROUP_KEY, Measure.EUCLIDEAN, GroupRule.EXCLUDE)
    row = evaluations.start(asked, user=admin)
    evaluations.run(row.pk)
    (report,) = evaluations.reports(evaluations.get(row.pk, user=admin))
    assert (report.plan.measure, report.plan.group_rule) == ("euclidean", "exclude")
    assert report.classes[0].name.startswith("case")


def test_delivered_twice_it_is_measured_once(row, monkeypatch):
    assert evaluations.run(row.pk)
    monkeypatch.setattr(evaluation, "run", lambda *_a, **_k: pytest.fail("measured again"))
    assert not evaluations.run(row.pk)
    assert evaluations.unfinished() == []


def test_one_that_somebody_alive_has_is_left_alone(row):
    held_by(row, leases.worker_name())
    assert not evaluations.run(row.pk)
    row.refresh_from_db()
    assert row.state == EvaluationState.RUNNING


@pytest.mark.parametrize("lost", ["dead", "silent"])
def test_one_whose_worker_is_lost_begins_anew(row, lost):
    """Silent: on another host nobody can see whether a process is alive."""
    held_by(row, dead() if lost == "dead" else "elsewhere/boot/1/1", minutes=0 if lost == "dead" else 16)
    assert evaluations.unfinished() == [row.pk]
    assert evaluations.run(row.pk)
    row.refresh_from_db()
    assert row.state == EvaluationState.DONE


def test_one_that_ends_its_worker_every_time_fails(row):
    Evaluation.objects.update(attempts=lines.ATTEMPTS)
    held_by(row, dead())
    assert not evaluations.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code) == (EvaluationState.FAILED, "worker_ended")


def test_one_at_a_time_first_come_first(row, collection, admin):
    second = evaluations.start(EvaluationRequest(collection, ("seeing",)), user=admin)
    assert evaluations.unfinished() == [row.pk, second.pk]
    held_by(row, leases.worker_name())
    assert not evaluations.run(second.pk)
    second.refresh_from_db()
    assert (second.state, second.attempts) == (EvaluationState.QUEUED, 0)


def test_the_task_begins_the_next_in_line(row, collection, admin, monkeypatch):
    second = evaluations.start(EvaluationRequest(collection, ("seeing",)), user=admin)
    sent = []
    monkeypatch.setattr(tasks, "_publish", lambda task, args: sent.append((task.name, *args)))
    tasks.evaluate(str(row.pk))
    assert sent == [("retrieval.tasks.evaluate", second.pk)]
    tasks.evaluate(str(row.pk))
    assert len(sent) == 1


def test_the_reconciler_wakes_the_worker_for_long_work(row, settings, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks, "_publish", lambda task, args: sent.append((task.name, *args)))
    tasks.reconcile()
    assert ("retrieval.tasks.evaluate", row.pk) in sent
    routes = settings.CELERY_TASK_ROUTES
    assert routes["retrieval.tasks.evaluate"] == routes["retrieval.tasks.train"]


def test_how_far_it_is_counts_the_queries_of_all_encoders(row, monkeypatch):
    monkeypatch.setattr(lines, "TELL_EVERY", -1.0)
    seen = []
    real = evaluations._Notes.__call__

    def watched(notes, *step):
        real(notes, *step)
        seen.append(Evaluation.objects.values_list("done", "total").get())

    monkeypatch.setattr(evaluations._Notes, "__call__", watched)
    evaluations.run(row.pk)
    assert seen[-2:] == [(15, 30), (30, 30)]


def test_notes_of_a_worker_that_lost_it_change_nothing(row):
    held_by(row, "elsewhere/boot/1/1")
    Evaluation.objects.update(attempts=row.attempts + 1)
    with pytest.raises(lines.StoppedError):
        evaluations._Notes(lines.Teller(row), 1)("ranking", 5, 10)
    assert not lines.end(row, EvaluationState.DONE)
    row.refresh_from_db()
    assert (row.state, row.done, row.total) == (EvaluationState.RUNNING, 0, 0)


def test_what_cannot_be_measured_fails_with_a_sentence(row, pictures):
    """Every label was taken away while it was in line."""
    for picture in pictures:
        picture.tags = []
        picture.save()
    evaluations.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code) == (EvaluationState.FAILED, "invalid_input")
    assert "No embedded picture" in row.error_text


def test_a_collection_that_was_taken_from_view_is_not_measured(row, collection):
    collection.owner = UserFactory()
    collection.save()
    evaluations.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code, row.result) == (EvaluationState.FAILED, "not_found", {})


def test_an_encoder_that_is_dropped_meanwhile_keeps_no_scorecard(row, admin, monkeypatch):
    real = evaluation.run

    def dropped(*args, **options):
        result = real(*args, **options)
        Encoder.objects.filter(name="seeing").delete()
        return result

    monkeypatch.setattr(evaluation, "run", dropped)
    evaluations.run(row.pk)
    assert len(evaluations.reports(evaluations.get(row.pk, user=admin))) == 2
    assert evaluation.named("blind").scores


def test_the_list_does_not_read_results(row, admin, django_assert_num_queries):
    evaluations.run(row.pk)
    with django_assert_num_queries(1) as asked:
        rows = [(each.user.username, each.collection.name) for each in evaluations.listing(admin)]
    assert len(rows) == 1
    assert '"result"' not in asked.captured_queries[0]["sql"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "1 to 6"),
        (("seeing", "seeing"), "only once"),
        (("nobody",), "no encoder named 'nobody'"),
        (("draft",), "build it first"),
        (tuple(f"e{number}" for number in range(7)), "1 to 6"),
    ],
)
def test_encoders_that_cannot_be_measured_are_refused(collection, seeing, admin, names, said):
    EncoderFactory(name="draft", dimension=3, state="draft")
    with pytest.raises(InvalidInput, match=said) as refused:
        evaluations.start(EvaluationRequest(collection, names), user=admin)
    assert list(refused.value.fields) == ["encoders"]
    assert not Evaluation.objects.exists()


@pytest.mark.parametrize(("labels", "said"), [("tags", "has a tag"), ("group_key", "belongs to")])
def test_a_collection_without_labels_is_refused(seeing, admin, labels, said):
    bare = ImageFactory(collection=CollectionFactory(owner=admin)).collection
    with pytest.raises(InvalidInput, match=said) as refused:
        evaluations.start(EvaluationRequest(bare, ("seeing",), Labels(labels)), user=admin)
    assert list(refused.value.fields) == ["collection"]


def test_rights(row, collection, admin):
    person, other_admin = UserFactory(), UserFactory(is_staff=True, is_superuser=True)
    with pytest.raises(Forbidden):
        evaluations.start(EvaluationRequest(collection, ("seeing",)), user=person)
    with pytest.raises(NotFound):
        evaluations.start(EvaluationRequest(collection, ("seeing",)), user=other_admin)
    for ask in (lambda: evaluations.listing(person), lambda: evaluations.get(row.pk, user=person)):
        with pytest.raises(Forbidden):
            ask()
    assert list(evaluations.listing(admin)) == [row]
    assert list(evaluations.listing(other_admin)) == []
    with pytest.raises(NotFound):
        evaluations.get(row.pk, user=other_admin)
    collections.delete(collection, user=admin)
    assert list(evaluations.listing(admin)) == []
