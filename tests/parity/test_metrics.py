"""Our metrics on given features against the outside tools that define them: pytorch-fid, torch-fidelity, NumPy's random
numbers, and the published formulas of density and coverage written with NumPy.

Needs fqgan_metrics_dump, SciPy, and pytorch-fid and torch-fidelity installed without their dependencies (--no-deps)."""

import json
import os
import pathlib
import subprocess

import numpy as np
import outside_tools
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
DUMP = BUILD / "tests" / "fqgan_metrics_dump"
DATA_DUMP = BUILD / "tests" / "fqgan_data_dump"


@pytest.fixture(scope="module")
def stand_in_torchvision():
    with outside_tools.stand_in_torchvision():
        yield


@pytest.fixture(scope="module")
def pytorch_fid(stand_in_torchvision):
    import pytorch_fid.fid_score

    return pytorch_fid.fid_score


@pytest.fixture(scope="module")
def torch_fidelity(stand_in_torchvision):
    import torch_fidelity

    return torch_fidelity


@pytest.fixture
def ours(tmp_path):
    def run(metric, tensors, **options):
        given = {
            name: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value.contiguous()
            for name, value in tensors.items()
        }
        save_file(given, tmp_path / "in.safetensors")
        settings = [f"{name}={str(value).lower()}" for name, value in options.items()]
        command = [DUMP, tmp_path / "in.safetensors", metric, *settings]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def features(images, dimension, seed, dtype=np.float64):
    """Correlated, not negative and of unequal spread, as Inception's are."""
    random = np.random.default_rng(seed)
    few = random.normal(size=(images, 12)) @ np.random.default_rng(7).normal(size=(12, dimension)) * 0.3
    own = random.normal(size=(images, dimension)) * np.linspace(0.05, 1, dimension)
    return np.maximum(0, few + own + 0.3 + 0.02 * seed).astype(dtype)


def close(found, expected, relative):
    assert found == pytest.approx(expected, rel=relative, abs=0), (found, expected)


# Moments and the Frechet distance


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("images", [2, 1500, 2048])
def test_moments(ours, images, shards):
    x = features(images, 40, 1) + 1000
    found = ours("moments", {"a": x}, shards=shards)
    assert found["count"] == images
    np.testing.assert_allclose(found["mean"], x.mean(0), rtol=1e-12)
    covariance = np.cov(x, rowvar=False)
    tolerance = 1e-11 * np.abs(covariance).max()  # NumPy's own mean at this offset
    np.testing.assert_allclose(np.reshape(found["covariance"], (40, 40)), covariance, rtol=0, atol=tolerance)


def test_fid_of_statistics(ours, pytorch_fid):
    a, b = features(600, 64, 1), features(700, 64, 2)
    statistics = [a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)]
    expected = pytorch_fid.calculate_frechet_distance(*statistics)
    found = ours("fid", dict(zip(("mean_a", "covariance_a", "mean_b", "covariance_b"), statistics)))
    close(found["value"], expected, 1e-9)
    close(ours("fid_moments", {"a": a, "b": b}, shards=3)["value"], expected, 1e-9)
    close(ours("fid_features", {"a": a, "b": b})["value"], expected, 1e-9)


def test_fid_of_float32_features(ours, pytorch_fid):
    a, b = features(600, 64, 1, np.float32), features(700, 64, 2, np.float32)
    wide = [side.astype(np.float64) for side in (a, b)]
    expected = pytorch_fid.calculate_frechet_distance(
        wide[0].mean(0), np.cov(wide[0], rowvar=False), wide[1].mean(0), np.cov(wide[1], rowvar=False)
    )
    close(ours("fid_moments", {"a": a, "b": b})["value"], expected, 1e-9)
    close(ours("fid_features", {"a": a, "b": b})["value"], expected, 1e-9)


@pytest.mark.parametrize("sizes", [(40, 50), (40, 500), (500, 40), (96, 97)])
def test_fid_of_fewer_images_than_features(ours, pytorch_fid, sizes):
    """The covariance is singular; SciPy's root and ours are good to half of the digits there."""
    a, b = features(sizes[0], 96, 1), features(sizes[1], 96, 2)
    expected = pytorch_fid.calculate_frechet_distance(
        a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)
    )
    moments, direct = ours("fid_moments", {"a": a, "b": b})["value"], ours("fid_features", {"a": a, "b": b})["value"]
    close(moments, expected, 1e-5)
    close(direct, moments, 1e-9)


def test_fid_with_features_that_never_vary(ours, pytorch_fid):
    """Both covariances are singular with many images: units of a network that are always off."""
    a, b = features(400, 32, 1), features(400, 32, 2)
    a[:, 3] = b[:, 3] = b[:, 9] = 0
    statistics = [a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)]
    keep = [d for d in range(32) if d not in (3, 9)]  # the others add nothing but their own spread
    expected = pytorch_fid.calculate_frechet_distance(
        statistics[0][keep], statistics[1][np.ix_(keep, keep)], statistics[2][keep], statistics[3][np.ix_(keep, keep)]
    )
    expected += a[:, 9].mean() ** 2 + a[:, 9].var(ddof=1)
    close(ours("fid_moments", {"a": a, "b": b})["value"], expected, 1e-6)


