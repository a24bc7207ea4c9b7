"""The forms of torch-fidelity and pytorch-fid: their keys and numbers on the same features, and the programs of
fqgan.compat on the same images and weights. Needs both tools as tests/parity/test_metrics.py does."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from PIL import Image
from safetensors.torch import save_file

from test_metrics import BUILD, ROOT, pytorch_fid, stand_in_torchvision, torch_fidelity  # noqa: F401 (fixtures)
from test_statistics import features, images, run  # noqa: F401 (fixture)

SETTINGS = {"kid_subsets": 7, "kid_subset_size": 30, "isc_splits": 4, "verbose": False}


@pytest.fixture(scope="module")
def theirs(torch_fidelity, images):  # noqa: F811
    """What torch-fidelity makes of the features of both folders."""
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    a, b = (torch.from_numpy(features(images / name)) for name in "ab")
    layer = {"layer": a}, {"layer": b}
    statistics = [metric_fid.fid_features_to_statistics(x) for x in (a, b)]
    return (
        metric_isc.isc_featuresdict_to_metric(layer[0], "layer", **SETTINGS)
        | metric_fid.fid_statistics_to_metric(*statistics, False)
        | metric_kid.kid_featuresdict_to_metric(*layer, "layer", **SETTINGS)
        | metric_prc.prc_featuresdict_to_metric(*layer, "layer", **SETTINGS)
    )


@pytest.fixture(scope="module")
def net(images):  # noqa: F811
    """The features of `images`, which are the logits too."""
    module = type("Net", (torch.jit.ScriptModule,), {})()
    module.define("def forward(self, x):\n    f = x.float().flatten(1)[:, :12] / 16\n    return (f, f)\n")
    module.save(str(images / "both.pt"))
    return images / "both.pt"


def test_the_document_of_torch_fidelity(images, net, theirs):  # noqa: F811
    options = ["kid.draw=numpy", "kid.subsets=7", "kid.subset_size=30", "inception_score.splits=4"]
    settings = [word for option in options for word in ("--set", option)]
    arguments = [images / "a", "--against", images / "b", "--features", net, "--metrics", "fid,is,pr,kid", *settings]
    done = run(*arguments, "--json=torch-fidelity")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == list(theirs)
    assert found == pytest.approx(theirs, rel=1e-5)
    assert done.stdout.startswith('{\n    "inception')  # its indent


# The programs


@pytest.fixture(scope="module")
def weights(torch_fidelity, tmp_path_factory):  # noqa: F811
    """Random weights of Inception for both: a .pth and a .safetensors file."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path="none")
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.75, 1.25)
    torch.nn.init.normal_(network.fc.weight, std=3)
    torch.save(network.state_dict(), folder / "inception.pth")
    save_file({name: x.float() for name, x in network.state_dict().items()}, folder / "inception.safetensors")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two folders of smooth images of 20 x 28 pixels: 80 and 70."""
    place, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(9)
    for name, count, low in (("a", 80, 0), ("b", 70, 10)):
        (place / name).mkdir()
        for i in range(count):
            pixels = random.integers(low, low + 180, (5, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((28, 20), Image.BICUBIC).save(place / name / f"{i:02}.png")
    (place / "few").mkdir()
    for path in sorted((place / "a").iterdir())[:6]:
        (place / "few" / path.name).write_bytes(path.read_bytes())
    return place


def program(module, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python"), "FQGAN_OPS": str(BUILD / "libfqgan_ops.so")}
    command = [sys.executable, "-m", f"fqgan.compat.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def call(value, step):
    return step(value)


def calculate(torch_fidelity, weights, **options):  # noqa: F811
    """torch-fidelity itself."""
    from torch_fidelity import datasets, utils

    with pytest.MonkeyPatch.context() as patch:  # of the parts of torchvision that it uses
        patch.setattr(datasets.F, "pil_to_tensor", lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1))
        patch.setattr(utils.torchvision.transforms, "Compose", lambda steps: lambda x: functools.reduce(call, steps, x))
        return torch_fidelity.calculate_metrics(
            **options,
            cuda=False,
            verbose=False,
            cache=False,
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(weights / "inception.pth"),
        )


def test_the_program_of_torch_fidelity(torch_fidelity, weights, photos):  # noqa: F811
    layers = {f"feature_layer_{metric}": "64" for metric in ("fid", "kid", "prc")}
    options = {"kid_subsets": 5, "kid_subset_size": 40, "rng_seed": 7, **layers}
    inputs = {"input1": str(photos / "a"), "input2": str(photos / "b")}
    expected = calculate(torch_fidelity, weights, **inputs, **options, fid=True, kid=True, prc=True)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in {**inputs, **options}.items()]
    flags += ["--feature-extractor=inception-v3-compat", "-f", "-k", "-r", "--silent", "--batch-size=16"]
    flags.append(f"--feature-extractor-weights-path={weights / 'inception.safetensors'}")
    found = json.loads(program("fidelity", *flags, "--json"))
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-4) and 0 < found["precision"] < 1
    lines = program("fidelity", *flags).splitlines()
    assert lines == [f"{name}: {value:.7g}" for name, value in found.items()]


def test_the_inception_score_of_torch_fidelity(torch_fidelity, weights, photos):  # noqa: F811
    few = str(photos / "few")
    expected = calculate(torch_fidelity, weights, input1=few, isc=True, isc_splits=2)
    flags = ["--input1", few, "--isc", "--isc-splits", "2", "--json"]
    flags += ["--feature-extractor-weights-path", weights / "inception.safetensors"]
    found = json.loads(program("fidelity", *flags))
    assert found == pytest.approx(expected, rel=1e-4) and found["inception_score_mean"] > 1.02


def test_the_program_of_pytorch_fid(weights, photos, tmp_path, pytorch_fid):  # noqa: F811
    flags = ["--weights", weights / "inception.safetensors", "--dims", "64"]
    for name in "ab":
        saved = tmp_path / f"{name}.npz"
        said = program("pytorch_fid", "--save-stats", photos / name, saved, *flags)
        assert said == f"Saving statistics for {photos / name}\n"
    line = program("pytorch_fid", photos / "a", photos / "b", *flags)
    assert line.startswith("FID:  ") and line.count("\n") == 1
    value = float(line.split()[1])
    statistics = [
        pytorch_fid.compute_statistics_of_path(str(tmp_path / f"{name}.npz"), None, 50, 64, "cpu") for name in "ab"
    ]
    assert statistics[0][0].shape == (64,)
    assert value == pytest.approx(pytorch_fid.calculate_frechet_distance(*statistics[0], *statistics[1]), rel=1e-6)
    np.savez_compressed(tmp_path / "theirs.npz", mu=statistics[1][0], sigma=statistics[1][1])
    line = program("pytorch_fid", photos / "a", tmp_path / "theirs.npz", *flags)
    assert float(line.split()[1]) == pytest.approx(value, rel=1e-9)
