"""Our metrics of copying, kernels, extrapolation and perceptual distances on given features against NumPy, in the forms
of their papers' code: dgm-eval (AuthPct, C_T, FD-infinity), google-research/cmmd, torch-fidelity (RBF kernel, PPL,
LPIPS).

Needs fqgan_metrics_dump, SciPy, scikit-learn, and torch-fidelity installed without its dependencies."""

import subprocess

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.stats import mannwhitneyu
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from test_metrics import DUMP, close, features, ours, stand_in_torchvision, torch_fidelity  # noqa: F401 (fixtures)

MEASURED = ("seconds", "peak_bytes", "bytes_before")  # differ from run to run


def apart(a, b):
    """Distances of all pairs, without cancellation."""
    return np.sqrt(np.stack([((row - b) ** 2).sum(1) for row in a.astype(np.float64)]))


def two_nearest(a, b):
    return np.sort(apart(a, b), axis=1)[:, :2]


def two_others(x):
    distances = apart(x, x)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, :2]


def fractions(found):
    """Of the images that are copied by their distance, and by their ratio."""
    distance, ratio = np.array(found["distance"]), np.array(found["ratio"])
    return (distance < found["threshold"]).mean(), (ratio < found["ratio_threshold"]).mean()


# Kernels


def test_cmmd(ours):
    a, b = features(700, 40, 1, np.float32), features(1300, 40, 2, np.float32)

    def kernel(x, y):
        return np.exp(-(apart(x, y) ** 2) / (2 * 10**2)).mean()

    x, y = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (a.astype(float), b.astype(float)))
    expected = 1000 * (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))
    close(ours("cmmd", {"a": a, "b": b})["value"], expected, 1e-9)
    assert abs(ours("cmmd", {"a": a, "b": a})["value"]) < 1e-9


@pytest.mark.parametrize("sigma", [10.0, 3.5])
def test_kid_with_an_rbf_kernel_agrees_with_torch_fidelity(ours, torch_fidelity, sigma):
    from torch_fidelity import metric_kid

    a, b = features(900, 64, 1), features(700, 64, 2)
    settings = dict(kid_subsets=5, kid_subset_size=600, kid_kernel="rbf", kid_kernel_rbf_sigma=sigma, rng_seed=2020)
    expected = metric_kid.kid_features_to_metric(torch.from_numpy(a), torch.from_numpy(b), verbose=False, **settings)
    options = {"subsets": 5, "subset_size": 600, "draw": '"numpy"', "kernel": '"rbf"', "rbf_sigma": sigma}
    found = ours("kid", {"a": a, "b": b}, **{f"kid.{key}": value for key, value in options.items()})
    close(found["mean"], expected["kernel_inception_distance_mean"], 1e-9)
    close(found["std"], expected["kernel_inception_distance_std"], 1e-7)


# Copying


def memorised(seed=5, noise=0.01):
    """Training, generated and held-out features: the first 300 generated ones are noisy copies."""
    training, held_out, new = features(1500, 48, 1), features(600, 48, 9) - 0.16, features(200, 48, 17) - 0.32
    copies = training[:300] + np.random.default_rng(seed).normal(size=(300, 48)) * noise
    return training, np.vstack([copies, new]), held_out