def test_fid_agrees_with_torch_fidelity(ours, torch_fidelity):
    from torch_fidelity import metric_fid

    a, b = features(600, 64, 3), features(500, 64, 4)
    statistics = [metric_fid.fid_features_to_statistics(torch.from_numpy(side)) for side in (a, b)]
    expected = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    close(ours("fid_moments", {"a": a, "b": b})["value"], expected, 1e-9)


# What pytorch-fid's own tests ask, of ours.


def test_pytorch_fid_equal_covariances_leave_the_means(ours):
    dimension = 2048
    same = np.eye(dimension)
    given = dict(mean_a=np.zeros(dimension), covariance_a=same, mean_b=np.ones(dimension), covariance_b=same)
    assert ours("fid", given)["value"] == dimension


def test_pytorch_fid_statistics_of_black_grey_and_white(ours):
    """Features are the channels' means of three images of one colour each."""
    images = [np.full((4, 4, 3), value, np.uint8) for value in (0, 127, 255)]
    found = ours("moments", {"a": np.stack([image.mean((0, 1)) / 255 for image in images])})
    np.testing.assert_allclose(found["mean"], np.full(3, 0.5), atol=1e-3)
    np.testing.assert_allclose(found["covariance"], np.full(9, 0.25), atol=1e-3)


def test_pytorch_fid_statistics_from_a_file_are_those_that_were_saved(ours):
    """fqgan_metrics_dump reads its moments back from the tensors that it would save."""
    x = features(50, 5, 5)
    found = ours("moments", {"a": x})
    np.testing.assert_allclose(found["mean"], x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found["covariance"], np.cov(x, rowvar=False).ravel(), rtol=1e-10)


def test_pytorch_fid_image_types(tmp_path):
    """White is white from every kind of file that we read."""
    folder = tmp_path / "images"
    folder.mkdir()
    endings = ("png", "jpg", "jpeg", "webp")
    for ending in endings:
        Image.fromarray(np.full((24, 24, 3), 255, np.uint8)).save(folder / f"image.{ending}")
    command = [DATA_DUMP, folder, tmp_path / "pixels.bin", "strict=true"]
    environment = dict(os.environ, FQGAN_CACHE=str(tmp_path / "cache"))
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    pixels = np.fromfile(tmp_path / "pixels.bin", np.uint8)
    assert len(pixels) % (len(endings) * 24 * 24) == 0 and len(pixels) > 0
    assert (pixels == 255).all()


# NumPy's random numbers


@pytest.mark.parametrize("seed", [0, 2020, 2**32 - 1])
@pytest.mark.parametrize("images", [1, 3, 1025, 50000])
def test_numpy_random(ours, seed, images):
    random = np.random.RandomState(seed)
    chosen = (images + 1) // 2
    found = ours("numpy_random", {"unused": torch.zeros(1)}, seed=seed, images=images, chosen=chosen)
    assert found["permutation"] == random.permutation(images).tolist()
    assert found["choice"] == random.choice(images, chosen, replace=False).tolist()
    assert found["normal"] == random.randn(chosen).tolist()
    assert found["uniform"] == random.rand(chosen).tolist()


# KID and the inception score


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize("subset_size", [100, 700])
def test_kid(ours, torch_fidelity, dtype, tolerance, subset_size):
    from torch_fidelity import metric_kid

    a, b = features(1200, 64, 1, dtype), features(900, 64, 9, dtype)
    expected = metric_kid.kid_features_to_metric(
        torch.from_numpy(a), torch.from_numpy(b), kid_subsets=20, kid_subset_size=subset_size, verbose=False
    )
    options = {"kid.subsets": 20, "kid.subset_size": subset_size, "kid.draw": "numpy"}
    found = ours("kid", {"a": a, "b": b}, **options)
    close(found["mean"], expected["kernel_inception_distance_mean"], tolerance)
    close(found["std"], expected["kernel_inception_distance_std"], 100 * tolerance)


def test_kid_of_all_images_is_the_same_whoever_draws(ours):
    """Also over several tiles with a rest."""
    a, b = features(1100, 16, 1), features(1100, 16, 2)
    options = {"kid.subsets": 1, "kid.subset_size": 1100}
    kernel = lambda x, y: (x @ y.T / 16 + 1) ** 3  # noqa: E731
    within = sum(k.sum() - np.trace(k) for k in (kernel(a, a), kernel(b, b))) / (1100 * 1099)
    for draw in ("numpy", "streams"):
        found = ours("kid", {"a": a, "b": b}, **options, **{"kid.draw": draw})
        close(found["mean"], within - 2 * kernel(a, b).mean(), 1e-9)


