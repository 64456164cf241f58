"""Weights in published, older and wrapped forms come out as one network; whatever does not fit is refused."""

import argparse
import pickle
import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from dlchkit.encoders.state_files import fill, fitting_weights, read_state
from dlchkit.encoders.torchvision_networks import without_classifier
from dlchkit.runtime import seeded


def small_densenet():
    return models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8, bn_size=2, num_classes=3)


def small_resnet():
    return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3)


def small_transformer():
    settings = {"image_size": 32, "patch_size": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}
    return models.VisionTransformer(**settings, num_classes=3)


def small_mnasnet():
    return models.MNASNet(0.2, num_classes=3)


def renamed(pattern, new):
    return lambda state: {re.sub(pattern, new, name): value for name, value in state.items()}


def as_linear_1(state):
    after = renamed(r"mlp\.0\.", "mlp.linear_1.")(state)
    return renamed(r"mlp\.3\.", "mlp.linear_2.")(after)


def without_counters(state):
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def a_training_run(state):
    parallel = {f"module.{name}": value for name, value in state.items()}
    optimizer = {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    options = argparse.Namespace(lr=0.1, data="/a/folder")
    return {"epoch": 3, "arch": "resnet", "args": options, "best": None, "model": parallel, "optimizer": optimizer}


CLASSIFIERS = ("fc", "classifier", "heads")
FORMS = {
    "as it is": dict,
    "DataParallel": renamed("^", "module."),
    "compiled": renamed("^", "_orig_mod."),
    "a part of another": renamed("^", "model.backbone."),
    "state_dict": lambda state: {"state_dict": state},
    "model": lambda state: {"model": state},
    "a training run": a_training_run,
    "without counters": without_counters,
    "without classifier": lambda state: {n: v for n, v in state.items() if n.split(".")[0] not in CLASSIFIERS},
    "half precision": lambda state: {n: v.half() if v.is_floating_point() else v for n, v in state.items()},
    "parameters": lambda state: {n: nn.Parameter(v) if v.is_floating_point() else v for n, v in state.items()},
    "densenet's older names": renamed(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2."),
    "a transformer's older names": as_linear_1,
}  # fmt: skip


@pytest.mark.parametrize("network", [small_densenet, small_resnet, small_transformer, small_mnasnet])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_as_the_same_network(network, form, tmp_path):
    with seeded(0):
        published, trunk = network().eval(), without_classifier(network()).eval()
    pixels = torch.rand(2, 3, 32, 32)
    content = FORMS[form](published.state_dict())
    expected = without_classifier(published)(pixels)
    torch.save(content, tmp_path / "w.pth")
    fill(trunk, fitting_weights(trunk, read_state(tmp_path / "w.pth"), "w.pth"))
    assert torch.allclose(trunk(pixels), expected, rtol=1e-2, atol=1e-2) or form != "half precision"
    assert torch.equal(trunk(pixels), expected) or form == "half precision"
    assert all(value.dtype in (torch.float32, torch.int64) for value in trunk.state_dict().values())
    if all(isinstance(value, torch.Tensor) for value in content.values()):
        save_file({name: value.detach().contiguous() for name, value in content.items()}, tmp_path / "w.safetensors")
        stored = read_state(tmp_path / "w.safetensors")
        assert fitting_weights(trunk, stored, "w").keys() == trunk.state_dict().keys()


@pytest.fixture
def trunk():
    return without_classifier(small_resnet())


def test_of_two_networks_in_one_file_none_is_taken(trunk, tmp_path, refused):
    state = trunk.state_dict()
    for content in ({"model": state, "model_ema": renamed("^", "module.")(state)}, {**state, "ema": state}):
        torch.save(content, tmp_path / "w.pth")
        with refused("holds 2 networks", "begin with", "save the one you mean"):
            fitting_weights(trunk, read_state(tmp_path / "w.pth"), "w.pth")


def test_what_does_not_fit_is_refused(trunk, refused):
    state = {f"module.{name}": value for name, value in trunk.state_dict().items()}
    without = {name: value for name, value in state.items() if name != "module.layer2.0.conv1.weight"}
    with refused("w.pth lacks 'layer2.0.conv1.weight'; it belongs to another network"):
        fitting_weights(trunk, without, "w.pth")
    with refused("w.pth lacks 'conv1.weight' and ", "another network"):
        fitting_weights(trunk, {"a": torch.ones(3)}, "w.pth")
    with refused("'conv1.weight' of shape (5,)", "needs (64, 3, 7, 7)"):
        fitting_weights(trunk, {**state, "module.conv1.weight": torch.zeros(5)}, "w.pth")
    with refused("'conv1.weight' of type torch.int8", "needs torch.float32"):
        fitting_weights(trunk, {**state, "module.conv1.weight": torch.zeros(64, 3, 7, 7, dtype=torch.int8)}, "w.pth")


class Trap:
    """A pickle that would run code when it is read."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def in_a_circle():
    content = {}
    content["state_dict"] = content
    return content


CONTENTS = [Trap(), {"a": torch.ones(3), "args": Trap()}, [1, 2], torch.zeros(3), {"a": "text"}, in_a_circle()]


@pytest.mark.parametrize("content", CONTENTS)
def test_a_pickle_is_never_run_and_a_state_file_holds_tensors_by_name(tmp_path, refused, content):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with refused(str(path), "not a readable state file of tensors", ".safetensors is best"):
        read_state(path)
    path.write_bytes(pickle.dumps(content, protocol=2))
    with refused(str(path), "not a readable state file of tensors"):
        read_state(path)


def test_a_file_that_is_absent_or_none_of_tensors(tmp_path, refused):
    with refused("w.safetensors", "does not exist"):
        read_state(tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"no tensors")
    with refused("w.safetensors", "not a readable state file"):
        read_state(tmp_path / "w.safetensors")
