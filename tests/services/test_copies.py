"""Copies: found as pictures come in, in groups around the one to keep, decided by people."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageOps

from retrieval.errors import Forbidden, InvalidInput, NotFound, Unavailable
from retrieval.ingest import files, fingerprint, sandbox
from retrieval.matching import QueryPicture, local_features
from retrieval.models import (
    AuditEvent,
    CopyDecision,
    CopyKeys,
    CopyPair,
    CopyVerdict,
    Decided,
    Encoder,
    EncoderState,
    Image,
    ImageFeatures,
    Membership,
)
from retrieval.search import stored, vectors
from retrieval.services.copies import candidates, decisions, groups, looking, resolving
from retrieval.services.copies.groups import Copy, CopyScope, Group
from retrieval.services.copies.resolving import Wish
from retrieval.services.images import bulk, bulk_undo, collections, images
from retrieval.services.images.bulk import Acts
from retrieval.services.images.choice import Choice
from retrieval.services.images.collections import CollectionChanges
from retrieval.work import features
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.matching.conftest import details_once, scene  # noqa: F401  # a fixture
from tests.services.test_same import collection, crop, encoder, kept  # noqa: F401  # fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("details_once")]

EDITS = {
    "half": lambda picture: picture.resize((160, 120), Pictures.Resampling.LANCZOS),
    "mirrored": ImageOps.mirror,
    "cropped": crop,
}


@pytest.fixture(autouse=True)
def not_by_vector(monkeypatch):
    """The encoder of these tests finds all pictures alike: what is found is found by keys."""
    monkeypatch.setattr(candidates, "ALIKE", 1.1)


def put(home, encoder, picture, **fields):  # noqa: F811
    """A stored picture with its fingerprint, whose bytes are those of what is seen."""
    image = kept(home, encoder, picture, bytes=picture.width * picture.height, **fields)
    if home.local_features:
        pixels = np.asarray(picture.convert("RGB"))
        seen = QueryPicture.of(pixels, size=picture.size, most=local_features.KEPT)
        packed = local_features.pack(seen.whole)
        ImageFeatures.objects.create(image=image, packed=packed, parts=seen.packed_parts())
    print_of = fingerprint.pdq(picture)
    Image.objects.filter(pk=image.pk).update(pdq=fingerprint.bit_text(print_of) if print_of else None)
    return Image.objects.get(pk=image.pk)


def look():
    features.work()
    while looking.work():
        pass


def found(user, **scope):
    """Titles: (keep, verdict, others with what was done to the one to keep)."""
    return [
        (group.keep.title, str(group.verdict), {copy.image.title: set(copy.edit) for copy in group.others})
        for group in groups.find(CopyScope(**scope), user=user)
    ]


def test_a_group_is_as_certain_as_its_weakest_pair_and_unknown_where_one_is():
    def group(*known):
        others = [Copy(Image(), CopyVerdict.SAME_FILE, (), one, 9, [], []) for one in known]
        return Group(uuid4(), CopyVerdict.SAME_FILE, Image(), others)

    assert group(1.0, 0.5).probability == 0.5
    assert group(1.0, None).probability is None


def test_copies_are_found_with_what_was_done_to_the_one_to_keep(collection, encoder):  # noqa: F811
    put(collection, encoder, scene(50), title="whole")
    for name, edit in EDITS.items():
        put(collection, encoder, edit(scene(50)), title=name)
    put(collection, encoder, scene(51), title="stranger")
    look()
    edits = {"half": {"resized"}, "mirrored": {"mirrored"}, "cropped": {"cropped"}}
    assert found(collection.owner) in (
        [("whole", "same_image", edits)],
        [("mirrored", "same_image", {"whole": {"mirrored"}, "half": {"resized", "mirrored"},
                                     "cropped": {"cropped", "mirrored"}})],
    )  # fmt: skip
    assert not looking.lacking().exists()


def test_whatever_came_first_the_groups_are_the_same(collection, encoder):  # noqa: F811
    pictures = {f"{seed} {name}": edit(scene(seed)) for seed in (50, 51) for name, edit in EDITS.items()}
    pictures |= {f"{seed}": scene(seed) for seed in (50, 51)}
    digests = {name: fingerprint.sha256(name.encode()) for name in pictures}
    answers = []
    for seed in range(2):
        home = CollectionFactory(local_features=True)
        for name in random.Random(seed).sample(sorted(pictures), len(pictures)):
            put(home, encoder, pictures[name], title=name, sha256=digests[name])
            look()
        answers.append(found(home.owner))
        Image.objects.filter(collection=home).delete()
    assert all(one == other for one, other in pairwise(answers))
    assert len(answers[0]) == 2


def test_a_group_is_pairs_around_the_one_to_keep_and_never_a_chain():
    first, second, third = rows = [ImageFactory(width=size, height=size) for size in (30, 20, 10)]
    chain = [
        CopyPair(one_id=one.pk, other_id=other.pk, verdict="same_image", probability=0.9)
        for one, other in pairwise(rows)
    ]
    by_id = {image.pk: image for image in rows}
    [group] = groups.grouped(chain, by_id, rule=("pixels",))
    assert ([image.pk for image in group.images], group.probability) == ([first.pk, second.pk], 0.9)
    [group] = groups.grouped(
        chain, {**by_id, second.pk: ImageFactory.build(pk=second.pk, width=99, height=99)}, rule=("pixels",)
    )
    assert [image.pk for image in group.images] == [second.pk, first.pk, third.pk]


def test_what_is_not_kept_of_a_stronger_verdict_is_in_no_group_of_a_weaker_one():
    first, second, third = rows = [ImageFactory(width=size, height=size) for size in (30, 20, 10)]
    pairs = [
        CopyPair(one_id=first.pk, other_id=third.pk, verdict="same_thing", probability=0.8),
        CopyPair(one_id=second.pk, other_id=third.pk, verdict="same_image", probability=0.9),
        CopyPair(one_id=first.pk, other_id=second.pk, verdict="same_thing", probability=0.7),
    ]
    found_ = groups.grouped(pairs, {image.pk: image for image in rows}, rule=("pixels",))
    assert [[image.pk for image in group.images] for group in found_] == [[second.pk, third.pk], [first.pk, second.pk]]


def test_the_same_bytes_elsewhere_are_told_to_those_alone_who_see_both(collection, encoder):  # noqa: F811
    other = CollectionFactory(visibility="shared")
    image = put(collection, encoder, scene(50), title="mine")
    put(other, encoder, scene(50), title="theirs", sha256=image.sha256)
    look()
    assert found(collection.owner) == found(other.owner) == []
    Membership.objects.create(collection=other, user=collection.owner, role="viewer")
    [(_, verdict, _)] = found(collection.owner)
    assert (verdict, found(other.owner)) == ("same_file", [])
    assert len(found(collection.owner, collection=collection.pk, against=other.pk)) == 1
    assert found(collection.owner, collection=collection.pk) == []
    with pytest.raises(NotFound):
        found(other.owner, collection=collection.pk)


@pytest.mark.parametrize("first", ["page", "picture"])
def test_a_picture_on_a_page_is_found_whichever_came_first(collection, encoder, first):  # noqa: F811
    page = Pictures.new("RGB", (1000, 1200), "white")
    page.paste(scene(52).resize((160, 120), Pictures.Resampling.LANCZOS), (700, 900))
    pictures = {"page": page, "picture": scene(52)}
    for name in sorted(pictures, key=lambda each: each != first):
        put(collection, encoder, pictures[name], title=name)
        look()
    [(keep, verdict, others)] = found(collection.owner)
    assert (keep, verdict) == ("page", "same_image")
    assert "cropped" in others["picture"]


def test_without_local_features_a_print_brings_in_what_is_then_compared(encoder):  # noqa: F811
    home = CollectionFactory()
    put(home, encoder, scene(50), title="whole")
    put(home, encoder, ImageOps.mirror(scene(50)), title="mirrored")
    look()
    assert [verdict for _, verdict, _ in found(home.owner)] == ["same_image"]
    assert not ImageFeatures.objects.exists()


def test_once_local_features_are_kept_it_is_looked_again(encoder):  # noqa: F811
    home = CollectionFactory()
    put(home, encoder, scene(50), title="whole")
    put(home, encoder, crop(scene(50)), title="cropped")
    look()
    assert found(home.owner) == []
    collections.edit(home, user=home.owner, changes=CollectionChanges(local_features=True))
    assert not looking.lacking().exists()  # waits for them
    look()
    assert found(home.owner) == [("whole", "same_image", {"cropped": {"cropped"}})]


def test_a_flat_picture_is_no_evidence(collection, encoder):  # noqa: F811
    put(collection, encoder, Pictures.new("RGB", (64, 64), "white"))
    put(collection, encoder, Pictures.new("RGB", (60, 60), "white"))
    look()
    assert (found(collection.owner), CopyKeys.objects.filter(prints=[], corners=[]).count()) == ([], 2)


def test_what_a_decoder_had_no_time_for_is_looked_for_later(encoder, monkeypatch):  # noqa: F811
    def busy(*_args, **_options):
        raise Unavailable("later", code="decoders_busy")

    home = CollectionFactory()
    put(home, encoder, scene(50))
    put(home, encoder, ImageOps.mirror(scene(50)))
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "pixels", busy)
        look()
        assert looking.lacking().exists()
    look()
    assert len(found(home.owner)) == 1


@pytest.fixture
def pair(collection, encoder):  # noqa: F811
    """An original and its copy, found."""
    made = (
        put(collection, encoder, scene(50), title="whole"),
        put(collection, encoder, crop(scene(50)), title="cropped"),
    )
    look()
    return made


def decide(pair, decision, user):
    return decisions.decide([(pair[1].pk, pair[0].pk)], decision=Decided(decision), user=user)


def test_a_decision_outlives_searches_moves_and_the_trash(pair, collection):  # noqa: F811
    user = collection.owner
    decide(pair, "different", user)
    assert found(user) == []
    CopyKeys.objects.update(looked_at=None)
    look()
    images.move(pair[0], user=user, collection=CollectionFactory(owner=user))
    images.delete(pair[1], user=user)
    assert not decisions.listing(CopyScope(), user=user).exists()
    images.restore(pair[1].pk, user=user)
    assert (found(user), CopyPair.objects.count()) == ([], 1)
    [row] = decisions.listing(CopyScope(), user=user)
    assert (row.user, row.decision) == (user, "different")
    decisions.take_back(row.pk, user=user)
    assert len(found(user)) == 1


def test_a_decision_outlives_new_vectors_and_the_switch_of_encoders(pair, collection, encoder):  # noqa: F811
    user = collection.owner
    [row] = decide(pair, "different", user)

    def stands():
        CopyKeys.objects.update(looked_at=None)
        look()
        assert not looking.lacking().exists()
        [same] = decisions.listing(CopyScope(), user=user)
        return (same.pk, same.decided_at, found(user)) == (row.pk, row.decided_at, [])

    bulk.run(Choice(ids=tuple(image.pk for image in pair)), user=user, acts=Acts(embed=True))
    anew(encoder, pair)
    assert stands()
    Encoder.objects.filter(pk=encoder.pk).update(state=EncoderState.RETIRED)
    anew(EncoderFactory(dimension=encoder.dimension), pair)
    assert stands()
    encoder.delete()
    assert stands()


def anew(encoder, images):  # noqa: F811
    """Each gets another vector."""
    found = vectors.one_by_one(
        np.arange(1, 1 + encoder.dimension * len(images), dtype=np.float32).reshape(len(images), -1)
    )
    ids = [image.pk for image in images]
    stored.put(encoder, dict(zip(ids, found, strict=True)), places={image.pk: image.collection_id for image in images})


def test_what_comes_back_from_the_trash_has_the_copies_that_came_meanwhile(collection, encoder):  # noqa: F811
    whole = put(collection, encoder, scene(50), title="whole")
    look()
    images.delete(whole, user=collection.owner)
    put(collection, encoder, crop(scene(50)), title="cropped")
    look()
    assert found(collection.owner) == []
    images.restore(whole.pk, user=collection.owner)
    assert len(found(collection.owner)) == 1


def test_what_people_call_copies_is_a_group_also_where_nothing_was_found(collection, encoder):  # noqa: F811
    two = put(collection, encoder, scene(50)), put(collection, encoder, scene(51))
    look()
    decide(two, "copies", collection.owner)
    decide(two, "copies", collection.owner)
    [group] = groups.find(CopyScope(collection=collection.pk), user=collection.owner)
    assert (group.verdict, group.probability, CopyDecision.objects.count()) == ("same_image", 1.0, 1)


def test_who_only_looks_on_decides_nothing(pair, collection):  # noqa: F811
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(visibility="shared"))
    viewer = UserFactory()
    with pytest.raises(NotFound):
        decide(pair, "different", viewer)
    Membership.objects.create(collection=collection, user=viewer, role="viewer")
    with pytest.raises(Forbidden):
        decide(pair, "different", viewer)
    [row] = decide(pair, "different", collection.owner)
    with pytest.raises(Forbidden):
        decisions.take_back(row.pk, user=viewer)
    with pytest.raises(InvalidInput):
        decide((pair[0], pair[0]), "different", collection.owner)


def test_a_picture_that_is_gone_takes_its_pairs_along(pair, collection):  # noqa: F811
    decide(pair, "copies", collection.owner)
    files.original(pair[0].sha256).unlink()
    Image.objects.filter(pk=pair[0].pk).delete()
    assert not CopyPair.objects.exists()
    assert not CopyDecision.objects.exists()


def pair_of(home, *, verdict="same_image", edit=(), small=None, large=None):
    """A large picture and a small one, with their pair, made straight in the tables."""
    rows = [ImageFactory(collection=home, width=width, **(said or {})) for width, said in ((40, large), (4, small))]
    CopyPair.objects.create(one=rows[0], other=rows[1], verdict=verdict, probability=0.9, edit=list(edit))
    return rows


def resolved(user, **wish):
    return resolving.resolve(Wish(**wish), user=user)


@pytest.fixture
def home():
    return CollectionFactory()


def test_the_kept_one_takes_over_what_people_said_and_one_undo_brings_all_back(home):
    said = {"tags": ["hat", "red"], "caption": "Mine", "title": "other", "metadata": {"a": 2, "b": 3}}
    large, _ = pair_of(home, small=said, large={"tags": ["red", "blue"], "title": "own", "metadata": {"a": 1}})
    scope = CopyScope(collection=home.pk)
    assert resolving.preview(Wish(scope), user=home.owner).trashed == 1
    done = resolved(home.owner, scope=scope)
    large.refresh_from_db()
    assert (done.kept, done.trashed, done.left) == (1, 1, 0)
    assert (large.tags, large.caption, large.title) == (["red", "blue", "hat"], "Mine", "own")
    assert large.metadata == {"a": 1, "b": 3}
    assert list(Image.objects.alive()) == [large]
    bulk_undo.undo(done.undo, user=home.owner)
    large.refresh_from_db()
    assert (large.tags, large.caption, large.metadata) == (["red", "blue"], "", {"a": 1})
    assert Image.objects.alive().count() == 2
    assert AuditEvent.objects.filter(action="copies.resolved").count() == 1


def test_the_rule_and_the_person_choose_which_one_is_kept(home):
    _, small = pair_of(home, small={"tags": ["a", "b"]})
    scope = CopyScope(collection=home.pk)
    token = resolved(home.owner, scope=scope, rule=("metadata",)).undo
    assert list(Image.objects.alive()) == [small]
    bulk_undo.undo(token, user=home.owner)
    [group] = groups.find(scope, user=home.owner)
    resolved(home.owner, scope=scope, ids=(group.id,), keep=(small.pk,))
    assert list(Image.objects.alive()) == [small]
    with pytest.raises(InvalidInput):
        resolved(home.owner, scope=scope, rule=("pixels", "pixels"))
    with pytest.raises(NotFound):
        resolved(home.owner, scope=scope, ids=(group.id,))


def test_what_was_not_verified_against_the_kept_one_stays(home):
    large, small = pair_of(home)
    third = ImageFactory(collection=home, width=3)
    CopyPair.objects.create(one=large, other=third, verdict="same_image", probability=0.9)
    scope = CopyScope(collection=home.pk)
    [group] = groups.find(scope, user=home.owner)
    resolved(home.owner, scope=scope, ids=(group.id,), keep=(small.pk,))
    assert set(Image.objects.alive()) == {small, third}


@pytest.mark.parametrize(
    ("verdict", "edit"), [("same_image", ["cropped"]), ("same_image", ["pasted"]), ("same_thing", [])]
)
def test_at_once_only_whole_copies_go(home, verdict, edit):
    pair_of(home, verdict=verdict, edit=edit)
    scope = CopyScope(collection=home.pk)
    done = resolved(home.owner, scope=scope)
    assert (done.kept, done.trashed, done.left, done.undo) == (0, 0, 1, None)
    [group] = groups.find(scope, user=home.owner)
    assert resolved(home.owner, scope=scope, ids=(group.id,)).trashed == 1


def test_what_would_go_of_each_verdict_is_what_goes(home):
    """Held to a preview of each verdict by itself, over pairs that share pictures and lie in several collections."""
    dice, other = random.Random(3), CollectionFactory(visibility="public")
    rows = [ImageFactory(collection=dice.choice([home, home, other]), width=dice.randint(1, 9)) for _ in range(24)]
    for one, another in dice.sample([*combinations(sorted(rows, key=lambda image: image.pk), 2)], 40):
        CopyPair.objects.create(
            one=one, other=another, verdict=dice.choice([*CopyVerdict]), edit=dice.choice([[], [], ["cropped"]])
        )
    counted = resolving.would_go(groups.find(CopyScope(), user=home.owner), user=home.owner)
    goes = {
        verdict: resolving.preview(Wish(CopyScope(verdict=verdict)), user=home.owner).trashed for verdict in CopyVerdict
    }
    assert all(goes.values())
    assert {verdict: counted[verdict] for verdict in CopyVerdict} == goes


def test_what_is_anothers_stays_and_is_no_reason_to_lose_ones_own(home):
    other = CollectionFactory(visibility="public")
    large, small = ImageFactory(collection=other, width=40), ImageFactory(collection=home)
    CopyPair.objects.create(one=large, other=small, verdict="same_image", probability=0.9)
    done = resolved(home.owner, scope=CopyScope())
    assert (done.trashed, done.left) == (0, 1)
    assert Image.objects.alive().count() == 2


def test_what_is_lacking_is_not_asked_for_again_once_it_was_all_there(collection, encoder, monkeypatch):  # noqa: F811
    put(collection, encoder, scene(50))
    asked, real = [], looking.lacking
    monkeypatch.setattr(looking, "lacking", lambda: asked.append(1) or real())
    assert not looking.work()
    assert (len(asked), CopyKeys.objects.filter(looked_at=None).exists()) == (2, False)  # what is due; is more left
