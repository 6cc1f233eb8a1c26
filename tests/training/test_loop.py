"""The loop: schedule, averages, exact resume, stopping, and what it tells."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from retrieval.errors import InvalidInput
from retrieval.training import Hooks
from retrieval.training.config import OptimiserConfig
from retrieval.training.loop import Diverged, Job, averaged, fit, lr_share, optimiser_for
from retrieval.training.supervised import ArcFace, ArcFaceOptions, Classify, ClassifyOptions
from tests.training import make

STEPS = {"steps": 6, "lr": 1e-2, "ema": 0.9, "warmup_steps": 2}
SCHEDULE = {"sizes": [[0.0, 32], [0.5, 64]], "report_every": 1, "checkpoint_every": 3}
AUGMENT = {"smallest_crop": 0.5, "brightness": 0.2, "erase": 0.5, "blur": 1.0}


def recipe() -> Classify:
    torch.manual_seed(0)
    return Classify(make.encoder(), classes=3, options=ClassifyOptions(fixed_norms=False, mixup=0.3))


def job(folder, **tables) -> Job:
    settings = {"optimiser": STEPS, "schedule": SCHEDULE, "augment": AUGMENT, **tables}
    return Job(make.config("classify", **settings), make.pictures(), folder)


def stop_after(steps: int):
    seen = []
    return Hooks(watch=lambda progress: seen.append(progress.step), stop=lambda: len(seen) >= steps)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_equals_one_that_never_stopped_bit_for_bit(tmp_path, precision):
    settings = {"optimiser": {**STEPS, "precision": precision}}
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = fit(recipe(), job=job(tmp_path / "whole", **settings), hooks=Hooks())
    fit(recipe(), job=job(tmp_path / "parts", **settings), hooks=stop_after(2))
    parts = fit(recipe(), job=job(tmp_path / "parts", **settings), hooks=Hooks(), resume=True)
    assert parts.step == whole.step == 6
    for name, value in whole.recipe.state_dict().items():
        assert torch.equal(value, parts.recipe.state_dict()[name]), name
    for name, value in whole.average.items():
        assert torch.equal(value, parts.average[name]), name
    assert [point.values for point in whole.curve] == [point.values for point in parts.curve]


def test_stopping_leaves_a_checkpoint_of_the_step_it_reached(tmp_path):
    state = fit(recipe(), job=job(tmp_path), hooks=stop_after(2))
    assert state.step == 2
    assert (tmp_path / "checkpoint.pt").exists()


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    fit(recipe(), job=job(tmp_path), hooks=stop_after(1))
    other = ArcFace(make.encoder(), scopes=torch.zeros(3, dtype=torch.long), options=ArcFaceOptions())
    with pytest.raises(InvalidInput, match="another run"):
        fit(other, job=job(tmp_path), hooks=Hooks(), resume=True)


@pytest.mark.parametrize("content", [b"", b"cut off", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"checkpoint\.pt cannot be read; begin anew"):
        fit(recipe(), job=job(tmp_path), hooks=Hooks(), resume=True)


def test_early_stopping_waits_and_keeps_the_best(tmp_path):
    scores = iter([0.5, 0.7, 0.6, 0.65, 0.9])
    schedule = {**SCHEDULE, "evaluate_every": 1, "patience": 2}
    state = fit(recipe(), job=job(tmp_path, schedule=schedule), hooks=Hooks(score=lambda _: next(scores)))
    assert (state.step, state.best) == (3, 0.7)
    assert (tmp_path / "best.pt").exists()
    assert [point.values["score"] for point in state.curve if "score" in point.values] == [0.5, 0.7, 0.6, 0.65]


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path):
    broken = recipe()
    broken.classifier.weight.data.fill_(math.nan)
    with pytest.raises(Diverged, match="step 0"):
        fit(broken, job=job(tmp_path), hooks=Hooks())


def test_the_learning_rate_warms_up_and_follows_a_cosine():
    config = OptimiserConfig(steps=12, warmup_steps=2, last_lr_share=0.1)
    assert [lr_share(config, step) for step in (0, 1)] == [0.5, 1.0]
    for step in range(2, 12):
        expected = 0.1 + 0.9 * (1 + math.cos(math.pi * (step - 2) / 10)) / 2
        assert lr_share(config, step) == pytest.approx(expected)


def test_the_average_is_exponential_and_short_at_first(tmp_path):
    start = recipe()
    bias = [start.classifier.bias.detach().clone()]
    hooks = Hooks(watch=lambda _: bias.append(start.classifier.bias.detach().clone()))
    state = fit(start, job=job(tmp_path), hooks=hooks)
    expected = bias[0]
    for step, value in enumerate(bias[1:], start=1):
        decay = min(0.9, (1 + step) / (10 + step))
        expected = expected * decay + value * (1 - decay)
    torch.testing.assert_close(state.average["classifier.bias"], expected)
    with averaged(state) as inside:
        torch.testing.assert_close(inside.classifier.bias.detach(), expected)
    assert torch.equal(start.classifier.bias, bias[-1])


def test_vectors_do_not_decay_and_frozen_layers_are_not_trained():
    frozen = Classify(make.encoder(), classes=3, options=ClassifyOptions(frozen_stages=15))
    optimiser = optimiser_for(frozen, OptimiserConfig(steps=1, weight_decay=0.1))
    for group in optimiser.param_groups:
        assert {parameter.ndim > 1 for parameter in group["params"]} == {group["weight_decay"] > 0}
    listed = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
    stage = frozen.encoder.backbone.get_submodule("features.3")
    assert not listed & {id(parameter) for parameter in stage.parameters()}
    assert len(listed) == sum(parameter.requires_grad for parameter in frozen.parameters())


def test_fixed_norms_stay_in_evaluation():
    fine = Classify(make.encoder(), classes=3, options=ClassifyOptions(frozen_stages=2))
    fine.train()
    assert not any(layer.training for layer in fine.modules() if isinstance(layer, nn.BatchNorm2d))
