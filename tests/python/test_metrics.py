"""fqgan.metrics: the numbers of NumPy, SciPy, pytorch-fid and torch-fidelity on the same features."""

import math
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch

import fqgan
from fqgan import metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
pytestmark = pytest.mark.skipif(not list(BUILD.glob("_core.*.so")), reason="the extension was not built")


def features(images, seed, dimension=8, dtype=np.float64):
    random = np.random.default_rng(seed)
    mix = np.random.default_rng(7).normal(size=(dimension, dimension))
    return (random.normal(size=(images, dimension)) @ mix + 0.2 * seed).astype(dtype)


FORMS = {
    "float64": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "fortran": np.asfortranarray,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "big endian": lambda x: x.astype(">f8"),
    "tensor": torch.from_numpy,
    "tensor with gradient": lambda x: torch.from_numpy(x.copy()).requires_grad_(),
}


@pytest.fixture(params=FORMS)
def sides(request):
    a, b = features(70, 1), features(90, 2)
    if request.param == "float32":  # the same numbers in both types
        a, b = a.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64)
    make = FORMS[request.param]
    return a, b, make(a), make(b)


def expected_fid(a, b):
    linalg = pytest.importorskip("scipy.linalg")
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)


def test_fid(sides):
    a, b, given_a, given_b = sides
    assert metrics.fid(given_a, given_b) == pytest.approx(expected_fid(a, b), rel=1e-9)
    assert metrics.fid(given_a, given_a) == pytest.approx(0, abs=1e-9)


def test_moments(sides):
    a, b, given_a, given_b = sides
    found = metrics.moments(given_a)
    assert (found.count, found.dimension) == (70, 8)
    np.testing.assert_allclose(found.mean().numpy(), a.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance().numpy(), np.cov(a, rowvar=False), rtol=1e-11, atol=1e-12)
    assert metrics.fid(found, given_b) == pytest.approx(expected_fid(a, b), rel=1e-9)
    batches = metrics.Moments()
    for begin in range(0, 70, 15):
        batches.add(given_a[begin : begin + 15])
    assert torch.equal(batches.covariance(), found.covariance())
    batches.merge(metrics.moments(given_b))
    np.testing.assert_allclose(batches.mean().numpy(), np.concatenate([a, b]).mean(0), rtol=1e-12)
    saved = metrics.Moments.from_covariance(b.mean(0), np.cov(b, rowvar=False))
    assert saved.count is None
    assert metrics.fid(given_a, saved) == pytest.approx(expected_fid(a, b), rel=1e-9)


def test_kid(sides):
    a, b, given_a, given_b = sides
    mean, std = metrics.kid(given_a, given_b, subsets=6, subset_size=40, draw="numpy")
    random, found = np.random.RandomState(2020), []
    for _ in range(6):
        x = a[random.choice(len(a), 40, replace=False)]
        y = b[random.choice(len(b), 40, replace=False)]
        k = [(p @ q.T / 8 + 1) ** 3 for p, q in ((x, x), (y, y), (x, y))]
        inside = sum(m.sum() - np.trace(m) for m in k[:2])
        found.append(inside / (40 * 39) - 2 * k[2].mean())
    assert (mean, std) == pytest.approx((np.mean(found), np.std(found)), rel=1e-9)
    other = metrics.kid(given_a, given_b, subsets=6, subset_size=40)
    assert other.mean != mean and abs(other.mean - mean) < 6 * std


def test_inception_score(sides):
    _, _, _, logits = sides
    p = torch.from_numpy(sides[1]).softmax(1).numpy()
    mean, std = metrics.inception_score(logits, splits=3)
    found = []
    order = np.random.RandomState(2020).permutation(90)
    for part in np.split(p[order], 3):
        found.append(math.exp((part * np.log(part / part.mean(0))).sum(1).mean()))
    assert (mean, std) == pytest.approx((np.mean(found), np.std(found)), rel=1e-9)
    whole = metrics.inception_score(logits, splits=1, shuffle=False)
    assert whole.std == 0 and whole.mean == pytest.approx(math.exp((p * np.log(p / p.mean(0))).sum(1).mean()), rel=1e-9)


