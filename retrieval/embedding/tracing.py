"""A network as OpenVINO reads it: traced as one function of constants, in a third of the time its layers would take."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from retrieval.openvino_core import ov


def graph(network: nn.Module, example: Tensor, *, shape: Sequence[int]) -> ov.Model:
    """The graph of what the network does in evaluation; ``shape`` is of its input, -1 where any length will do.

    Traced as a module, each layer would become a module of TorchScript first, and each weight be asked for by a path
    through all of them: with hundreds of small layers that is most of the time.
    """
    fixed = _constant(network.eval())

    def run(batch: Tensor) -> Tensor:  # a function: a module would be traced layer by layer
        made: Tensor = fixed(batch)
        return made

    with warnings.catch_warnings(), torch.no_grad():  # not inference_mode: tensors made under it cannot be traced
        # R-MAC's regions become constants, as do sizes; which is right, as the input has one size then.
        warnings.simplefilter("ignore", TracerWarning)
        # Traced here, because OpenVINO traces three times over to compare.
        traced = torch.jit.trace(run, example, check_trace=False)  # type: ignore[no-untyped-call]
        return ov.convert_model(traced, example_input=example, input=[list(shape)])


def _constant(module: nn.Module) -> nn.Module:
    """The same layers with the same weights, which ask for no gradient: what does cannot be a constant."""
    found = copy.copy(module)
    found._parameters = {name: _fixed(value) for name, value in module._parameters.items()}
    found._modules = {name: child and _constant(child) for name, child in module._modules.items()}
    return found


def _fixed(value: nn.Parameter | None) -> nn.Parameter | None:
    return None if value is None else nn.Parameter(value.detach(), requires_grad=False)
