"""Saved statistics in NumPy's form: fqgan evaluate reads what NumPy, pytorch-fid and clean-fid write, and they read
what it writes. Needs pytorch-fid and torch-fidelity as tests/parity/test_metrics.py does."""

import json
import os
import pathlib
import subprocess
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from program import one_line_error
from test_metrics import pytorch_fid, stand_in_torchvision  # noqa: F401 (fixtures)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
WIDTH = 12


def run(*arguments):
    return subprocess.run([BUILD / "fqgan", "evaluate", *map(str, arguments)], capture_output=True, text=True)


def evaluate(*arguments):
    done = run(*arguments, "--metrics", "fid", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fid(document):
    (value,) = document["metrics"].values()
    return value


def refused(arguments, *names):
    one_line_error(run(*arguments), *names)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two folders of images, and a feature extractor of WIDTH features."""
    place, random = tmp_path_factory.mktemp("images"), np.random.default_rng(5)
    for name, count, low in (("a", 40, 0), ("b", 50, 60)):
        (place / name).mkdir()
        for i in range(count):
            pixels = random.integers(low, low + 150, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / name / f"{i:02}.png")
    module = type("Net", (torch.jit.ScriptModule,), {})()
    module.define(f"def forward(self, x):\n    return x.float().flatten(1)[:, :{WIDTH}] / 16\n")
    module.save(str(place / "net.pt"))
    return place


@pytest.fixture
def against(images):
    """The arguments that compare folder a with saved statistics."""
    return lambda saved: [images / "a", "--against", saved, "--features", images / "net.pt"]


def features(folder):
    rows = [np.asarray(Image.open(path)).transpose(2, 0, 1).reshape(-1) for path in sorted(folder.iterdir())]
    return np.stack(rows).astype(np.float64)[:, :WIDTH] / 16


def moments(folder):
    x = features(folder)
    return x.mean(0), np.cov(x, rowvar=False)


@pytest.mark.parametrize("form", ["deflated", "stored", "float32", "fortran", "version 2", "ours and more arrays"])
def test_files_of_numpy_are_read(images, against, tmp_path, form):
    mean, covariance = moments(images / "b")
    expected = fid(evaluate(*against(images / "b")))
    saved = tmp_path / "stats.npz"
    if form == "float32":
        mean, covariance = mean.astype(np.float32), covariance.astype(np.float32)
    if form == "fortran":
        covariance = np.asfortranarray(covariance)
    if form == "version 2":
        with zipfile.ZipFile(saved, "w") as archive:
            for name, array in (("mu", mean), ("sigma", covariance)):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, version=(2, 0))
    elif form == "ours and more arrays":
        name = evaluate(*against(images / "b"))["features"]["name"]
        objects = np.array([{"a": 1}], dtype=object)
        np.savez(saved, mu=mean, sigma=covariance, convention=name, count=50, feats=features(images / "b"), o=objects)
    else:
        (np.savez if form == "stored" else np.savez_compressed)(saved, mu=mean, sigma=covariance)
    document = evaluate(*against(saved))
    assert fid(document) == pytest.approx(expected, rel=1e-5 if form == "float32" else 1e-10)
    known = form == "ours and more arrays"
    assert document["counts"] == {"generated": 40, "against": 50 if known else None}
    assert sum(saved.name in line and "taken to be file-" in line for line in document["warnings"]) == (not known)
    text = run(*against(saved), "--metrics", "fid")
    assert text.returncode == 0 and ("unknown" in text.stdout) == (not known)
    assert text.stderr.count(f"warning: {saved}") == (not known)


def test_ours_is_read_by_numpy_and_pytorch_fid(images, against, tmp_path, pytorch_fid):  # noqa: F811
    saved = tmp_path / "ours.npz"
    done = run(images / "b", "--save-statistics", saved, "--features", images / "net.pt")
    assert done.returncode == 0, done.stderr
    mean, covariance = moments(images / "b")
    with np.load(saved) as file:
        assert sorted(file.files) == ["convention", "count", "mu", "sigma"]
        assert int(file["count"]) == 50 and str(file["convention"]).startswith("file-")
        assert file["sigma"].dtype == np.float64
    found = pytorch_fid.compute_statistics_of_path(str(saved), None, 50, WIDTH, "cpu")
    np.testing.assert_allclose(found[0], mean, rtol=1e-12)
    np.testing.assert_allclose(found[1], covariance, rtol=1e-11, atol=1e-12)
    document = evaluate(*against(saved))
    assert document["counts"] == {"generated": 40, "against": 50}
    assert fid(document) == pytest.approx(fid(evaluate(*against(images / "b"))), rel=1e-10)
    mine = moments(images / "a")
    assert fid(document) == pytest.approx(pytorch_fid.calculate_frechet_distance(*mine, *found), rel=1e-8)
    assert not any(saved.name in line for line in document["warnings"])


def test_files_without_an_extractor_against_each_other(images, tmp_path, pytorch_fid):  # noqa: F811
    for name in "ab":
        mean, covariance = moments(images / name)
        np.savez_compressed(tmp_path / f"{name}.npz", mu=mean, sigma=covariance)
    document = evaluate(tmp_path / "a.npz", "--against", tmp_path / "b.npz", "--features", images / "net.pt")
    expected = pytorch_fid.calculate_frechet_distance(*moments(images / "a"), *moments(images / "b"))
    assert fid(document) == pytest.approx(expected, rel=1e-8)
    assert document["counts"] == {"generated": None, "against": None}


def test_other_files_are_refused(images, against, tmp_path):
    saved, (mean, covariance) = tmp_path / "s.npz", moments(images / "b")

    def write(**arrays):
        np.savez_compressed(saved, **arrays)
        return against(saved)

    refused(write(mu=mean), saved, "sigma")
    refused(write(mu=mean[:6], sigma=covariance[:6, :6]), saved, "6", "12")
    refused(write(mu=mean, sigma=covariance[:6]), saved, "[6, 12]")
    refused(write(mu=mean, sigma=np.triu(covariance)), saved, "symmetric")
    refused(write(mu=mean * np.nan, sigma=covariance), saved, "NaN")
    refused(write(mu=mean.astype(">f8"), sigma=covariance), saved, "mu", ">f8")
    refused(write(mu=mean.astype(np.float16), sigma=covariance), saved, "mu", "<f2")
    refused(write(mu=mean, sigma=covariance.astype(object)), saved, "sigma", "pickled")
    refused(write(mu=np.zeros(3, [("x", "<f8")]), sigma=covariance), saved, "mu")
    refused(write(mu=np.zeros(0), sigma=np.zeros((0, 0))), saved, "mu")
    refused(write(mu=mean, sigma=covariance, convention="inception@pytorch-fid-0a1b2c3d"), saved, "0a1b2c3d", "file-")
    refused([*write(mu=mean, sigma=covariance), "--metrics", "pr"], saved, "pr")
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) // 2])
    refused(against(saved), saved)
    header = np.lib.format.magic(2, 0) + (2**31 - 1).to_bytes(4, "little") + b" " * 100
    for content in (header, b"no array", b""):
        with zipfile.ZipFile(saved, "w") as archive:
            archive.writestr("mu.npy", content)
            archive.writestr("sigma.npy", content)
        refused(against(saved), saved, "mu")
    wide = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999, 999999999), }".ljust(117) + b"\n"
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("mu.npy", np.lib.format.magic(1, 0) + (118).to_bytes(2, "little") + wide)
    refused(against(saved), saved, "mu", "1 GiB")
    refused(against(tmp_path / "none.npz"), "none.npz")
    refused([images / "a", "--save-statistics", tmp_path / "s.npy", "--features", images / "net.pt"], ".npz")
