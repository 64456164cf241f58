"""Every classification network of torchvision is built, prepared and cut off as its published weights say."""

import inspect

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from dlchkit.encoders.images import ImageEncoder
from dlchkit.encoders.torchvision_networks import published_network, without_classifier
from dlchkit.runtime import seeded

NAMES = models.list_models(module=models)
SMALLEST = {  # of the families that are quick to compute, with a size for each
    "efficientnet_b0": 32, "googlenet": 32, "inception_v3": 75, "mnasnet0_5": 32, "mobilenet_v3_small": 32,
    "regnet_y_400mf": 32, "resnet18": 32, "shufflenet_v2_x0_5": 32, "squeezenet1_1": 32,
}  # fmt: skip


def family(name):
    return inspect.getmodule(models.get_model_builder(name)).__name__


FAMILIES = {family(name): name for name in sorted(NAMES, reverse=True)}


@pytest.fixture
def no_download(monkeypatch):
    """Torchvision's builders with published weights build and load nothing."""
    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", lambda *_, **__: {})
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)


def settings_of(network):
    plain = (bool, int, float, str, tuple)
    return {
        name: (type(module), {key: value for key, value in vars(module).items() if isinstance(value, plain)})
        for name, module in network.named_modules()
    }


QUICK = set(FAMILIES.values())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES]
)
def test_every_network_has_the_preprocessing_of_its_weights(name):
    """Networks are built without memory for their weights; regnet alone computes with what it draws."""
    network = published_network(name)
    entry = models.get_model_weights(name)["DEFAULT"]
    assert repr(network.preparation) == repr(entry.transforms())
    assert network.preparation(Image.new("RGB", (99, 66))).shape == (3, network.size, network.size)
    assert str(entry) in str(network) and "mean" in str(network) and "\n" not in str(network)
    assert not any(name.startswith(("aux", "Aux")) for name in network.trunk.state_dict())


@pytest.mark.parametrize("name", sorted(QUICK))
def test_every_family_is_built_as_torchvision_builds_it_for_published_weights(name, no_download):
    """transform_input of Inception and GoogLeNet, the picture size of transformers."""
    entry = models.get_model_weights(name)["DEFAULT"]
    with seeded(0), torch.device("cpu" if name.startswith("regnet") else "meta"):
        theirs = without_classifier(models.get_model(name, weights=entry)).eval()
    expected = {name: value for name, value in settings_of(theirs).items() if not name.lower().startswith("aux")}
    found = settings_of(published_network(name).trunk)
    for settings in (expected, found):
        settings[""][1].pop("aux_logits", None)
    assert found == expected


@pytest.mark.parametrize(("name", "size"), SMALLEST.items())
def test_features_are_the_input_of_the_classifier(name, size, tmp_path):
    """Weights are random; of Inception and GoogLeNet the file holds auxiliary heads, which its trunk does not have."""
    options = {"init_weights": False, "transform_input": True} if name in ("googlenet", "inception_v3") else {}
    with seeded(0):
        network = models.get_model(name, weights=None, **options).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    encoder = ImageEncoder.from_torchvision(name, weights=tmp_path / "w.safetensors", size=size, device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    entry = models.get_model_weights(name)["DEFAULT"].transforms
    resize = round(entry().resize_size[0] * size / entry().crop_size[0])
    prepared = entry(crop_size=size, resize_size=resize)(Image.fromarray(picture))
    with torch.no_grad():
        expected = without_classifier(network)(prepared[None]).numpy()
    features = encoder.encode(picture[None])
    assert features.shape == expected.shape and np.array_equal(features, expected)


@pytest.mark.parametrize("name", ["inception_v3", "googlenet"])
def test_files_without_auxiliary_heads_are_read(name, tmp_path):
    trunk = published_network(name).trunk
    with seeded(0):
        network = models.get_model(name, weights=None, aux_logits=False, init_weights=False)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    assert published_network(name, weights=tmp_path / "w.safetensors").weights.keys() == trunk.state_dict().keys()


def state_for(name):
    """A state of the network without classifier, of zeros that take no room."""
    trunk = published_network(name).trunk
    return {key: torch.zeros((), dtype=value.dtype).expand(value.shape) for key, value in trunk.state_dict().items()}


def test_the_entry_is_the_one_whose_file_it_is(tmp_path):
    state = state_for("resnet50")
    first, second = models.ResNet50_Weights.IMAGENET1K_V1, models.ResNet50_Weights.IMAGENET1K_V2
    for path, entry in (
        (tmp_path / first.url.rpartition("/")[2], first),
        (tmp_path / second.url.rpartition("/")[2], second),
        (tmp_path / "mine.pth", models.ResNet50_Weights.DEFAULT),
    ):
        torch.save(state, path)
        network = published_network("resnet50", weights=path)
        assert network.entry is entry and network.preparation.resize_size == entry.transforms().resize_size


def test_a_transformer_for_larger_pictures_is_known_by_its_positions(tmp_path):
    entry = models.ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1
    state = state_for("vit_b_16")
    state["encoder.pos_embedding"] = torch.zeros(()).expand(1, 1 + 24 * 24, 768)
    torch.save(state, tmp_path / "w.pth")
    network = published_network("vit_b_16", weights=tmp_path / "w.pth")
    assert (network.entry, network.size, network.trunk.image_size) == (entry, 384, 384)


@pytest.mark.parametrize(
    ("name", "size"),
    [("alexnet", 32), ("vit_b_32", 128), ("vit_b_32", 256), ("inception_v3", 60), ("vgg11", 16)],
)
def test_a_size_that_the_network_does_not_take_is_refused(name, size, refused):
    own = models.get_model_weights(name)["DEFAULT"].transforms().crop_size[0]
    with refused(f"'{name}' takes no pictures of {size} pixels", f"for {own}", "image_size to 0"):
        published_network(name, size=size)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nosuchnet", "did you mean"),
        ("resnet19", "did you mean 'resnet1"),
        ("resnet-18", "did you mean 'resnet18'"),
        ("quantized_resnet18", "is no torchvision classification model"),
        ("fasterrcnn_resnet50_fpn", "is no torchvision classification model"),
    ],
)
def test_an_unknown_network_is_refused(name, said, refused):
    with refused(repr(name), said):
        published_network(name)


def test_a_negative_size_is_refused(refused):
    with refused("image_size is -1", "or 0"):
        published_network("resnet18", size=-1)


def test_building_draws_nothing(draws_nothing):
    with draws_nothing():
        published_network("shufflenet_v2_x0_5")
