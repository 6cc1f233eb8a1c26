"""One contract over the whole registry: what the entries say about torchvision's networks is true."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from retrieval.embedding import networks, vision
from retrieval.embedding.backbones import REGISTRY, Backbone, get
from retrieval.embedding.mobilenet_v2 import mobilenet_v2
from retrieval.embedding.shapes import MOBILENET_WIDTHS
from retrieval.embedding.undrawn import Undrawn
from retrieval.errors import InvalidInput

TORCHVISIONS = [name for name, entry in REGISTRY.items() if entry.weights]
WRITTEN_HERE = [name for name, entry in REGISTRY.items() if not entry.weights]


def logits(model: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """The rest of torchvision's forward pass, from our feature map on."""
    if "avgpool" in dict(model.named_children()) and not hasattr(model, "fc"):
        pooled = model.avgpool(maps)
        flat = pooled if "ConvNeXt" in type(model).__name__ else torch.flatten(pooled, 1)
        return model.classifier(flat)
    head = model.fc if hasattr(model, "fc") else model.classifier
    return head(maps.mean(dim=(2, 3)))


def built(entry: Backbone, model: nn.Module, *, fc: bool = False) -> nn.Module:
    """Our network with the very weights of torchvision's, none of them drawn or copied."""
    with Undrawn():
        ours = networks.build(entry, fc=fc).eval()
    given = {key: value for key, value in model.state_dict().items() if key in ours.state_dict()}
    ours.load_state_dict(given, assign=True)
    return ours


@pytest.mark.parametrize("name", [name for name in TORCHVISIONS if name != "vgg16"])
def test_feature_map_leads_to_torchvisions_own_answer(name):
    entry = get(name)
    model = vision.models().get_model(name, weights=None).eval()
    ours = built(entry, model)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        maps = ours(x)
        assert maps.shape[:2] == (2, entry.channels)
        torch.testing.assert_close(logits(model, maps), model(x))


@pytest.mark.parametrize("name", [name for name, entry in REGISTRY.items() if entry.stage_channels])
def test_each_stage_is_as_wide_as_the_entry_says(name):
    entry, found = get(name), []
    network = networks.build(entry).eval()
    with torch.inference_mode():
        maps = torch.rand(1, 3, 64, 64)
        expected = network(maps)
        for stage in networks.stages(entry, network):
            maps = stage(maps)
            found.append(maps.shape[1])
    assert tuple(found) == entry.stage_channels
    torch.testing.assert_close(maps, expected)


def test_vgg16_gives_its_map_and_its_last_hidden_layer():
    entry = get("vgg16")
    model = vision.models().get_model("vgg16", weights=None).eval()
    whole = built(entry, model, fc=True)
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        hidden = whole(x)
        assert hidden.shape == (1, entry.fc_width)
        torch.testing.assert_close(model.classifier[5:](hidden), model(x))
        assert whole.features(x).shape[1] == entry.channels


def test_resnet_gives_its_only_fully_connected_layer():
    entry = get("resnet18")
    model = vision.models().get_model("resnet18", weights=None).eval()
    whole = built(entry, model, fc=True)
    assert whole.state_dict().keys() == model.state_dict().keys()
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert whole(x).shape == (2, entry.fc_width)
        torch.testing.assert_close(whole(x), model(x))


def test_another_network_is_one_line():
    entry = Backbone("shufflenet_v2_x0_5", "conv5", 1024, "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1")
    assert networks.build(entry).eval()(torch.rand(1, 3, 64, 64)).shape[1] == 1024


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_address_checksum_and_normalisation_come_from_torchvision(name):
    entry = get(name)
    published = networks.published(entry)
    assert published.url.startswith("https://download.pytorch.org/models/")
    assert len(published.sha256_prefix) == 8
    assert int(published.sha256_prefix, 16) >= 0
    assert published.filename.endswith(f"-{published.sha256_prefix}.pth")
    preset = networks.official(entry).transforms()
    assert entry.normalisation.mean == tuple(preset.mean) == (0.485, 0.456, 0.406)
    assert entry.normalisation.std == tuple(preset.std) == (0.229, 0.224, 0.225)


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_a_network_written_here_has_no_address_but_its_own_normalisation(name):
    with pytest.raises(InvalidInput, match="register_encoder") as refused:
        _ = networks.published(get(name))
    assert set(refused.value.fields) == {"backbone"}
    normalisation = get(name).normalisation
    for mean, std in zip(normalisation.mean, normalisation.std, strict=True):
        assert [(x - mean) / std for x in (0, 127 / 255, 1)] == pytest.approx([-127 / 128, 0, 1])


def test_unknown_name_is_refused_with_the_choices():
    with pytest.raises(InvalidInput, match="resnet18") as refused:
        get("resnet19")
    assert set(refused.value.fields) == {"backbone"}


def test_the_usual_widths_are_torchvisions():
    blocks = vision.models().get_model("mobilenet_v2", weights=None).features
    assert [*(block.conv[-2].in_channels for block in blocks[1:-1]), blocks[-1][0].out_channels] == list(
        MOBILENET_WIDTHS
    )


def test_a_width_equal_to_the_blocks_input_keeps_its_first_convolution():
    blocks = mobilenet_v2((16, 16, *MOBILENET_WIDTHS[2:])).features
    assert len(blocks[2].conv) == len(blocks[3].conv) == 4
    assert blocks[2].conv[0][0].weight.shape[:2] == (16, 16)
