"""Backbones built: torchvision's networks up to their last map, those written here, and the official weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from torch import nn

from retrieval.embedding import vision
from retrieval.embedding.backbones import Backbone
from retrieval.embedding.efficientnet_lite import efficientnet_lite
from retrieval.embedding.mobilenet_v2 import mobilenet_v2
from retrieval.errors import InvalidInput

# Those written here; mobilenet_v2 takes widths.
MADE: dict[str, Callable[..., nn.Sequential]] = {
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_lite0": partial(efficientnet_lite, width=1.0, depth=1.0),
    "efficientnet_lite2": partial(efficientnet_lite, width=1.1, depth=1.2),
}


@dataclass(frozen=True)
class Published:
    """Official weights: where they are and the first digits of their SHA-256, as torchvision names the file."""

    url: str
    sha256_prefix: str

    @property
    def filename(self) -> str:
        """The last part of the address."""
        return PurePosixPath(urlsplit(self.url).path).name


def official(entry: Backbone) -> Any:
    """torchvision's weights entry."""
    return vision.models().get_weight(entry.weights)


def published(entry: Backbone) -> Published:
    """Address and checksum of the official weights; raises InvalidInput where torchvision has none."""
    if not entry.weights:
        raise InvalidInput.of(
            "backbone", f"torchvision has no weights of {entry.name}; register a file of them with register_encoder."
        )
    url = str(official(entry).url)
    return Published(url=url, sha256_prefix=PurePosixPath(urlsplit(url).path).stem.rsplit("-", 1)[-1])


def build(entry: Backbone, *, widths: Sequence[int] = (), fc: bool = False) -> nn.Sequential:
    """A freshly initialised network: float (N, 3, H, W) -> feature map (N, C, h, w), or (N, fc_width) with ``fc``.

    Its parameters keep torchvision's names, so that official state dicts load as they are.
    """
    if entry.name in MADE:
        return MADE[entry.name](widths) if widths else MADE[entry.name]()
    return _up_to(entry, vision.models().get_model(entry.name, weights=None), fc=fc)


def stages(entry: Backbone, network: nn.Sequential) -> list[nn.Module]:
    """The layers of such a network in order, as coarse as its author named them (ResNet-18: 8, Lite0: 18)."""
    children = dict(network.named_children())
    unfolded = entry.unfolded if len(children) > 1 else next(iter(children))
    parts = [list(child.children()) if name == unfolded else [child] for name, child in children.items()]
    return [layer for part in parts for layer in part]


def _up_to(entry: Backbone, model: nn.Module, *, fc: bool) -> nn.Sequential:
    children = OrderedDict[str, nn.Module]()
    for name, child in model.named_children():
        children[name] = child
        if name == entry.last:
            break
    if entry.rectified:
        children["relu_last"] = nn.ReLU(inplace=True)
    if fc:
        children["avgpool"] = model.get_submodule("avgpool")
        children["flatten"] = nn.Flatten()
        children |= _fully_connected(entry, model)
    return nn.Sequential(children)


def _fully_connected(entry: Backbone, model: nn.Module) -> dict[str, nn.Module]:
    """The classifier up to its last hidden layer; of one that is a single layer, that layer."""
    if not entry.fc_layers:
        return {"fc": model.get_submodule("fc")}
    return {"classifier": nn.Sequential(*list(model.get_submodule("classifier").children())[: entry.fc_layers])}