def distances(x, y):
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(2))


def test_neighbours(sides):
    a, b, given_a, given_b = sides
    for neighbours in (3, 5):
        radius_a, radius_b = (np.sort(distances(x, x), axis=1)[:, neighbours] for x in (a, b))
        apart = distances(b, a)  # real x generated
        inside = apart <= radius_b[:, None]
        found = metrics.precision_recall(given_a, given_b, neighbours=neighbours)
        assert found.precision == inside.any(0).mean()
        assert found.recall == (apart <= radius_a[None]).any(1).mean()
        inside = apart < radius_b[:, None]
        prdc = metrics.prdc(given_a, given_b, neighbours=neighbours)
        assert prdc.precision == inside.any(0).mean()
        assert prdc.recall == (apart < radius_a[None]).any(1).mean()
        assert prdc.density == pytest.approx(inside.sum() / (neighbours * 70))
        assert prdc.coverage == (apart.min(1) < radius_b).mean()
    assert metrics.precision_recall(given_a, given_b) == metrics.precision_recall(given_a, given_b, neighbours=3)
    assert metrics.prdc(given_a, given_b) == prdc


def test_errors_are_one_line():
    a, nan = features(20, 1), features(20, 1)
    nan[3, 2] = np.nan
    for action, parts in [
        (lambda: metrics.fid(a, features(20, 1, dimension=9)), ["8", "9"]),
        (lambda: metrics.fid(a, nan), ["NaN", "3"]),
        (lambda: metrics.fid(a[:1], a), ["2"]),
        (lambda: metrics.fid(a, np.arange(16).reshape(2, 8)), ["floating"]),
        (lambda: metrics.fid(a, a[0]), ["[8]"]),
        (lambda: metrics.kid(a, a), ["1000", "20"]),
        (lambda: metrics.kid(a, a, subset_size=10, draw="dice"), ["draw", "dice"]),
        (lambda: metrics.inception_score(a, splits=21), ["21"]),
        (lambda: metrics.prdc(a[:5], a), ["6", "5"]),
        (lambda: metrics.Moments.from_covariance(a[0], np.triu(np.ones((8, 8)))), ["symmetric"]),
    ]:
        with pytest.raises(ValueError) as error:
            action()
        assert isinstance(error.value, fqgan._core.UserError) and "\n" not in str(error.value)
        for part in parts:
            assert part in str(error.value)
    with pytest.raises(TypeError, match="list"):
        metrics.fid(a.tolist(), a)


def refused(action, *parts):
    with pytest.raises((TypeError, ValueError)) as error:
        action()
    assert str(error.value).startswith("[") and "\n" not in str(error.value), str(error.value)
    for part in parts:
        assert part in str(error.value), str(error.value)


def test_images_instead_of_features():
    pixels = np.zeros((20, 8, 8, 3), np.uint8)
    for images in (pixels, torch.from_numpy(pixels), pixels.astype(np.float32)):
        refused(lambda: metrics.fid(images, images), "N x D", "[20, 8, 8, 3]", "images", "folder")
        refused(lambda: metrics.kid(images, images), "N x D", "images")


TENSORS = {
    "meta": lambda x: x.to("meta"),
    "sparse": lambda x: x.to_sparse(),
    "sparse_csr": lambda x: x.to_sparse_csr(),
    "nested": lambda x: torch.nested.as_nested_tensor([x[:3], x[3:]]),
    "float8": lambda x: x.to(torch.float8_e4m3fn),
    "masked": lambda x: np.ma.masked_array(x.numpy(), x.numpy() > 0),
    "object": lambda x: x.numpy().astype(object),
    "complex": lambda x: x.numpy().astype(complex),
    "longdouble": lambda x: x.numpy().astype(np.longdouble),
    "NoneType": lambda x: None,
    "Moments": lambda x: metrics.moments(x),
}


