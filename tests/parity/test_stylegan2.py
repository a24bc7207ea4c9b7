"""Our StyleGAN2 against NVIDIA's code in float64, as recorded in fixtures/stylegan2 (README there): networks, losses
with all gradients, and ten iterations of the training."""

import os
import pathlib
import subprocess

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
DUMP = BUILD / "tests" / "fqgan_stylegan2_dump"
FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures" / "stylegan2"

EPSILON = 2**-23  # of float32


def fixtures(kind):
    return sorted(path.stem for path in FIXTURES.glob(f"{kind}_*.safetensors"))


def computed(tmp_path, name, *precision):
    out = tmp_path / "out.safetensors"
    kind = name.split("_")[0]
    subprocess.run([DUMP, kind, FIXTURES / f"{name}.safetensors", out, *precision], check=True, timeout=300)
    return load_file(out), load_file(FIXTURES / f"{name}.safetensors")


def metadata(name):
    with safe_open(FIXTURES / f"{name}.safetensors", "pt") as file:
        return file.metadata()


def distance(found, expected):
    """The largest difference, relative to the largest value where that is above 1."""
    expected = expected.double()
    assert found.shape == expected.shape
    return ((found - expected).abs().max() / max(1.0, expected.abs().max().item())).item()


def assert_equal(found, expected, tolerance, names=None):
    names = list(found) if names is None else names
    assert names
    apart = {name: distance(found[name], expected[name]) for name in names}
    worst = max(apart, key=apart.get)
    assert apart[worst] <= tolerance, f"{worst}: {apart[worst]}"


@pytest.mark.parametrize("precision, tolerance", [((), 1e-12), (("float32",), 3e-6)], ids=["float64", "float32"])
def test_operators_and_small_layers_are_the_same(tmp_path, precision, tolerance):
    """float32 runs on the processor's kernels. What our networks do not contain is not compared."""
    found, expected = computed(tmp_path, "primitives", *precision)
    made = {name.removesuffix(".y") for name in found if name.endswith(".y")}
    left_out = {name.removesuffix(".y") for name in expected if name.endswith(".y")} - made
    assert left_out == {"conv1x1_up2", "rms", *(f"upfirdn.{number}" for number in (14, 15, 16, 17, 18, 19, 20, 21))}
    assert_equal(found, expected, tolerance)
    gradients = {name for name in expected if ".grad_" in name and name.split(".grad_")[0] in made}
    assert gradients <= found.keys()


@pytest.mark.parametrize("name", fixtures("generator"))
def test_generators_make_the_same_images(tmp_path, name):
    found, expected = computed(tmp_path, name)
    assert {"ws", "ws_truncated", "image.random", "image.clamped", "image.truncated"} <= found.keys()
    assert_equal(found, expected, 1e-11)


@pytest.mark.parametrize("name", fixtures("discriminator"))
def test_discriminators_give_the_same_logits_and_gradients(tmp_path, name):
    found, expected = computed(tmp_path, name)
    assert_equal(found, expected, 1e-11)


@pytest.mark.parametrize("name", [*fixtures("generator"), *fixtures("discriminator")])
def test_float32_is_at_most_three_times_as_far_from_float64_as_the_released_code(tmp_path, name):
    found, expected = computed(tmp_path, name, "float32")
    own = {key: float(error) for key, error in metadata(name).items() if key.startswith("float32_error.")}
    assert own
    for key, error in own.items():
        name = key.removeprefix("float32_error.")
        apart = (found[name] - expected[name]).abs().max() / expected[name].abs().max()
        assert apart <= 3 * max(error, EPSILON), name


def test_the_average_of_w_moves_in_training_and_not_for_style_mixing(tmp_path):
    found, expected = computed(tmp_path, "mapping")
    assert_equal(found, expected, 1e-13)


def test_losses_and_all_gradients_are_the_same(tmp_path):
    found, expected = computed(tmp_path, "losses")
    assert_equal(found, expected, 1e-10)
    zero = metadata("losses")["zero_gradients"].split()
    missing = {name for name in expected if ".gradient." in name} - found.keys()
    assert missing <= set(zero)


def test_ten_iterations_are_the_same(tmp_path):
    found, expected = computed(tmp_path, "training")
    # none_cuda: as stylegan3 with its plugin. Like our operators, it gives no gradient through the sign of a leaky
    # ReLU.
    for variant in ("zero", "none_cuda"):
        names = [name for name in found if f".{variant}." in name]
        assert any(name.startswith(f"final.{variant}.G_ema.") for name in names)
        assert any(name.startswith(f"loss.{variant}.09.") for name in names)
        assert_equal(found, expected, 1e-8, names)
