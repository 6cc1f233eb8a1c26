"""What an encoder learned from, through its ancestors and after these are gone, and which scores that touches."""

from __future__ import annotations

import pytest

from retrieval.errors import Conflict
from retrieval.models import AuditEvent, TrainingRun
from retrieval.services.encoders import encoders, indexes
from retrieval.services.evaluation import lineage
from tests.factories import CollectionFactory, EncoderFactory, UserFactory

HERE, THERE = (f"collection 0190a0a0-0000-7000-8000-00000000000{number}" for number in (1, 2))


@pytest.mark.parametrize(
    ("learned_from", "dataset", "digest", "expected"),
    [
        ({HERE}, f"{HERE} by tags", "x", True),
        ({HERE}, f"{HERE} by judgements (pearson)", "x", True),
        ({HERE}, f"{THERE} by tags", "x", False),
        ({lineage.EVERYWHERE}, f"{THERE} by tags", "x", True),
        ({lineage.EVERYWHERE}, "corel1k", "x", False),
        ({"x"}, "corel1k", "x", True),
        ({"x"}, "corel1k", "y", False),
        (set(), f"{HERE} by tags", "", False),
    ],
)
def test_a_collection_counts_as_a_whole_and_a_folder_by_its_digest(learned_from, dataset, digest, expected):
    assert lineage.among(learned_from, dataset=dataset, digest=digest) is expected


@pytest.mark.django_db
def test_what_is_written_down_stays_when_the_ancestors_are_gone():
    first = EncoderFactory(origin={"collection": None, "data": "d1"})
    second = EncoderFactory(origin={"calibrated_on": HERE}, state="draft")
    lineage.write(second, ancestors=[first], also=["d2"])
    second.save()
    first.delete()
    assert lineage.sources(second) == {"d1", "d2", HERE, lineage.EVERYWHERE}


@pytest.mark.django_db
def test_older_rows_are_put_together_from_their_ancestors():
    """Their names tell which, but never a younger one: here the last has the name of what the first was made of."""
    home = CollectionFactory()
    run = TrainingRun.objects.create(user=home.owner, collection=home, name="x", recipe="x", config={})
    first = EncoderFactory(state="draft", origin={"training_run": str(run.pk), "compressed_from": "again"})
    middle = EncoderFactory(state="draft", origin={"source": str(first.pk), "collection": THERE.split()[1]})
    last = EncoderFactory(state="draft", name="again", origin={"compressed_from": middle.name, "calibrated_on": HERE})
    assert lineage.sources(last) == {f"collection {home.pk}", THERE, HERE}


@pytest.fixture
def switched(db, monkeypatch):
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    admin = UserFactory(is_staff=True, is_superuser=True)
    cards = {f"{place} by tags": {"map": 0.6, "digest": "x"} for place in (HERE, THERE)}
    current = EncoderFactory(scores=cards, origin={"collection": THERE.split()[1]})
    origin = {"collection": HERE.split()[1]}
    return admin, current, EncoderFactory(scores=cards, origin=origin, state="building")


def test_a_switch_keeps_in_the_trail_which_figures_it_remembered(switched):
    admin, _, chosen = switched
    encoders.activate(chosen, user=admin)
    detail = AuditEvent.objects.get(action="encoder.activated").detail
    assert detail["learned_from_these"] == [f"{HERE} by tags"]


@pytest.mark.parametrize(("place", "who"), [(HERE, "It"), (THERE, "The active encoder")])
def test_a_refusal_says_whose_figure_is_of_what_it_learned_from(switched, place, who, monkeypatch):
    admin, current, chosen = switched
    current.scores[f"{place} by tags"] = {"map": 0.9, "digest": "x"}
    current.save()
    monkeypatch.setattr("retrieval.services.encoders.origins._seen", lambda user, homes: homes | {""})
    with pytest.raises(Conflict) as refused:
        encoders.activate(chosen, user=admin)
    assert f"0.9000. {who} learned from these pictures. Give a reason" in refused.value.message
    assert refused.value.message.count("learned") == 1