@pytest.mark.filterwarnings("ignore")  # PyTorch's, about nested and sparse tensors
@pytest.mark.parametrize("kind", TENSORS)
def test_other_values_than_dense_features(kind):
    x = torch.from_numpy(features(20, 1))
    other = TENSORS[kind](x)
    name = str(np.dtype(np.longdouble)) if kind == "longdouble" else kind
    refused(lambda: metrics.kid(other, x, subset_size=10), name)
    if kind != "Moments":
        refused(lambda: metrics.fid(x, other), name)


def test_options_of_other_types():
    a = features(40, 1)
    refused(lambda: metrics.kid(a, a, subsets=None, subset_size=20), "subsets", "None")
    refused(lambda: metrics.kid(a, a, subsets=3.0, subset_size=20), "subsets", "3.0", "float")
    refused(lambda: metrics.kid(a, a, subsets=True, subset_size=20), "subsets", "True")
    refused(lambda: metrics.kid(a, a, subset_size=20, draw=3), "draw", "int")
    refused(lambda: metrics.kid(a, a, subset_size=20, seed=-1), "seed", "-1")
    refused(lambda: metrics.inception_score(a, shuffle=1), "shuffle", "1")
    refused(lambda: metrics.inception_score(a, splits=math.nan), "splits", "nan")
    refused(lambda: metrics.fid("a", "b", features=3), "features", "int")
    refused(lambda: metrics.fid("a\0b", "c"), "NUL", "path")
    refused(lambda: metrics.fid("a", "b", weights="w\0.safetensors"), "NUL", "weights")
    refused(lambda: metrics.fid("a\udcff", "b"), "UTF-8", "path")
    refused(lambda: metrics.fid("a\nb", "b"), "a\\nb")
    refused(lambda: metrics.moments(a).merge(a), "Moments", "ndarray")
    for neighbours in (None, 3.0, 2**63 - 1, 2**64):
        refused(lambda: metrics.prdc(a, a, neighbours=neighbours), "neighbours")
    for size in (2**63 - 1, 2**63):
        refused(lambda: metrics.kid(a, a, subset_size=size), "subset_size")
    for count in (-1, 2.0, 2**63 - 1):
        refused(lambda: metrics.Moments.from_covariance(a.mean(0), np.cov(a, rowvar=False), count), "count")
    settings = {"subsets": 3, "subset_size": 20}
    of_numpy = {name: np.int64(value) for name, value in settings.items()}
    assert metrics.kid(a, a, **of_numpy) == metrics.kid(a, a, **settings)
    assert metrics.inception_score(a, shuffle=np.bool_(True)) == metrics.inception_score(a)
    assert metrics.prdc(a, a, neighbours=np.int32(5)) == metrics.prdc(a, a)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two folders of images and a feature extractor, which gives its features as logits too."""
    image, place = pytest.importorskip("PIL.Image"), tmp_path_factory.mktemp("images")
    random = np.random.default_rng(3)
    for name, count, low in (("a", 40, 0), ("b", 50, 30)):
        (place / name).mkdir()
        for i in range(count):
            pixels = random.integers(low, low + 150, (4, 4, 3), dtype=np.uint8)
            image.fromarray(pixels).save(place / name / f"{i:02}.png")
    module = type("Net", (torch.jit.ScriptModule,), {})()
    module.define("def forward(self, x):\n    f = x.float().flatten(1)[:, :8] / 64\n    return (f, f)\n")
    module.save(str(place / "net.pt"))
    return place


def of_folder(folder):
    image = pytest.importorskip("PIL.Image")
    pixels = [np.asarray(image.open(path)).transpose(2, 0, 1).reshape(-1)[:8] for path in sorted(folder.iterdir())]
    return np.stack(pixels).astype(np.float32) / 64


def test_images_by_their_paths(images, capfd):
    a, b, network = images / "a", str(images / "b"), {"features": str(images / "net.pt")}
    x, y = of_folder(a), of_folder(images / "b")
    with pytest.warns(UserWarning, match="few images"):
        assert metrics.fid(a, b, **network) == pytest.approx(metrics.fid(x, y), rel=1e-6)
    settings = {"subsets": 5, "subset_size": 30}
    assert metrics.kid(a, b, **settings, **network) == pytest.approx(metrics.kid(x, y, **settings), rel=1e-6)
    with pytest.warns(UserWarning):
        assert metrics.inception_score(a, splits=3, **network) == pytest.approx(metrics.inception_score(x, splits=3))
        assert metrics.precision_recall(a, b, **network) == metrics.precision_recall(x, y)
        assert metrics.prdc(a, b, **network) == metrics.prdc(x, y)
    assert capfd.readouterr().err == ""


def test_saved_statistics_by_their_paths(images, tmp_path):
    x, y = of_folder(images / "a"), of_folder(images / "b")
    for name, rows in (("a", x), ("b", y)):
        np.savez(tmp_path / f"{name}.npz", mu=rows.mean(0), sigma=np.cov(rows, rowvar=False))
    with pytest.warns(UserWarning, match="does not name its feature extractor"):
        assert metrics.fid(tmp_path / "a.npz", tmp_path / "b.npz") == pytest.approx(metrics.fid(x, y), rel=1e-5)
        network = {"features": str(images / "net.pt")}
        assert metrics.fid(images / "a", tmp_path / "b.npz", **network) == pytest.approx(metrics.fid(x, y), rel=1e-5)


def test_errors_of_paths(images, monkeypatch, tmp_path):
    monkeypatch.setenv("FQGAN_CACHE", str(tmp_path))
    a, network = images / "a", {"features": str(images / "net.pt")}
    for action, parts in [
        (lambda: metrics.fid(a, tmp_path / "none", **network), ["none"]),
        (lambda: metrics.fid(a, a), ["efficientnet-lite0"]),  # its weights are not there
        (lambda: metrics.fid(a, a, features="inception", convention="fid"), ["convention", "fid"]),
        (lambda: metrics.fid(a, a, features="inception", weights="w.safetensors"), ["w.safetensors"]),
        (lambda: metrics.fid(a, a, features="ineption"), ["ineption", "inception"]),
        (lambda: metrics.kid(a, a, **network), ["1000", "40"]),
        (lambda: metrics.prdc(a, a, neighbours=3, **network), ["5", "3"]),
        (lambda: metrics.fid(a, a, device="tpu", **network), ["tpu"]),
    ]:
        with pytest.raises(ValueError) as error:
            action()
        assert "\n" not in str(error.value)
        for part in parts:
            assert part in str(error.value)
        assert "--" not in str(error.value)  # no flags of the program
    x = of_folder(a)
    with pytest.raises(TypeError, match="one of each"):
        metrics.fid(x, a, **network)
    with pytest.raises(TypeError, match="features"):
        metrics.fid(x, x, **network)


def test_the_module_is_imported_without_the_extension(tmp_path):
    environment = os.environ | {"FQGAN_OPS": str(tmp_path / "none.so"), "PYTHONPATH": str(ROOT / "python")}
    code = "from fqgan import metrics\ntry: metrics.Moments()\nexcept ImportError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "[fqgan] expected " in done.stdout, done


@pytest.mark.parametrize("factor", [1e100, 1e155, 1e200])
def test_features_that_are_too_large_are_refused(factor):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(50, 8)), draw.normal(size=(60, 8))
    for measure in (
        lambda: metrics.fid(a * factor, b),
        lambda: metrics.fid(a * factor, b * factor),
        lambda: metrics.kid(a * factor, b, subset_size=20),
        lambda: metrics.fid(draw.normal(size=(20, 3000)) * factor, draw.normal(size=(20, 3000))),
    ):
        try:
            value = measure()
        except ValueError as error:
            assert "\n" not in str(error) and "too large" in str(error) or "below 1e150" in str(error)
        else:
            assert np.isfinite(value).all()
    with pytest.raises(ValueError, match="finite"):
        metrics.inception_score(np.where(a > 0, 1e308, -1e308))
