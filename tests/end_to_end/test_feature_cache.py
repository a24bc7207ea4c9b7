"""Features of data sets are computed once: by evaluations, by trainings, by two processes at the same time."""

import os
import shutil
import subprocess

import pytest
from conftest import PROGRAM, run, write_class_folders


@pytest.fixture
def folders(tmp_path):
    """Two folders of images, a TorchScript file with features, and an empty cache."""
    torch = pytest.importorskip("torch")

    class Features(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.adaptive_avg_pool2d(x.float(), 2).flatten(1)

    network = tmp_path / "features.pt"
    torch.jit.script(Features()).save(str(network))
    write_class_folders(tmp_path / "a", ["x", "y", "z"], images=10)
    write_class_folders(tmp_path / "b", ["y", "z", "x"], images=10)
    environment = {**os.environ, "FQGAN_CACHE": str(tmp_path / "cache")}
    return tmp_path, network, environment


def evaluate(folders, *more):
    folder, network, environment = folders
    return run("-v", "evaluate", folder / "a", "--against", folder / "b", "--features", network, "--metrics", "fid,pr",
               *more, env=environment)


def kept(folders):
    return sorted((folders[0] / "cache" / "measured").glob("*.safetensors"))


def test_the_second_evaluation_opens_no_image(folders):
    first = evaluate(folders)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("are kept in") == 2
    assert len(kept(folders)) == 2
    assert not list((folders[0] / "cache" / "measured").glob("*.lock"))
    second = evaluate(folders)
    assert second.stdout == first.stdout
    for side in ("a", "b"):
        assert f"features of {folders[0] / side}: kept from before" in second.stderr
    assert "they are of 30 images" in second.stderr
    assert "are kept in" not in second.stderr


def test_a_cache_that_cannot_be_written_is_said(folders):
    folder, network, _ = folders
    done = evaluate((folder, network, {**os.environ, "FQGAN_CACHE": str(network / "cache")}))  # in a file
    assert done.returncode == 0 and done.stderr.count("features are not kept") == 1, done.stderr


def test_a_damaged_file_is_one_warning(folders):
    first = evaluate(folders)
    for file in kept(folders):
        file.write_bytes(b"damaged")
    second = evaluate(folders)
    assert second.stdout == first.stdout
    about = [line for line in second.stderr.splitlines() if "measured again" in line]
    assert len(about) == 2 and all(line.startswith("warning: [") for line in about), second.stderr
    assert not [line for line in second.stderr.splitlines() if line.startswith(f"[{folders[0]}")], second.stderr


def test_changed_images_are_measured_again(folders):
    first = evaluate(folders)
    images = sorted((folders[0] / "b").rglob("*.png"))
    shutil.copy(images[0], images[0].with_name("one-more.png"))
    second = evaluate(folders)
    assert second.returncode == 0, second.stderr
    assert second.stdout != first.stdout
    assert len(kept(folders)) == 3


def test_other_options_of_the_images_are_measured_again(folders):
    evaluate(folders)
    done = evaluate(folders, "--set", "data.resolution=16")
    assert done.returncode == 0, done.stderr
    assert len(kept(folders)) == 4


def test_two_processes_measure_once(folders):
    folder, network, environment = folders
    command = [str(PROGRAM), "-v", "evaluate", folder / "a", "--against", folder / "b", "--features", network]
    command = list(map(str, [*command, "--metrics", "fid,pr"]))
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
            for _ in range(2)]
    results = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert sum(stderr.count("are kept in") for _, stderr in results) == 2


def test_a_cache_that_cannot_be_written_to_is_not_needed(folders):
    folder, network, environment = folders
    (folder / "file").write_text("")
    environment = {**environment, "FQGAN_CACHE": str(folder / "file")}
    done = run("evaluate", folder / "a", "--against", folder / "b", "--features", network, "--metrics", "fid",
               env=environment)
    assert done.returncode == 0, done.stderr
