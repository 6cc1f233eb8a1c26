"""The command that draws what a config does to pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from retrieval.training import AugmentConfig, augmented
from retrieval.training.augment import plain
from tests.training import make
from tests.training.test_train_encoder import toml

UNCHANGED = AugmentConfig(flip=0.0)


def test_a_row_is_the_picture_and_its_views():
    config, pictures = replace(make.config("classify"), augment=UNCHANGED), make.pictures(3)
    rows = augmented(config, pictures, views=4)
    assert [tuple(row.shape) for row in rows] == [(5, 3, 32, 32)] * 3
    for row, picture in zip(rows, pictures.pixels, strict=True):
        whole = plain(torch.from_numpy(picture[None]), size=32)
        torch.testing.assert_close(row, whole.expand(5, -1, -1, -1), atol=1e-3, rtol=0)


def test_views_differ_and_follow_the_seed():
    config = replace(make.config("classify"), augment=AugmentConfig(brightness=0.5, smallest_crop=0.5))
    first, again = (augmented(config, make.pictures(1), views=3)[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not any(torch.equal(first[0], view) for view in first[1:])


def test_the_command_writes_a_sheet(tmp_path):
    for number, picture in enumerate(make.pictures(10).pixels):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    words = [str(tmp_path / "tiny.toml"), str(tmp_path / "sheet.webp")]
    call_command("draw_views", *words, data=tmp_path, count=3, views=2, verbosity=0)
    sheet = np.asarray(Image.open(tmp_path / "sheet.webp"))
    assert sheet.shape[0] == sheet.shape[1]  # three rows of three
    with pytest.raises(CommandError, match="at least one picture"):
        call_command("draw_views", *words, data=tmp_path, count=0)
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("draw_views", *words, data=tmp_path / "none")
