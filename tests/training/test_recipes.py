"""Every recipe, built by name, makes its loss smaller on a handful of pictures and exports a plain encoder."""

from __future__ import annotations

import pytest
import torch

from retrieval.embedding import checkpoint
from retrieval.errors import InvalidInput
from retrieval.training import Hooks, stem, views
from retrieval.training.distill import Distill
from retrieval.training.loop import Job, averaged, batch_at, fit
from retrieval.training.recipe import FineTuned, Recipe
from retrieval.training.recipes import RECIPES, TAUGHT, Setup, build_recipe
from retrieval.training.sampling import Shuffled
from retrieval.training.targets import whitened
from retrieval.training.views import View, Watcher
from tests.training import make

TEACHER = "teacher.safetensors"
OPTIONS = {
    "classify": {"fixed_norms": False, "smoothing": 0.0},
    "contrastive": {"fixed_norms": False},
    "triplet": {"fixed_norms": False, "margin": 1.0},
    "arcface": {"fixed_norms": False, "margin": 0.1},
    "autoencoder": {"width": 8, "side": 16},
    "regression": {"teachers": [TEACHER], "teacher_sizes": [32], "fixed_norms": False},
    "distill": {"teachers": [TEACHER], "teacher_sizes": [32], "fixed_norms": False, "metric": 0.2, "logits": 0.3},
    "simclr": {"hidden": 32, "output": 16},
    "vicreg": {"hidden": 32, "output": 16},
    "swav": {"hidden": 32, "output": 16, "prototypes": 6},
    "gan": {"latent": 8, "width": 8, "side": 32},
}


@pytest.fixture(autouse=True)
def _by_torch(monkeypatch):
    """Teachers run by torch: converting a graph takes longer than all these pictures."""
    monkeypatch.setattr(views, "Stem", make.TorchStem)


def setup(folder, recipe: str, *, labelled: bool = True, **options) -> Setup:
    if recipe in TAUGHT:
        checkpoint.save(make.encoder(seed=9), folder / TEACHER)
    config = make.config(
        recipe,
        options={**OPTIONS.get(recipe, {}), **options},
        sampling={"batch": 12},
        optimiser={"steps": 16, "lr": 3e-3, "warmup_steps": 3},
        augment={"smallest_crop": 0.9},
    )
    return Setup(config, make.encoder(), make.pictures(labelled=labelled), folder.joinpath, folder)


def test_every_recipe_is_tried_here():
    assert set(OPTIONS) == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_first_weights_follow_from_the_seed(tmp_path, recipe):
    ready, built = setup(tmp_path, recipe), []
    for drawn_before in (1, 2):
        torch.manual_seed(drawn_before)
        built.append(build_recipe(ready).state_dict())
        assert torch.initial_seed() == drawn_before
    assert all(torch.equal(value, built[1][name]) for name, value in built[0].items())


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "gan"])
def test_a_recipe_lowers_its_loss(tmp_path, recipe):
    torch.manual_seed(0)
    ready = setup(tmp_path, recipe)
    job = Job(ready.config, ready.pictures, tmp_path)
    built = build_recipe(ready)
    before = loss(built, job)
    state = fit(built, job=job, hooks=Hooks())
    assert loss(state.recipe, job) < before
    with averaged(state) as trained:
        assert trained.exported().encode(list(ready.pictures.pixels[:2])).shape == (2, 4)


def loss(recipe: Recipe, job: Job) -> float:
    """Of all pictures, over a few draws of their views."""
    everything = Shuffled(len(job.pictures), batch=len(job.pictures), seed=0)
    with torch.no_grad():
        batches = [batch_at(step, job, everything, views=recipe.views) for step in range(1000, 1006)]
        return sum(recipe.train().step(batch)["loss"].item() for batch in batches)


@pytest.mark.parametrize("recipe", ["classify", "contrastive", "triplet", "arcface"])
def test_recipes_that_need_labels_say_so(tmp_path, recipe):
    with pytest.raises(InvalidInput, match="needs labelled pictures"):
        build_recipe(setup(tmp_path, recipe, labelled=False))


@pytest.mark.parametrize("recipe", ["simclr", "vicreg", "swav", "autoencoder", "gan", "distill"])
def test_recipes_that_need_no_labels_take_none(tmp_path, recipe):
    ready = setup(tmp_path, recipe, labelled=False)
    state = fit(build_recipe(ready), job=Job(ready.config, ready.pictures, tmp_path), hooks=Hooks(stop=lambda: True))
    assert state.step == 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_unknown_option_is_named(tmp_path, recipe):
    with pytest.raises(InvalidInput) as caught:
        build_recipe(setup(tmp_path, recipe, colour=1))
    assert list(caught.value.fields) == ["options.colour"]


def test_an_unknown_recipe_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="There is no recipe 'alchemy'"):
        build_recipe(setup(tmp_path, "alchemy"))


