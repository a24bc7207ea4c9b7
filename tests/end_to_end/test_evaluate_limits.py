"""fqgan evaluate refuses what cannot be measured before it measures anything, and says so in one line."""

import pytest

from conftest import one_line_error, run, write_class_folders, write_idx
from test_evaluate import scripted


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FQGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_idx(tmp_path_factory.mktemp("images") / "data")


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return scripted(tmp_path_factory.mktemp("net"), "return x.float().flatten(1)")


def refused(*arguments):
    """The error line of a run that ends before anything is measured."""
    process = run("evaluate", *arguments)
    line = one_line_error(process)
    assert "features:" not in process.stderr, process.stderr
    return line


def test_too_few_images(data, net, tmp_path):
    one, training = write_idx(tmp_path / "one", images=1), write_idx(tmp_path / "training", images=50)
    for metric, fewest in {"fid": 2, "pr": 4, "prdc": 6, "fid_infinity": 20, "is": 10, "c_t": 21}.items():
        arguments = [one, "--against", data, "--features", net, "--metrics", metric]
        line = refused(*arguments, *(["--training", training] if metric == "c_t" else []))
        assert f"[{one}]" in line and f" {fewest} " in line and metric in line
    for metric in ("auth", "copied"):
        line = refused(data, "--against", data, "--features", net, "--metrics", metric, "--training", one)
        assert f"[{one}]" in line and metric in line


def test_a_class_of_one_image(net, tmp_path):
    images = write_class_folders(tmp_path / "images", ["zero", "one"], images=6)
    for image in sorted((images / "one").iterdir())[1:]:
        image.unlink()
    line = refused(images, "--against", images, "--features", net, "--metrics", "intra_fid")
    assert "'one'" in line and str(images) in line


def test_a_metric_that_the_convention_lacks(data):
    """Before weights are looked for, of which there are none here."""
    arguments = [data, "--against", data, "--features", "inception", "--convention", "pytorch-fid"]
    line = refused(*arguments, "--metrics", "kid")
    assert "pytorch-fid" in line and "kid" in line and "weights" not in line


def test_files_that_hold_no_weights(data, tmp_path):
    file = tmp_path / "text.safetensors"
    for text in ("", "a text and no safetensors file"):
        file.write_text(text)
        for network in ("inception", "efficientnet-lite0"):
            line = refused(data, "--against", data, "--features", network, "--weights", file)
            assert f"[{file}]" in line and f"python -m fqgan.pretrained {network}" in line and "checkpoint" not in line
        line = refused(data, "--against", data, "--features", file)
        assert f"[{file}]" in line and "classifier" in line and "checkpoint" not in line


def test_no_classifier_is_trained_for_what_cannot_be_measured(data, tmp_path):
    for metrics in ("kid", "fid,fid_infinity"):
        process = run("evaluate", write_idx(tmp_path / "few", images=9), "--against", data, "--metrics", metrics)
        one_line_error(process, metrics.split(",")[-1])
        assert "training a classifier" not in process.stderr
