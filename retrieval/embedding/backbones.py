"""The convolutional networks a vector can come from: one line each, without torch; ``networks`` builds them."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.embedding.shapes import MOBILENET_CHANNELS, MOBILENET_WIDTHS, lite_channels
from retrieval.errors import InvalidInput


@dataclass(frozen=True)
class Normalisation:
    """What is subtracted from, and then divides, each RGB channel in 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


# What torchvision's classification networks were taught with; a test holds each entry of theirs to it.
_IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Backbone:
    """One classification network, of torchvision or written here.

    The feature map is the output of the child ``last`` (children run in order), ``channels`` wide. ``weights`` names
    torchvision's official weights; address and checksum are read from there and typed nowhere else.
    ``rectified`` adds the ReLU that some networks apply in their forward function. ``fc_layers`` and ``fc_width``
    say how far the classifier goes to its last hidden layer (VGG); with a width alone it is the only fully connected
    one (ResNet). ``unfolded`` is a child that counts
    as so many stages as it has children. ``stage_channels`` says how wide the map behind each stage is, for networks
    whose earlier maps can be taken as well (``levels`` of a spec); the first stage's may differ in a narrowed one.
    ``normalisation`` is what the weights were trained with.

    A network written here has ``weights`` only where torchvision has it as well. One with ``narrow_widths`` is made
    with so many channel counts, if they are given.
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
    normalisation: Normalisation = _IMAGENET


# (255 x - 127) / 128, as TensorFlow feeds them, in terms of 0..1.
_LITE = Normalisation(mean=(127 / 255,) * 3, std=(128 / 255,) * 3)

_ENTRIES = (
    Backbone("resnet18", "layer4", 512, "ResNet18_Weights.IMAGENET1K_V1", fc_width=1000),
    Backbone("resnet50", "layer4", 2048, "ResNet50_Weights.IMAGENET1K_V1", fc_width=1000),
    Backbone("vgg16", "features", 512, "VGG16_Weights.IMAGENET1K_V1", fc_layers=5, fc_width=4096),
    Backbone(
        "mobilenet_v2", "features", 1280, "MobileNet_V2_Weights.IMAGENET1K_V1",
        narrow_widths=len(MOBILENET_WIDTHS), stage_channels=MOBILENET_CHANNELS,
    ),
    Backbone("mobilenet_v3_large", "features", 960, "MobileNet_V3_Large_Weights.IMAGENET1K_V1"),
    Backbone("efficientnet_b0", "features", 1280, "EfficientNet_B0_Weights.IMAGENET1K_V1"),
    Backbone("convnext_tiny", "features", 768, "ConvNeXt_Tiny_Weights.IMAGENET1K_V1"),
    Backbone("regnet_y_400mf", "trunk_output", 440, "RegNet_Y_400MF_Weights.IMAGENET1K_V1"),
    Backbone("densenet121", "features", 1024, "DenseNet121_Weights.IMAGENET1K_V1", rectified=True),
    Backbone(
        "efficientnet_lite0", "head", 1280, unfolded="blocks", normalisation=_LITE,
        stage_channels=lite_channels(width=1.0, depth=1.0),
    ),
    Backbone(
        "efficientnet_lite2", "head", 1280, unfolded="blocks", normalisation=_LITE,
        stage_channels=lite_channels(width=1.1, depth=1.2),
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
