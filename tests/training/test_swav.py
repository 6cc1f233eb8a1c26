"""What SwAV keeps between steps: prototypes that rest at first, and a queue that waits for its step."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from retrieval.training.losses.selfsupervised import swav
from retrieval.training.selfsupervised import SwAV, SwAVOptions
from tests.training import make

BATCH, WIDTH = 4, 6


def recipe(**options) -> SwAV:
    torch.manual_seed(0)
    return SwAV(make.encoder(), SwAVOptions(output=WIDTH, hidden=8, prototypes=3, epsilon=0.5, **options))


def views(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(BATCH, WIDTH, generator=generator), torch.randn(BATCH, WIDTH, generator=generator)


def literal(model: SwAV, step: int, earlier: list[int]) -> float:
    """The loss of a step, with the vectors of earlier steps beside it."""
    prototypes = F.normalize(model.prototypes, dim=1)
    scores = [F.normalize(view, dim=1) @ prototypes.T for view in views(step)]
    kept = [torch.cat([F.normalize(views(past)[view], dim=1) for past in earlier]) @ prototypes.T for view in (0, 1)]
    return swav(*scores, earlier=torch.stack(kept), epsilon=0.5).item()


@pytest.mark.parametrize(("start", "used"), [(0, {2: [1, 0], 3: [2, 1]}), (3, {3: [2, 1]})])
def test_the_queue_holds_the_newest_vectors_once_it_is_full_and_its_step_has_come(start, used):
    model = recipe(queue=2 * BATCH, queue_from=start)
    alone = recipe()
    for step in range(4):
        found = model.compare(*views(step)).item()
        expected = literal(model, step, used[step]) if step in used else alone.compare(*views(step)).item()
        assert found == pytest.approx(expected, rel=1e-5)


def test_prototypes_rest_in_the_first_steps():
    model = recipe(frozen=1)
    learns = []
    for step in range(2):
        first, second = (view.requires_grad_() for view in views(step))
        model.prototypes.grad = None
        model.compare(first, second).backward()
        learns.append(model.prototypes.grad is not None)
        assert first.grad.abs().sum() > 0
    assert learns == [False, True]


def test_clusters_are_told_apart_in_single_precision():
    model = recipe()
    with torch.autocast("cpu", torch.bfloat16):
        found = model.compare(*views(0))
    assert found.dtype == torch.float32
    assert found.item() == recipe().compare(*views(0)).item()


def test_the_queue_is_part_of_the_state():
    model = recipe(queue=BATCH)
    model.compare(*views(0))
    other = recipe(queue=BATCH)
    other.load_state_dict(model.state_dict())
    assert other.compare(*views(1)).item() == model.compare(*views(1)).item()