@pytest.mark.parametrize("images, splits, shuffle", [(1000, 10, True), (1003, 10, False), (37, 5, True), (50, 1, True)])
def test_inception_score(ours, torch_fidelity, images, splits, shuffle):
    from torch_fidelity import metric_isc

    logits = torch.from_numpy(np.random.default_rng(3).normal(size=(images, 1008)).astype(np.float32) * 3)
    expected = metric_isc.isc_features_to_metric(logits, splits=splits, shuffle=shuffle)
    options = {"inception_score.splits": splits, "inception_score.shuffle": shuffle}
    found = ours("inception_score", {"logits": logits}, **options)
    close(found["mean"], expected["inception_score_mean"], 1e-10)
    assert found["std"] == pytest.approx(expected["inception_score_std"], rel=1e-8, abs=1e-12)


# Precision, recall, density, coverage


def prdc_counts(real, fake, k, inside):
    """Naeem et al. 2020, section 3, by the definitions, on float64 distances."""

    def distances(x, y):
        return np.stack([np.sqrt(((row - y) ** 2).sum(1)) for row in x])

    def radii(x):
        apart = distances(x, x)
        np.fill_diagonal(apart, np.inf)
        return np.sort(apart, axis=1)[:, k - 1]

    apart = distances(real.astype(np.float64), fake.astype(np.float64))  # reals x fakes
    in_real = inside(apart, radii(real.astype(np.float64))[:, None])
    in_fake = inside(apart, radii(fake.astype(np.float64))[None, :])
    return {
        "fakes_in_a_real_ball": in_real.any(0).sum(),
        "reals_in_a_fake_ball": in_fake.any(1).sum(),
        "pairs_in_real_balls": in_real.sum(),
        "real_balls_with_a_fake": in_real.any(1).sum(),
        "precision": in_real.any(0).mean(),
        "recall": in_fake.any(1).mean(),
        "density": in_real.sum(0).mean() / k,
        "coverage": in_real.any(1).mean(),
    }


def point_sets():
    random = np.random.default_rng(11)
    grid = random.integers(0, 3, (300, 5)).astype(np.float32)
    normal = random.normal(size=(400, 30))
    return {
        "features": (features(700, 48, 1), features(500, 48, 2)),
        "float32": (features(1300, 64, 1, np.float32), features(1100, 64, 4, np.float32)),
        "ties and equal points": (grid, random.integers(0, 3, (260, 5)).astype(np.float32)),
        "fakes are reals": (normal, normal[:150].copy()),
        "one point": (np.ones((40, 3)), np.ones((50, 3))),
        "fakes in the middle": (normal, normal * 0.01),
        "far from the origin": (normal + 1e7, random.normal(size=(300, 30)) + 1e7),
        "an outlier": (np.vstack([normal, normal[:1] * 1e8]), random.normal(size=(90, 30))),
        "few": (normal[:6], normal[100:107]),
    }


@pytest.mark.parametrize("k, strict", [(3, False), (5, True), (1, True)])
@pytest.mark.parametrize("name", point_sets())
def test_neighbours_are_counted_exactly(ours, name, k, strict):
    real, fake = point_sets()[name]
    expected = prdc_counts(real, fake, k, np.less if strict else np.less_equal)
    found = ours("neighbours", {"a": real, "b": fake}, neighbours=k, strict=strict)
    for name, value in expected.items():
        if isinstance(value, np.integer):
            assert found[name] == value, name
        else:
            close(found[name], value, 1e-15)


@pytest.mark.parametrize("name", ["features", "ties and equal points", "fakes are reals"])
def test_precision_and_recall_agree_with_torch_fidelity(ours, torch_fidelity, name):
    from torch_fidelity import metric_prc

    real, fake = (side.astype(np.float64) for side in point_sets()[name])
    expected = metric_prc.prc_features_to_metric(
        torch.from_numpy(fake), torch.from_numpy(real), prc_neighborhood=3, prc_batch_size=128, verbose=False
    )
    found = ours("neighbours", {"a": real, "b": fake}, neighbours=3, strict=False)
    close(found["precision"], expected["precision"], 1e-6)  # theirs are float32 means of exact counts
    close(found["recall"], expected["recall"], 1e-6)


def test_neighbours_are_the_same_for_any_number_of_threads(ours):
    real, fake = point_sets()["float32"]
    found = [ours("neighbours", {"a": real, "b": fake}, neighbours=5, threads=threads) for threads in (1, 2, 5)]
    for key in found[0]:
        if key not in ("seconds", "peak_bytes", "bytes_before"):
            assert found[0][key] == found[1][key] == found[2][key], key


def test_radii(ours):
    x = features(1500, 40, 6)
    apart = np.stack([((row - x) ** 2).sum(1) for row in x])
    np.fill_diagonal(apart, np.inf)
    expected = np.sort(apart, axis=1)[:, 3]
    np.testing.assert_allclose(ours("radii", {"a": x}, neighbours=4)["squared_radii"], expected, rtol=1e-13)


def test_bad_input_is_one_line(tmp_path):
    x = torch.zeros(5, 3)
    x[4, 1] = float("nan")
    save_file({"a": x, "b": torch.zeros(5, 3)}, tmp_path / "in.safetensors")
    for metric in ("fid_moments", "fid_features", "kid", "neighbours"):
        done = subprocess.run([DUMP, tmp_path / "in.safetensors", metric], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "row 4" in done.stderr and done.stderr.count("\n") == 1, done.stderr
