"""Configs: what is read, and that every mistake is named by its field."""

from __future__ import annotations

import pytest

from retrieval.errors import InvalidInput
from retrieval.training import RunConfig
from tests.training import make

BAD = [
    ({"colour": 1}, "colour"),
    ({"optimiser": {"lr": 1e-3}}, "optimiser.steps"),
    ({"optimiser": {"steps": 0}}, "optimiser.steps"),
    ({"optimiser": {"steps": 5, "lr": -1.0}}, "optimiser.lr"),
    ({"optimiser": {"steps": "many"}}, "optimiser.steps"),
    ({"optimiser": {"steps": 5, "betas": [0.9]}}, "optimiser.betas"),
    ({"optimiser": {"steps": 5, "ema": 1.0}}, "optimiser.ema"),
    ({"optimiser": {"steps": 5, "precision": "int8"}}, "optimiser.precision"),
    ({"sampling": {"kind": "magic"}}, "sampling.kind"),
    ({"sampling": {"kind": "balanced", "per_class": 4}}, "sampling.classes"),
    ({"sampling": {"kind": "balanced", "classes": 4, "per_class": 1}}, "sampling.per_class"),
    ({"sampling": {"batch": 0}}, "sampling.batch"),
    ({"augment": {"smallest_crop": 0.0}}, "augment.smallest_crop"),
    ({"augment": {"stretch": 0.5}}, "augment.stretch"),
    ({"augment": {"twist": 1.0}}, "augment.twist"),
    ({"data": {"held_out_share": 1.0}}, "data.held_out_share"),
    ({"data": [1]}, "data."),
    ({"schedule": {"sizes": [[0.5, 32]]}}, "schedule.sizes"),
    ({"schedule": {"sizes": [[0.0, 32], [0.9, 64], [0.5, 32]]}}, "schedule.sizes"),
    ({"schedule": {"sizes": []}}, "schedule.sizes"),
    ({"encoder": {"backbone": "nothing"}}, "encoder.backbone"),
]


@pytest.mark.parametrize(("tables", "field"), BAD, ids=[field for _, field in BAD])
def test_a_mistake_is_named_by_its_field(tables, field):
    with pytest.raises(InvalidInput) as caught:
        make.config("classify", **tables)
    assert list(caught.value.fields) == [field]


def test_a_run_survives_its_own_json():
    config = make.config("distill", options={"metric": 0.5})
    assert RunConfig.from_dict(config.to_dict()) == config


def test_the_size_follows_the_share_of_steps_done():
    config = make.config("classify", optimiser={"steps": 10}, schedule={"sizes": [[0.0, 32], [0.5, 64]]})
    assert [config.size_at(step) for step in (0, 4, 5, 9)] == [32, 32, 64, 64]


def test_a_toml_file_is_read(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('name="a"\nrecipe="vicreg"\n[encoder]\nbackbone="resnet18"\n[optimiser]\nsteps=3\nlr=1\n')
    config = RunConfig.from_toml(path)
    assert (config.recipe, config.optimiser.lr, config.encoder.dimension) == ("vicreg", 1.0, 512)


@pytest.mark.parametrize("text", ["name=", "\xff"])
def test_a_broken_file_is_refused(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"run\.toml cannot be read"):
        RunConfig.from_toml(path)
