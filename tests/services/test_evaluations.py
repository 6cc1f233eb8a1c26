"""Evaluation inside the product: asked for, measured, broken off, refused, and never done by two at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import AuditEvent, Encoder, Evaluation, GroupRule, Image, Labels, LongJobState, Measure
from retrieval.services.encoders import encoders as life
from retrieval.services.evaluation import evaluation, evaluations
from retrieval.services.evaluation.evaluations import EvaluationRequest
from retrieval.services.images import collections
from retrieval.services.operations import long_work
from retrieval.work import ProgressWriter, long_jobs
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


def run(row):
    return long_jobs.run(evaluations.KIND, row.pk)


@pytest.fixture
def row(collection, seeing, blind, admin):
    """One in line."""
    return evaluations.start(EvaluationRequest(collection, ("seeing", "blind")), user=admin)


def test_from_line_to_reports_and_scorecards(row, seeing, blind, admin):
    assert run(row)
    found = long_work.get(evaluations.KIND, row.pk, user=admin)
    assert (found.state, found.error_text, found.attempts) == (LongJobState.DONE, "", 1)
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
    run(row)
    source = evaluation.CollectionLabels(collection, admin)
    measured = evaluation.run([seeing, blind], source=source).reports
    kept = evaluations.reports(long_work.get(evaluations.KIND, row.pk, user=admin))
    for one, other in zip(kept, measured, strict=True):
        assert replace(one, classes=()) == replace(other, classes=())
        assert {each.name: each for each in one.classes} == {each.name: each for each in other.classes}


def test_of_many_classes_the_hardest_are_kept_in_one_order(row, admin, monkeypatch):
    monkeypatch.setattr(evaluations, "MOST_CLASSES", 2)
    Evaluation.objects.update(encoders=["blind", "seeing"])
    run(row)
    found = long_work.get(evaluations.KIND, row.pk, user=admin)
    first, second = evaluations.reports(found)
    assert found.result["classes"] == 3
    assert len(first.classes) == 2
    assert first.classes[0].figures["mAP"].mean <= first.classes[1].figures["mAP"].mean
    assert [each.name for each in second.classes] == [each.name for each in first.classes]


def test_labels_measure_and_groups_are_heeded(collection, seeing, admin):
    asked = EvaluationRequest(collection, ("seeing",), Labels.GROUP_KEY, Measure.EUCLIDEAN, GroupRule.EXCLUDE)
    row = evaluations.start(asked, user=admin)
    run(row)
    (report,) = evaluations.reports(long_work.get(evaluations.KIND, row.pk, user=admin))
    assert (report.plan.measure, report.plan.group_rule) == ("euclidean", "exclude")
    assert report.classes[0].name.startswith("case")


def test_how_far_it_is_counts_the_queries_of_all_encoders(row, monkeypatch):
    seen, real = [], ProgressWriter.__call__

    def watched(progress, *step):
        real(progress, *step)
        seen.append(step)

    monkeypatch.setattr(ProgressWriter, "__call__", watched)
    run(row)
    assert seen[-2:] == [("ranking", 15, 30), ("ranking", 30, 30)]


def test_what_cannot_be_measured_fails_with_a_sentence(row, pictures):
    """Every label was taken away while it was in line."""
    for picture in pictures:
        picture.tags = []
        picture.save()
    run(row)
    row.refresh_from_db()
    assert (row.state, row.error_code) == (LongJobState.FAILED, "invalid_input")
    assert "No embedded picture" in row.error_text


def test_a_collection_that_was_taken_from_view_is_not_measured(row, collection):
    collection.owner = UserFactory()
    collection.save()
    run(row)
    row.refresh_from_db()
    assert (row.state, row.error_code, row.result) == (LongJobState.FAILED, "not_found", {})


def test_an_encoder_that_is_dropped_meanwhile_keeps_no_scorecard(row, admin, monkeypatch):
    real = evaluation.run

    def dropped(*args, **options):
        result = real(*args, **options)
        Encoder.objects.filter(name="seeing").delete()
        return result

    monkeypatch.setattr(evaluation, "run", dropped)
    run(row)
    assert len(evaluations.reports(long_work.get(evaluations.KIND, row.pk, user=admin))) == 2
    assert evaluation.named("blind").scores


def test_the_list_does_not_read_results(row, admin, django_assert_num_queries):
    run(row)
    with django_assert_num_queries(1) as asked:
        rows = [(each.user.username, each.collection.name) for each in long_work.listing(evaluations.KIND, user=admin)]
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


@pytest.mark.parametrize("labels", ["tags", "group_key"])
def test_one_label_alone_is_refused_as_every_answer_would_be_right(collection, seeing, admin, labels):
    """It gave mAP 100, and was kept as a scorecard."""
    Image.objects.filter(collection=collection).update(tags=["red"], group_key="case 1")
    with pytest.raises(InvalidInput, match=r"whatever is found is right: (red|case 1)\.") as refused:
        evaluations.start(EvaluationRequest(collection, ("seeing",), Labels(labels)), user=admin)
    assert list(refused.value.fields) == ["collection"]


def test_rights(row, collection, admin):
    person, other_admin = UserFactory(), UserFactory(is_staff=True, is_superuser=True)
    with pytest.raises(Forbidden):
        evaluations.start(EvaluationRequest(collection, ("seeing",)), user=person)
    with pytest.raises(NotFound):
        evaluations.start(EvaluationRequest(collection, ("seeing",)), user=other_admin)
    for ask in (
        lambda: long_work.listing(evaluations.KIND, user=person),
        lambda: long_work.get(evaluations.KIND, row.pk, user=person),
    ):
        with pytest.raises(Forbidden):
            ask()
    assert list(long_work.listing(evaluations.KIND, user=admin)) == [row]
    assert list(long_work.listing(evaluations.KIND, user=other_admin)) == []
    with pytest.raises(NotFound):
        long_work.get(evaluations.KIND, row.pk, user=other_admin)
    collections.delete(collection, user=admin)
    assert list(long_work.listing(evaluations.KIND, user=admin)) == []