def test_a_teacher_has_to_be_named(tmp_path):
    with pytest.raises(InvalidInput, match="must name a weights file"):
        build_recipe(setup(tmp_path, "distill", teachers=[]))


@pytest.mark.parametrize("recipe", ["distill", "regression"])
def test_a_teacher_has_to_see_something(tmp_path, recipe):
    with pytest.raises(InvalidInput, match="must name a side"):
        build_recipe(setup(tmp_path, recipe, teacher_sizes=[]))


def test_too_many_frozen_stages_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="frozen_stages must be from 0 to 19"):
        build_recipe(setup(tmp_path, "classify", frozen_stages=20))


def test_frozen_stages_are_refused_where_earlier_maps_are_pooled():
    with pytest.raises(InvalidInput) as refused:
        FineTuned(make.encoder(quarters=[5]), frozen_stages=2)
    assert set(refused.value.fields) == {"options.frozen_stages"}
    FineTuned(make.encoder(quarters=[5]))


def test_frozen_stages_run_outside_torch_with_the_same_result(tmp_path, monkeypatch):
    """In single precision: a narrow network of random weights passes on what half precision rounds."""
    monkeypatch.setattr(stem, "precisions", lambda: ["fp32"])
    torch.manual_seed(0)
    recipe = build_recipe(setup(tmp_path, "arcface", frozen_stages=12, fixed_norms=True)).train()
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        ours, reference = recipe.embed(images), recipe.encoder(images)
    assert torch.cosine_similarity(ours, reference).min() > 0.9999


def test_frozen_stages_are_converted_in_single_precision_whatever_the_rest_has(tmp_path):
    """A graph that is converted under autocast holds autocast's own casts, which OpenVINO cannot read."""
    recipe = build_recipe(setup(tmp_path, "arcface", frozen_stages=12, fixed_norms=True)).train()
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            halved = recipe.embed(images)
        assert torch.cosine_similarity(halved, recipe.embed(images)).min() > 0.99


def test_teacher_vectors_are_computed_once(tmp_path, monkeypatch):
    build_recipe(setup(tmp_path, "distill"))
    monkeypatch.setattr(Watcher, "_computed", None)
    build_recipe(setup(tmp_path, "distill"))
    with pytest.raises(TypeError):
        build_recipe(setup(tmp_path, "distill", teacher_sizes=[64]))


def test_a_student_can_start_as_its_teacher(tmp_path):
    ready = setup(tmp_path, "distill")
    table = ready.config.to_dict() | {"start": {"weights": TEACHER, "whiten": True}}
    config = type(ready.config).from_dict(table)
    teacher = checkpoint.load(tmp_path / TEACHER)
    recipe = build_recipe(Setup(config, teacher, ready.pictures, tmp_path.joinpath, tmp_path))
    mirrored = torch.from_numpy(ready.pictures.pixels[:, :, ::-1].copy())
    both = [torch.from_numpy(ready.pictures.pixels), mirrored]
    with torch.no_grad():
        found = sum(teacher(part.permute(0, 3, 1, 2) / 255) for part in both) / 2
    assert torch.cosine_similarity(found, recipe.targets).mean() > 0.95  # the teacher runs in half precision


SECOND = "second.safetensors"


def ensemble(folder, *, whiten: bool, **options) -> Distill:
    """Two teachers, one of them of another width, and a student that is neither."""
    ready = setup(folder, "distill", teachers=[TEACHER, SECOND], power=0.15, **options)
    checkpoint.save(make.encoder(seed=8, widths=[8] * 17 + [24]), folder / SECOND)
    config = type(ready.config).from_dict(ready.config.to_dict() | {"start": {"whiten": whiten}})
    return build_recipe(Setup(config, make.encoder(), ready.pictures, folder.joinpath, folder))


def test_several_teachers_have_one_target(tmp_path):
    recipe = ensemble(tmp_path, whiten=False, teacher_sizes=[32], teacher_mirrored=False)
    teachers = [checkpoint.load(tmp_path / name) for name in (TEACHER, SECOND)]
    seen = [Watcher(teacher).mean(make.pictures().pixels, [View(32)]) for teacher in teachers]
    expected, _ = whitened(seen, dimension=4, power=0.15)
    torch.testing.assert_close(recipe.targets, torch.from_numpy(expected), rtol=1e-3, atol=1e-3)


def test_a_student_of_several_teachers_starts_as_near_as_a_map_brings_it(tmp_path):
    pixels = torch.from_numpy(make.pictures().pixels).permute(0, 3, 1, 2) / 255
    found = {}
    for whiten in (False, True):
        recipe = ensemble(tmp_path, whiten=whiten)
        with torch.no_grad():
            found[whiten] = torch.cosine_similarity(recipe.encoder(pixels), recipe.targets).mean()
    assert found[True] > 0.8 > found[False]