def test_auth(ours):
    training, generated, _ = memorised(noise=0.3)
    distances = apart(generated, training)
    own = two_others(training)[distances.argmin(1), 0]
    expected = 100 * (own < distances.min(1)).mean()
    assert 10 < expected < 90
    assert ours("auth", {"a": training, "b": generated})["value"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("held_out", [True, False])
def test_copied(ours, held_out, dtype):
    training, generated, real = (side.astype(dtype) for side in memorised())
    given = {"a": training, "b": generated} | ({"c": real} if held_out else {})
    found = ours("copied", given)
    nearest, reals = two_nearest(generated, training), two_nearest(real, training) if held_out else two_others(training)
    assert found["nearest"] == apart(generated, training).argmin(1).tolist()
    np.testing.assert_allclose(found["distance"], nearest[:, 0], rtol=1e-12)
    np.testing.assert_allclose(found["ratio"], nearest[:, 0] / nearest[:, 1], rtol=1e-12)
    close(found["threshold"], np.percentile(reals[:, 0], 1, method="lower"), 1e-12)
    close(found["ratio_threshold"], np.percentile(reals[:, 0] / reals[:, 1], 1, method="lower"), 1e-12)
    assert found["real"] == len(reals)
    assert min(fractions(found)) >= 0.6 and "repeats" in found["verdict"]


def test_copies_with_much_noise_are_found_by_their_ratio(ours):
    training, generated, held_out = memorised(noise=0.45)
    found = ours("copied", {"a": training, "b": generated, "c": held_out})
    by_distance, by_ratio = fractions(found)
    assert by_distance < 0.45 < by_ratio and "repeats" in found["verdict"], (by_distance, by_ratio)


def test_new_images_are_not_called_copies(ours):
    training, _, held_out = memorised()
    new = features(3000, 48, 33) - 0.64
    found = ours("copied", {"a": training, "b": new, "c": held_out})
    assert max(fractions(found)) < 0.025 and "no sign" in found["verdict"], found["verdict"]
    few = ours("copied", {"a": training, "b": new[:3], "c": held_out})
    assert "no sign" in few["verdict"], few["verdict"]


def test_equal_training_images_do_not_hide_copies(ours):
    training, generated, held_out = memorised()
    double = np.vstack([training[:400], training])  # the first of equal images is named
    found, plain = ours("copied", {"a": double, "b": generated}), ours("copied", {"a": training, "b": generated})
    for key in ("distance", "ratio", "threshold", "ratio_threshold", "verdict"):
        assert found[key] == plain[key], key
    assert found["nearest"] == [i if i < 400 else i + 400 for i in plain["nearest"]]
    assert "repeats" in found["verdict"]
    exact = ours("copied", {"a": double, "b": training[:50]})
    assert exact["ratio"] == [0] * 50 and fractions(exact) == (1, 1)


def test_held_out_images_that_are_training_images_do_not_count(ours):
    training, generated, held_out = memorised()
    mixed = ours("copied", {"a": training, "b": generated, "c": np.vstack([training[:700], held_out])})
    assert mixed["held_out_in_training"] == 700
    plain = ours("copied", {"a": training, "b": generated, "c": held_out})
    same, alone = (ours("copied", {"a": training, "b": generated} | c) for c in ({"c": training}, {}))
    for key in ("threshold", "ratio_threshold"):
        assert mixed[key] == plain[key] and same[key] == alone[key], key


def test_the_same_copies_for_any_number_of_threads(ours):
    training, generated, held_out = (side.astype(np.float32) for side in memorised())
    given = {"a": training, "b": generated, "c": held_out}
    found = [ours("copied", given, threads=threads) for threads in (1, 2, 5)]
    for key in found[0].keys() - set(MEASURED):
        assert found[0][key] == found[1][key] == found[2][key], key


def c_t_of_dgm_eval(training, test, generated, cells):
    if training.shape[1] > 64:
        pca = PCA(n_components=64, svd_solver="full").fit(training)
        training, test, generated = (pca.transform(side) for side in (training, test, generated))
    clusters = KMeans(n_clusters=cells, n_init=10, random_state=0).fit(training)
    labels = [clusters.predict(side) for side in (training, test, generated)]
    sum, weight = 0, 0
    for cell in range(cells):
        own, tested, made = (side[label == cell] for side, label in zip((training, test, generated), labels))
        if len(made) <= 20 or len(tested) == 0:  # theirs stops at a cell without test images
            continue
        u = mannwhitneyu(apart(made, own).min(1), apart(tested, own).min(1), alternative="less").statistic
        n, m = len(tested), len(made)
        sum += n * (u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)
        weight += n
    return sum / weight


@pytest.mark.parametrize("dimension", [20, 150])
@pytest.mark.parametrize("copies", [0, 150])
def test_c_t(ours, dimension, copies):
    random = np.random.default_rng(3)
    places = random.normal(size=(4, dimension)) * 12  # clusters that every k-means finds

    def draw(counts):
        return np.vstack([place + random.normal(size=(n, dimension)) for place, n in zip(places, counts)])

    training, test = draw((500, 300, 400, 200)), draw((90, 60, 0, 50))
    generated = draw((200, 15, 100, 100))  # the second cell has too few, the third no test images
    generated[:copies] = training[:copies] + 0.01 * random.normal(size=(copies, dimension))
    found = ours("c_t", {"a": training, "b": generated, "c": test}, **{"c_t.cells": 4})
    expected = c_t_of_dgm_eval(training, test, generated, 4)
    close(found["value"], expected, 1e-9)
    assert found["value"] < -3 if copies else abs(found["value"]) < 3
    again = [ours("c_t", {"a": training, "b": generated, "c": test}, threads=t, **{"c_t.cells": 4}) for t in (1, 5)]
    close(again[0]["value"], again[1]["value"], 1e-9)


# FID-infinity


@pytest.mark.parametrize("images", [60, 1000])
def test_fid_infinity(ours, images):
    def statistics(x):
        return x.mean(0), np.cov(x, rowvar=False)

    def frechet(m1, s1, m2, s2):
        roots = np.sqrt(np.maximum(np.real(np.linalg.eigvals(s1 @ s2)), 0))
        return ((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * roots.sum()

    real, generated = features(800, 5, 1), features(images, 5, 2)
    sizes = np.linspace(min(5000, max(images // 10, 2)), images, 15).astype("int32")
    random = np.random.RandomState(0)
    distances = []
    for size in sizes:
        some = generated[random.choice(images, size, replace=False)]
        distances.append(frechet(*statistics(real), *statistics(some)))
    expected = np.polyfit(1 / sizes, distances, 1)[1]
    close(ours("fid_infinity", {"a": real, "b": generated})["value"], expected, 1e-6)


# Perceptual distances


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_path_length(ours, count):
    distances = np.random.default_rng(count).gamma(2, 1e-9, size=count)
    scaled = distances / 1e-4**2
    low, high = np.percentile(scaled, 1, method="lower"), np.percentile(scaled, 99, method="higher")
    kept = scaled[(low <= scaled) & (scaled <= high)]
    found = ours("ppl", {"distances": distances})
    close(found["mean"], kept.mean(), 1e-12)
    assert found["std"] == pytest.approx(kept.std(), rel=1e-9)


def test_lpips_agrees_with_torch_fidelity(ours, torch_fidelity):
    from torch_fidelity.sample_similarity_lpips import normalize_tensor, spatial_average

    torch.manual_seed(1)
    given, expected = {}, 0
    for layer, (channels, size) in enumerate([(8, 6), (16, 3), (5, 1)]):
        a, b = (torch.rand(4, channels, size, size).relu() for _ in range(2))
        a[0, :, 0, 0] = 0
        weights = torch.rand(channels)
        given |= {f"a{layer}": a, f"b{layer}": b, f"weights{layer}": weights}
        difference = (normalize_tensor(a.double()) - normalize_tensor(b.double())) ** 2
        expected = expected + spatial_average((difference * weights.double()[:, None, None]).sum(1, keepdim=True))
    np.testing.assert_allclose(ours("lpips", given)["distances"], expected, rtol=1e-12)


@pytest.mark.parametrize("metric", ["cmmd", "auth", "copied", "c_t", "fid_infinity"])
def test_bad_input_is_one_line(tmp_path, metric):
    def refused(b, c, *parts):
        save_file({"a": torch.randn(30, 3), "b": b, "c": c}, tmp_path / "in.safetensors")
        done = subprocess.run([DUMP, tmp_path / "in.safetensors", metric], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        for part in parts:
            assert part in done.stderr, done.stderr

    broken = torch.randn(40, 3)
    broken[4, 1] = float("nan")
    refused(broken, torch.randn(30, 3), metric, "row 4")
    refused(torch.randn(0, 3), torch.randn(30, 3), metric)
    if metric != "fid_infinity":
        refused(torch.randn(40, 4), torch.randn(30, 4), metric, "4")


def test_too_few_images_for_copies(tmp_path):
    """Two different training images have no second nearest one; a cell needs more than 20 generated images."""
    few = torch.eye(3)[:2].repeat(20, 1)
    save_file({"a": few, "b": torch.randn(20, 3), "c": torch.randn(20, 3)}, tmp_path / "in.safetensors")
    for metric, part in (("copied", "got 2"), ("c_t", "c_t.cells")):
        done = subprocess.run([DUMP, tmp_path / "in.safetensors", metric], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and part in done.stderr, done.stderr
