"""Judging: pools drawn, grades kept and taken back, scores from them, and the refusal of a worse encoder."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from uuid import UUID

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.models import (
    AuditEvent,
    Embedding,
    Encoder,
    Evaluation,
    GroupRule,
    Image,
    Judgement,
    Labels,
    LongJobState,
    Pool,
)
from retrieval.services.encoders import encoders as life
from retrieval.services.encoders import indexes
from retrieval.services.evaluation import evaluation, evaluations, judgements, pools
from retrieval.services.evaluation.evaluations import EvaluationRequest
from retrieval.services.evaluation.judged import CollectionJudgements
from retrieval.services.evaluation.judgements import Said
from retrieval.services.evaluation.pools import PoolRequest, Standing
from retrieval.services.images import collections, images, purging
from retrieval.services.operations import long_work
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

pytestmark = pytest.mark.django_db

SHADES = 15


@pytest.fixture
def admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def other_admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def pictures(admin):
    """Pictures of three kinds, by turns."""
    row = CollectionFactory(owner=admin, visibility="public")
    return [ImageFactory(collection=row, title=f"kind {number % 3}") for number in range(SHADES)]


@pytest.fixture
def collection(pictures):
    return pictures[0].collection


@pytest.fixture
def seeing(pictures):
    """An encoder that tells the kinds apart; it is the active one."""
    row = EncoderFactory(name="seeing", dimension=3)
    noise = np.random.default_rng(1).uniform(0, 0.2, (SHADES, 3))
    embed(pictures, encoder=row, raw=(np.eye(3)[[number % 3 for number in range(SHADES)]] + noise).astype(np.float32))
    return row


@pytest.fixture
def blind(pictures):
    """An encoder of noise."""
    row = EncoderFactory(name="blind", dimension=3, state="building")
    embed(pictures, encoder=row, raw=np.random.default_rng(0).normal(size=(SHADES, 3)).astype(np.float32))
    return row


@pytest.fixture
def pool(collection, seeing, blind, admin, monkeypatch):
    """Three queries with the first four answers of both."""
    monkeypatch.setattr(pools, "DEPTH", 4)
    return pools.draw(PoolRequest(collection, ("seeing", "blind"), queries=3), user=admin)


def pairs(row):
    return [(UUID(asked), UUID(answer)) for asked, answers in row.queries for answer in answers]


def vectors_by(encoder):
    rows = Embedding.objects.filter(encoder=encoder).values_list("image_id", "vector")
    return {str(pk): np.array(vector) for pk, vector in rows}


def judge_all(pool, admin):
    """Say yes to what is of one kind, no to the rest."""
    kinds = dict(Image.objects.values_list("pk", "title"))
    while step := pools.upcoming(pool, user=admin):
        grade = 2 if kinds[step.query.pk] == kinds[step.answer.pk] else 0
        judgements.keep([Said(step.query.pk, step.answer.pk, grade)], user=admin)


def test_a_pool_holds_the_first_answers_of_every_encoder(pool, pictures, seeing, blind):
    assert len(pool.queries) == 3
    for asked, answers in pool.queries:
        nearest = set()
        for row in (seeing, blind):
            of = vectors_by(row)
            ranked = sorted(of.keys() - {asked}, key=lambda item: -float(of[asked] @ of[item]))
            nearest |= set(ranked[:4])
        assert set(answers) == nearest
        assert answers != sorted(answers)
    assert AuditEvent.objects.filter(action="pool.drawn").count() == 1


def test_the_same_seed_draws_the_same_and_more_include_fewer(pool, collection, admin, monkeypatch):
    more = pools.draw(PoolRequest(collection, ("seeing", "blind"), queries=5), user=admin)
    assert more.queries[:3] == pool.queries
    other = pools.draw(PoolRequest(collection, ("seeing", "blind"), queries=3, seed=1), user=admin)
    assert [asked for asked, _ in other.queries] != [asked for asked, _ in pool.queries]


def test_what_one_encoder_has_not_embedded_is_not_asked(collection, seeing, blind, admin, pool):
    late = ImageFactory(collection=collection)
    embed([late], encoder=seeing, raw=np.ones((1, 3), dtype=np.float32))
    row = pools.draw(PoolRequest(collection, ("seeing", "blind"), queries=50), user=admin)
    assert len(row.queries) == SHADES
    assert str(late.pk) not in {asked for asked, _ in row.queries}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"encoders": ("seeing",)}, "encoders"),
        ({"encoders": ("seeing", "seeing")}, "encoders"),
        ({"encoders": ("seeing", "draft")}, "encoders"),
        ({"queries": 0}, "queries"),
        ({"queries": 51}, "queries"),
        ({"seed": -1}, "seed"),
    ],
)
@pytest.mark.usefixtures("seeing", "blind")
def test_pools_that_cannot_be_drawn_are_refused(collection, admin, change, field):
    EncoderFactory(name="draft", dimension=3, state="draft")
    wanted = {"encoders": ("seeing", "blind")} | change
    with pytest.raises(InvalidInput) as refused:
        pools.draw(PoolRequest(collection, **wanted), user=admin)
    assert list(refused.value.fields) == [field]


def test_without_pictures_there_is_no_pool(seeing, blind, admin):
    bare = CollectionFactory(owner=admin)
    with pytest.raises(InvalidInput, match="Fewer than two"):
        pools.draw(PoolRequest(bare, ("seeing", "blind")), user=admin)
    assert not Pool.objects.exists()


def test_answers_come_one_after_the_other_and_passed_ones_at_the_end(pool, admin):
    first = pools.upcoming(pool, user=admin)
    assert (first.place, first.number) == (0, 1)
    second = pools.upcoming(pool, user=admin, after=0)
    assert second.place == 1
    judgements.keep([Said(second.query.pk, second.answer.pk, 1)], user=admin)
    total = len(pairs(pool))
    assert pools.standing(pool, user=admin) == Standing(1, total)
    assert pools.upcoming(pool, user=admin, after=total - 1).place == 0
    judge_all(pool, admin)
    assert pools.upcoming(pool, user=admin) is None
    assert pools.standing(pool, user=admin) == Standing(total, total)


def test_a_new_encoder_needs_only_its_new_answers(pool, collection, pictures, admin):
    judge_all(pool, admin)
    row = EncoderFactory(name="third", dimension=3, state="building")
    embed(pictures, encoder=row, raw=np.random.default_rng(7).normal(size=(SHADES, 3)).astype(np.float32))
    wider = pools.draw(PoolRequest(collection, ("seeing", "third"), queries=3), user=admin)
    known, standing = set(pairs(pool)), pools.standing(wider, user=admin)
    assert standing == Standing(len(known & set(pairs(wider))), len(pairs(wider)))
    assert 0 < standing.judged < standing.total


def test_a_grade_is_kept_once_for_each_person(pool, admin, other_admin):
    query, answer = pairs(pool)[0]
    for person, grade in ((admin, 0), (admin, 2), (other_admin, 1)):
        judgements.keep([Said(query, answer, grade)], user=person)
    assert sorted(Judgement.objects.values_list("user_id", "grade")) == sorted([(admin.pk, 2), (other_admin.pk, 1)])
    assert list(pools.grades(pool).values()) == [1.5]
    judgements.keep([Said(query, answer, None)], user=admin)
    assert Judgement.objects.get().user == other_admin


def test_of_two_in_one_call_the_later_counts(pool, admin):
    query, answer = pairs(pool)[0]
    judgements.keep([Said(query, answer, 2), Said(query, answer, 1)], user=admin)
    assert Judgement.objects.get().grade == 1


def test_the_latest_is_taken_back_first(pool, admin, other_admin):
    for place in (0, 1):
        step = pools.upcoming(pool, user=admin, after=place - 1)
        judgements.keep([Said(step.query.pk, step.answer.pk, 1)], user=admin)
    Judgement.objects.filter(answer_id=pairs(pool)[0][1]).update(judged_at=timezone.now() - timedelta(minutes=1))
    assert judgements.take_back(pool, user=other_admin) is None
    assert [judgements.take_back(pool, user=admin) for _ in range(3)] == [1, 0, None]


def test_what_is_judged_elsewhere_is_not_taken_back(pool, collection, admin):
    first, second = (ImageFactory(collection=collection) for _ in range(2))
    judgements.keep([Said(first.pk, second.pk, 1)], user=admin)
    assert judgements.take_back(pool, user=admin) is None
    assert Judgement.objects.count() == 1


def test_odd_judgements_are_refused(pictures, admin):
    elsewhere = ImageFactory(collection=CollectionFactory(owner=admin))
    one, two = pictures[0].pk, pictures[1].pk
    for said, why in (
        ([Said(one, one, 1)], "itself"),
        ([Said(one, elsewhere.pk, 1)], "one collection"),
        ([Said(one, two, 3)], "0, 1 or 2"),
        ([], "at once"),
        ([Said(one, two, 1)] * 201, "at once"),
        ([Said(one, two, 1), Said(one, two, -1)], "0, 1 or 2"),
    ):
        with pytest.raises(InvalidInput, match=why):
            judgements.keep(said, user=admin)
    assert not Judgement.objects.exists()


@pytest.mark.parametrize("wrong", [{"grade": 3}, {"answer": "query"}])
def test_the_database_keeps_odd_grades_out(pictures, admin, wrong):
    row = Judgement(query=pictures[0], answer=pictures[1], user=admin, collection=pictures[0].collection, grade=1)
    row.grade = wrong.get("grade", 1)
    row.answer = pictures[0] if "answer" in wrong else pictures[1]
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_rights(pool, collection, pictures, admin, other_admin):
    person = UserFactory()
    said = [Said(pictures[0].pk, pictures[1].pk, 1)]
    for ask in (
        lambda: pools.draw(PoolRequest(collection, ("seeing", "blind")), user=person),
        lambda: pools.listing(person),
        lambda: pools.get(pool.pk, user=person),
        lambda: judgements.keep(said, user=person),
    ):
        with pytest.raises(Forbidden):
            ask()
    assert pools.get(pool.pk, user=other_admin) == pool
    collection.visibility = "private"
    collection.save()
    assert list(pools.listing(other_admin)) == []
    for ask in (
        lambda: pools.draw(PoolRequest(collection, ("seeing", "blind")), user=other_admin),
        lambda: pools.get(pool.pk, user=other_admin),
        lambda: judgements.keep(said, user=other_admin),
    ):
        with pytest.raises(NotFound):
            ask()
    assert pools.places(pool, user=other_admin) == {}
    assert list(pools.listing(admin)) == [pool]


def test_pictures_that_left_are_not_shown_and_keep_the_others_places(pool, admin):
    step = pools.upcoming(pool, user=admin)
    images.move(step.answer, user=admin, collection=CollectionFactory(owner=admin))
    following = pools.upcoming(pool, user=admin)
    assert following.place == 1
    images.delete(following.answer, user=admin)
    assert pools.upcoming(pool, user=admin).place == 2


def test_judgements_go_with_their_pictures_and_their_collection(pool, collection, admin, monkeypatch):
    judge_all(pool, admin)
    query, answer = pairs(pool)[0]
    Image.objects.filter(pk=answer).update(deleted_at=timezone.now() - timedelta(days=31))
    purging.purge_deleted()
    assert not Judgement.objects.filter(answer_id=answer).exists()
    assert Judgement.objects.filter(query_id=query).exists()
    collections.delete(collection, user=admin)
    Image.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    collection.refresh_from_db()
    collection.deleted_at = timezone.now() - timedelta(days=31)
    collection.save()
    purging.purge_deleted()
    assert not Judgement.objects.exists()
    assert not Pool.objects.exists()


def measured(collection, admin, *names):
    row = evaluations.start(EvaluationRequest(collection, names, Labels.JUDGEMENTS), user=admin)
    long_jobs.run(evaluations.KIND, row.pk)
    return long_work.get(evaluations.KIND, row.pk, user=admin)


def test_the_score_goes_to_the_scorecards_and_a_worse_encoder_is_refused(pool, collection, admin, monkeypatch):
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    judge_all(pool, admin)
    found = measured(collection, admin, "seeing", "blind")
    assert (found.state, found.error_text) == (LongJobState.DONE, "")
    first, second = evaluations.reports(found)
    assert set(first.overall) == {"mAP", "MRR", "P@10", "nDCG@10", "unjudged@10"}
    assert first.overall["nDCG@10"].mean > second.overall["nDCG@10"].mean
    assert found.result["differences"]["blind"]["mAP"]["mean"] > 0
    name = f"collection {collection.pk} by judgements"
    seeing, blind = evaluation.named("seeing"), evaluation.named("blind")
    assert seeing.scores[name]["protocol"] == "judgements"
    assert set(life.worse_sets(blind, seeing)) == {name}
    with pytest.raises(Conflict) as refused:
        life.activate(blind, user=admin)
    assert refused.value.code == "encoder_worse"
    assert name in refused.value.message
    life.activate(blind, user=admin, force_reason="Quicker.")
    assert Encoder.objects.active() == blind


def test_the_active_encoder_is_measured_along_since_other_judgements_make_another_set(pool, collection, admin):
    judge_all(pool, admin)
    assert measured(collection, admin, "seeing").encoders == ["seeing"]
    judgements.take_back(pool, user=admin)
    evaluation.save_scorecards([evaluation.named("blind")], result=alone(collection, "blind"))
    assert life.worse_sets(evaluation.named("blind"), evaluation.named("seeing")) == {}
    assert measured(collection, admin, "blind").encoders == ["blind", "seeing"]
    assert life.worse_sets(evaluation.named("blind"), evaluation.named("seeing")) != {}


def alone(collection, name):
    return evaluation.run([evaluation.named(name)], source=CollectionJudgements(collection, None))


def test_what_one_may_not_see_is_not_measured(pool, collection, seeing, blind, admin):
    judge_all(pool, admin)
    whole = CollectionJudgements(collection, admin).load([seeing, blind], progress=lambda *_: None)
    assert CollectionJudgements(collection, None).load([seeing, blind], progress=lambda *_: None).digest == whole.digest
    query = Image.objects.get(pk=pool.queries[0][0])
    images.delete(query, user=admin)
    fewer = CollectionJudgements(collection, admin).load([seeing, blind], progress=lambda *_: None)
    assert str(query.pk) not in fewer.galleries[0].items
    assert len(fewer.grades.asked) == len(whole.grades.asked) - 1
    assert fewer.digest != whole.digest


def test_people_who_differ_count_by_their_mean(pool, collection, seeing, admin, other_admin):
    query, answer = pairs(pool)[0]
    judgements.keep([Said(query, answer, 2)], user=admin)
    judgements.keep([Said(query, answer, 1)], user=other_admin)
    loaded = CollectionJudgements(collection, admin).load([seeing], progress=lambda *_: None)
    grades = loaded.grades
    assert (grades.query.tolist(), grades.grade.tolist()) == ([0], [1.5])
    assert loaded.galleries[0].items[grades.asked[0]] == str(query)
    assert loaded.galleries[0].items[grades.answer[0]] == str(answer)


def test_without_judgements_there_is_nothing_to_measure(collection, seeing, admin, pictures):
    with pytest.raises(InvalidInput, match="Nobody judged") as refused:
        evaluations.start(EvaluationRequest(collection, ("seeing",), Labels.JUDGEMENTS), user=admin)
    assert list(refused.value.fields) == ["collection"]
    judgements.keep([Said(pictures[0].pk, pictures[1].pk, 2)], user=admin)
    grouped = EvaluationRequest(collection, ("seeing",), Labels.JUDGEMENTS, groups=GroupRule.EXCLUDE)
    with pytest.raises(InvalidInput) as refused:
        evaluations.start(grouped, user=admin)
    assert list(refused.value.fields) == ["groups"]
    row = evaluations.start(EvaluationRequest(collection, ("seeing",), Labels.JUDGEMENTS), user=admin)
    judgements.keep([Said(pictures[0].pk, pictures[1].pk, None)], user=admin)
    long_jobs.run(evaluations.KIND, row.pk)
    assert "Nobody judged" in Evaluation.objects.get().error_text


def test_the_command_measures_by_judgements(pool, collection, admin, tmp_path):
    judge_all(pool, admin)
    out, file = StringIO(), tmp_path / "report.json"
    files = {"json": file, "plots": tmp_path / "plots"}
    call_command("evaluate_encoder", "seeing", against=["blind"], judgements=collection.name, stdout=out, **files)
    assert "nDCG@10" in out.getvalue()
    assert "seeing minus blind" in out.getvalue()
    assert json.loads(file.read_text())[0]["protocol"] == "judgements"
    assert f"collection {collection.pk} by judgements" in evaluation.named("blind").scores
    for options in ({}, {"judgements": "nowhere"}, {"judgements": collection.name, "groups": "count"}):
        with pytest.raises(CommandError):
            call_command("evaluate_encoder", "seeing", **options, stdout=out, stderr=StringIO())
    with pytest.raises(CommandError, match="Name a folder"):
        call_command("evaluate_encoder", "seeing", str(tmp_path), judgements=collection.name)
