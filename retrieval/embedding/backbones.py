"""The convolutional networks a vector can come from: one line each; what torchvision knows is asked from it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from torch import nn

from retrieval.embedding import mobilenet_v2, vision
from retrieval.embedding.efficientnet_lite import efficientnet_lite, stage_channels
from retrieval.errors import InvalidInput


@dataclass(frozen=True)
class Published:
    """Official weights: where they are and the first digits of their SHA-256, as torchvision names the file."""

    url: str
    sha256_prefix: str

    @property
    def filename(self) -> str:
        """The last part of the address."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True)
class Normalisation:
    """What is subtracted from, and then divides, each RGB channel in 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Backbone:
    """One classification network, of torchvision or written here.

    The feature map is the output of the child ``last`` (children run in order), ``channels`` wide. ``weights`` names
    torchvision's official weights; address, checksum and normalisation are read from there and typed nowhere else.
    ``rectified`` adds the ReLU that some networks apply in their forward function. ``fc_layers`` and ``fc_width``
    say how far the classifier goes to its last hidden layer (VGG); with a width alone it is the only fully connected
    one (ResNet). ``unfolded`` is a child that counts
    as so many stages as it has children. ``stage_channels`` says how wide the map behind each stage is, for networks
    whose earlier maps can be taken as well (``levels`` of a spec); the first stage's may differ in a narrowed one.

    A network written here has ``made`` and ``taught_with``, and ``weights`` only where torchvision has it as well. One
    with ``narrow_widths`` is made with so many channel counts, if they are given.
    """

    name: str
    last: str
    channels: int
    weights: str = ""
    rectified: bool = False
    fc_layers: int = 0
    fc_width: int = 0
    narrow_widths: int = 0
    unfolded: str = ""
    stage_channels: tuple[int, ...] = ()
    made: Callable[..., nn.Sequential] | None = None
    taught_with: Normalisation | None = None

    @property
    def official(self) -> Any:
        """torchvision's weights entry."""
        return vision.models().get_weight(self.weights)

    @property
    def published(self) -> Published:
        """Address and checksum of the official weights; raises InvalidInput where torchvision has none."""
        if not self.weights:
            raise InvalidInput.of(
                "backbone", f"torchvision has no weights of {self.name}; register a file of them with register_encoder."
            )
        url = str(self.official.url)
        return Published(url=url, sha256_prefix=PurePosixPath(urlsplit(url).path).stem.rsplit("-", 1)[-1])

    @property
    def normalisation(self) -> Normalisation:
        """The normalisation the official weights were trained with."""
        if self.taught_with is not None:
            return self.taught_with
        preset = self.official.transforms()
        return Normalisation(mean=tuple(preset.mean), std=tuple(preset.std))

    def build(self, *, widths: Sequence[int] = (), fc: bool = False) -> nn.Sequential:
        """A freshly initialised network: float (N, 3, H, W) -> feature map (N, C, h, w), or (N, fc_width) with ``fc``.

        Its parameters keep torchvision's names, so that official state dicts load as they are.
        """
        if self.made is not None:
            return self.made(widths) if widths else self.made()
        return _up_to(self, vision.models().get_model(self.name, weights=None), fc=fc)

    def stages(self, network: nn.Sequential) -> list[nn.Module]:
        """The layers of such a network in order, as coarse as its author named them (ResNet-18: 8, Lite0: 18)."""
        children = dict(network.named_children())
        unfolded = self.unfolded if len(children) > 1 else next(iter(children))
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


# What torchvision's classification networks were taught with; a test holds each entry of theirs to it.
_IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
# (255 x - 127) / 128, as TensorFlow feeds them, in terms of 0..1.
_LITE = Normalisation(mean=(127 / 255,) * 3, std=(128 / 255,) * 3)

_ENTRIES = (
    Backbone("resnet18", "layer4", 512, "ResNet18_Weights.IMAGENET1K_V1", fc_width=1000),
    Backbone("resnet50", "layer4", 2048, "ResNet50_Weights.IMAGENET1K_V1", fc_width=1000),
    Backbone("vgg16", "features", 512, "VGG16_Weights.IMAGENET1K_V1", fc_layers=5, fc_width=4096),
    Backbone(
        "mobilenet_v2", "features", 1280, "MobileNet_V2_Weights.IMAGENET1K_V1",
        made=mobilenet_v2.mobilenet_v2, taught_with=_IMAGENET, narrow_widths=len(mobilenet_v2.WIDTHS),
        stage_channels=(mobilenet_v2.STEM, *(channels for channels, _ in mobilenet_v2.BLOCKS), mobilenet_v2.HEAD),
    ),
    Backbone("mobilenet_v3_large", "features", 960, "MobileNet_V3_Large_Weights.IMAGENET1K_V1"),
    Backbone("efficientnet_b0", "features", 1280, "EfficientNet_B0_Weights.IMAGENET1K_V1"),
    Backbone("convnext_tiny", "features", 768, "ConvNeXt_Tiny_Weights.IMAGENET1K_V1"),
    Backbone("regnet_y_400mf", "trunk_output", 440, "RegNet_Y_400MF_Weights.IMAGENET1K_V1"),
    Backbone("densenet121", "features", 1024, "DenseNet121_Weights.IMAGENET1K_V1", rectified=True),
    Backbone(
        "efficientnet_lite0", "head", 1280, unfolded="blocks", taught_with=_LITE,
        made=partial(efficientnet_lite, width=1.0, depth=1.0), stage_channels=stage_channels(width=1.0, depth=1.0),
    ),
    Backbone(
        "efficientnet_lite2", "head", 1280, unfolded="blocks", taught_with=_LITE,
        made=partial(efficientnet_lite, width=1.1, depth=1.2), stage_channels=stage_channels(width=1.1, depth=1.2),
    ),
)  # fmt: skip

REGISTRY: dict[str, Backbone] = {entry.name: entry for entry in _ENTRIES}


def get(name: str) -> Backbone:
    """The entry of that name; raises InvalidInput naming the field and the choices."""
    try:
        return REGISTRY[name]
    except KeyError:
        choices = ", ".join(REGISTRY)
        raise InvalidInput.of("backbone", f"There is no backbone {name!r}; choose one of {choices}.") from None
