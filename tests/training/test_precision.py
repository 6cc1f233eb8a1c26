"""The precision that a run computes in: measured once, on a copy of nothing, and kept."""

from __future__ import annotations

import pytest
import torch

from retrieval.training import Hooks, loop, precision
from retrieval.training.loop import Job, batch_at, fit
from retrieval.training.sampling import Shuffled
from retrieval.training.supervised import Classify, ClassifyOptions
from tests.training import make

AUTO = {"optimiser": {"steps": 4, "lr": 1e-2, "precision": "auto"}}


def recipe() -> Classify:
    torch.manual_seed(0)
    return Classify(make.encoder(), classes=3, options=ClassifyOptions(fixed_norms=False))


def test_measuring_leaves_the_recipe_as_it_was():
    """Weights, batch statistics and gradients."""
    built, job = recipe().train(), Job(make.config("classify", **AUTO), make.pictures(), None)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    batch = batch_at(0, job, Shuffled(24, batch=6, seed=0), views=1)
    taken = precision.measured(built, batch)
    assert all(torch.equal(value, before[name]) for name, value in built.state_dict().items())
    assert all(parameter.grad is None for parameter in built.parameters())
    assert all(seconds >= 0 for seconds in taken.values())


@pytest.mark.parametrize(("capable", "tried"), [(["bf16", "fp32"], 2), (["fp32"], 1)])
def test_where_the_processor_has_no_bfloat16_it_is_not_even_tried(monkeypatch, capable, tried):
    """Imitated, one step took up to twenty times as long."""
    monkeypatch.setattr(precision, "precisions", lambda: capable)
    job = Job(make.config("classify", **AUTO), make.pictures(), None)
    batch = batch_at(0, job, Shuffled(24, batch=6, seed=0), views=1)
    assert len(precision.measured(recipe().train(), batch)) == tried


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"float32": 1.0, "bfloat16": 0.5}, "bfloat16"),
        ({"float32": 1.0, "bfloat16": 0.9}, "float32"),
        ({"float32": 1.0, "bfloat16": 18.0}, "float32"),
        ({"float32": 1.0}, "float32"),
    ],
)
def test_half_precision_has_to_be_clearly_quicker(seconds, chosen):
    assert precision.quickest(seconds) == chosen


def test_a_run_says_what_it_computes_in_and_keeps_to_it(tmp_path, monkeypatch):
    """Also when it goes on on a machine where the other is quicker."""
    told, job = [], Job(make.config("classify", **AUTO), make.pictures(), tmp_path)
    monkeypatch.setattr(loop, "measured", lambda *_: {"float32": 1.0, "bfloat16": 0.25})
    first = fit(recipe(), job=job, hooks=Hooks(stop=lambda: True, tell=told.append))
    assert (first.precision, first.step) == ("bfloat16", 0)
    assert told == ["Computing in bfloat16; a step takes, of processor time: float32 1.00 s, bfloat16 0.25 s."]
    monkeypatch.setattr(loop, "measured", lambda *_: {"float32": 1.0})
    assert fit(recipe(), job=job, hooks=Hooks(), resume=True).precision == "bfloat16"


def test_a_config_may_insist(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "measured", None)
    optimiser = {**AUTO["optimiser"], "precision": "bfloat16"}
    job = Job(make.config("classify", optimiser=optimiser), make.pictures(), tmp_path)
    assert fit(recipe(), job=job, hooks=Hooks(stop=lambda: True)).precision == "bfloat16"
