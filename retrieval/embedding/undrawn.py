"""Layers made without first weights, for whoever fills all of them at once: drawing those takes longer than reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, no_grad
from torch.nn import init
from torch.overrides import TorchFunctionMode

_DRAWING = frozenset(
    {Tensor.normal_, Tensor.uniform_, init.normal_, init.uniform_, init.kaiming_normal_, init.kaiming_uniform_}
)


class Undrawn(TorchFunctionMode):
    """Within it, in this thread, weights that would be drawn are zeros: who draws until all fit then has what fits."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do what torch asked for, unless it is drawing."""
        kwargs = kwargs or {}
        if func in _DRAWING:
            with no_grad():
                return (args[0] if args else kwargs["tensor"]).zero_()
        return func(*args, **kwargs)
