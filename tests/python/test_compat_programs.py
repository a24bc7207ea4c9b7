"""python -m fqgan.compat.fidelity and fqgan.compat.pytorch_fid: their flags, refusals and output. What they compute is
compared with the tools themselves in tests/parity/test_fidelity.py."""

import importlib.util
import json
import pathlib
import re
import sys

import numpy as np
import pytest

from fqgan import _tool
from fqgan.compat import _images, fidelity, pytorch_fid

FOUND = {"inception_score_mean": 1.5, "frechet_inception_distance": 12.3456789012345}


@pytest.fixture
def folders(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            image.new("RGB", (8, 8), (80 * i, 0, 0)).save(tmp_path / name / f"{i}.png")
    return [str(tmp_path / "a"), str(tmp_path / "b")]


@pytest.fixture
def called(monkeypatch):
    """The arguments of fqgan evaluate, which is not run."""
    calls = []

    def evaluate(arguments, flags, silent=False):
        calls.append(list(map(str, arguments)))
        return FOUND if "--json=torch-fidelity" in arguments else {"metrics": {"fid/inception": 12.3456789012345}}

    monkeypatch.setattr(_images, "evaluate", evaluate)
    return calls


@pytest.fixture
def many_images(monkeypatch):
    """Folders count as large enough for every setting."""
    monkeypatch.setattr(_images, "check_folder", lambda *_: 5000)


def value_of(call, flag):
    return call[call.index(flag) + 1]


def settings(call):
    return {call[i + 1] for i, word in enumerate(call) if word == "--set"}


def refused(capsys, module, arguments, *parts):
    with pytest.raises(SystemExit) as ending, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["program", *map(str, arguments)])
        _tool.run(module.main)
    said = capsys.readouterr()
    assert ending.value.code == 2 and said.out == "", said
    assert said.err.startswith("error: [") and said.err.count("\n") == 1, said.err
    for part in parts:
        assert str(part) in said.err, said.err


def flags_of(package, file):
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    text = (pathlib.Path(spec.origin).parent / file).read_text()
    calls = re.findall(r"add_argument\(([^)]*)", text)
    return {flag for call in calls for flag in re.findall(r"['\"](--?[a-z][\w-]*)['\"]", call)}


def test_every_flag_of_the_tools_is_known():
    for module, package, file in (
        (fidelity, "torch_fidelity", "fidelity.py"),
        (pytorch_fid, "pytorch_fid", "fid_score.py"),
    ):
        theirs = flags_of(package, file)
        ours = {flag for action in module.make_parser()._actions for flag in action.option_strings}
        assert len(theirs) > 4 and theirs <= ours, theirs - ours


def test_the_defaults_of_torch_fidelity(folders, called, many_images, capsys, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    a, b = folders
    fidelity.main(["--input1", a, "--input2", b, "-i", "-f", "-k", "--json", "-b", "7", "--no-cache", "--save-cpu-ram"])
    (call,) = called
    assert call[:3] == [a, "--against", b]
    assert value_of(call, "--metrics") == "is,fid,kid" and value_of(call, "--features") == "inception"
    assert value_of(call, "--convention") == "torch-fidelity" and value_of(call, "--device") == "cpu"
    assert settings(call) == {
        *("kid.subsets=100", "kid.subset_size=1000", "kid.seed=2020", "inception_score.splits=10"),
        *("inception_score.seed=2020", "inception_score.shuffle=true"),
    }
    assert capsys.readouterr().out == json.dumps(FOUND, indent=4) + "\n"


def test_other_values(folders, called, many_images, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    a, b = folders
    options = ["--feature-extractor", "inception-v3-compat", "--feature-layer-fid", "64", "--feature-layer-kid", "64"]
    options += ["--feature-layer-prc", "64", "--kid-subset-size", "9", "--kid-subsets=4", "--rng-seed", "5"]
    options += ["--feature-extractor-weights-path", "w.safetensors", "--kid-kernel-poly-coef0", "1.0"]
    fidelity.main(["--input1", a, "--input2", b, "-f", "-k", "-r", *options])
    (call,) = called
    assert value_of(call, "--metrics") == "fid,kid,pr" and value_of(call, "--features") == "inception-64"
    assert value_of(call, "--weights") == "w.safetensors" and value_of(call, "--device") == "cuda"
    assert settings(call) == {"kid.subsets=4", "kid.subset_size=9", "kid.seed=5"}
    assert capsys.readouterr().out == "inception_score_mean: 1.5\nfrechet_inception_distance: 12.34568\n"
    fidelity.main(["--input1", a, "--isc", "--cpu", "--no-samples-shuffle", "--isc-splits", "2"])
    assert called[1][0] == a and "--against" not in called[1] and value_of(called[1], "--device") == "cpu"
    assert "inception_score.shuffle=false" in settings(called[1])
    fidelity.main(["--input1", a, "--isc", "--gpu", "1"])
    assert value_of(called[2], "--device") == "cuda"


@pytest.mark.parametrize(
    "flags, parts",
    [
        (["-f", "--ppl"], ["--ppl"]),
        (["-r"], ["--prc", "vgg16", "inception-v3-compat"]),
        (["-f", "--feature-extractor", "vgg16"], ["--feature-extractor", "vgg16", "inception-v3-compat"]),
        (["-k", "--kid-kernel", "rbf"], ["--kid-kernel", "rbf"]),
        (["-k", "--kid-kernel-poly-gamma", "0.1"], ["--kid-kernel-poly-gamma", "0.1"]),
        (["-k", "--kid-kernel-poly-degree", "two"], ["--kid-kernel-poly-degree", "two"]),
        (["-f", "--input2-model-num-samples", "5"], ["--input2-model-num-samples"]),
        (["-f", "--feature-extractor-internal-dtype", "float64"], ["float64"]),
        (["-f", "-k", "--feature-layer-fid", "64"], ["--feature-layer", "64 for fid", "2048 for kid"]),
        (["-f", "-i", "--feature-layer-fid", "64"], ["--feature-layer", "2048 for isc"]),
        (["-f", "--feature-extractor-weights-path", "x.pth"], ["x.pth", "fqgan.pretrained"]),
        (["-f", "--feature-layer-fid", "3"], ["--feature-layer-fid"]),
        (["-f", "--speed"], ["--speed"]),
        (["-f", "-g", "0", "-c"], ["-c"]),
        ([], ["--fid"]),
    ],
)
def test_what_fqgan_cannot_honour_is_refused(folders, called, capsys, flags, parts):
    refused(capsys, fidelity, ["--input1", folders[0], "--input2", folders[1], *flags], *parts)
    assert not called


def test_too_few_images_name_the_flag(folders, called, capsys):
    sides = ["--input1", folders[0], "--input2", folders[1]]
    refused(capsys, fidelity, [*sides, "--kid"], "--kid-subset-size", "3", "1000")
    refused(capsys, fidelity, [*sides, "--isc"], "--isc-splits", "3", "10")
    assert not called


def test_folders_that_the_tools_read_otherwise_are_refused(folders, called, capsys):
    a, b = map(pathlib.Path, folders)
    run = ["--input1", a, "--input2", b, "-f"]
    refused(capsys, fidelity, run[:2] + ["-f"], "--input2")
    refused(capsys, fidelity, run[2:], "--input1")
    refused(capsys, fidelity, ["--input1", a, "--input2", "cifar10-train", "-f"], "--input2 cifar10-train")
    refused(capsys, fidelity, ["--input1", a / "0.png", "--input2", b, "-f"], "--input1", "a file")
    for name, module, arguments in (
        ("x.webp", fidelity, run),
        (".hidden.png", fidelity, run),
        ("x.bmp", pytorch_fid, [a, b]),
        ("X.PNG", pytorch_fid, [a, b]),
    ):
        (b / name).write_bytes((b / "0.png").read_bytes())
        refused(capsys, module, arguments, name)
        (b / name).unlink()
    (b / "more").mkdir()
    (b / "more" / "0.png").write_bytes((b / "0.png").read_bytes())
    (b / "notes.txt").write_text("")
    refused(capsys, fidelity, run, "more/0.png")
    refused(capsys, pytorch_fid, [a, b], "more/0.png")
    assert not called
    refused(capsys, fidelity, [*run, "--samples-find-deep"], b)  # images beside folders of images
    for i in range(3):
        (b / f"{i}.png").unlink()
    fidelity.main([*map(str, run), "--samples-find-deep"])
    capsys.readouterr()
    for name in ("train", "test"):
        (b / name).mkdir()
        (b / name / "0.png").write_bytes((a / "0.png").read_bytes())
    (b / "more" / "0.png").unlink()
    (b / "more").rmdir()
    refused(capsys, fidelity, [*run, "--samples-find-deep"], "2 images", "fqgan reads 1")


def test_pytorch_fid(folders, called, capsys, tmp_path):
    a, b = folders
    pytorch_fid.main([a, b, "--batch-size", "2", "--num-workers", "1"])
    assert capsys.readouterr().out == "FID:  12.3456789012345\n"
    assert called[0][:5] == [a, "--against", b, "--metrics", "fid"]
    assert value_of(called[0], "--features") == "inception" and value_of(called[0], "--convention") == "pytorch-fid"
    np.savez(tmp_path / "s.npz", mu=np.zeros(2), sigma=np.eye(2))
    pytorch_fid.main([str(tmp_path / "s.npz"), b, "--dims", "192", "--device", "cuda:1", "--weights", "w.safetensors"])
    assert value_of(called[1], "--features") == "inception-192" and value_of(called[1], "--device") == "cuda:1"
    assert value_of(called[1], "--weights") == "w.safetensors"
    pytorch_fid.main([str(tmp_path / "s.npz"), str(tmp_path / "s.npz")])  # needs no network
    assert not {"--features", "--convention"} & set(called.pop())
    capsys.readouterr()
    pytorch_fid.main(["--save-stats", a, str(tmp_path / "out")])
    assert value_of(called[2], "--save-statistics") == str(tmp_path / "out.npz") and "--against" not in called[2]
    assert capsys.readouterr().out == f"Saving statistics for {a}\n"
    refused(capsys, pytorch_fid, [a, tmp_path / "none.npz"], "none.npz")
    refused(capsys, pytorch_fid, [a, b, "--dims", "100"], "100")
    refused(capsys, pytorch_fid, [a], "path")


def test_the_message_and_the_code_of_fqgan_evaluate_remain(folders, capfd):
    with pytest.raises(SystemExit) as ending:
        _images.evaluate([folders[0], "--against", folders[1], "--features", "nowhere.pt"], silent=True)
    said = capfd.readouterr().err
    assert ending.value.code == 2 and said.startswith("error: [") and "nowhere.pt" in said and said.count("\n") == 1


def test_only_warnings_are_printed_and_errors_name_the_flags_of_the_tool(folders, tmp_path, capfd):
    np.savez(tmp_path / "s.npz", mu=np.zeros(3), sigma=np.eye(3))
    pytorch_fid.main([str(tmp_path / "s.npz")] * 2)
    said = capfd.readouterr().err
    assert said and all(line.startswith("warning: ") for line in said.splitlines())
    with pytest.raises(SystemExit):
        pytorch_fid.main(["--save-stats", folders[0], str(tmp_path / "s.npz")])
    said = capfd.readouterr().err
    assert "--save-stats" in said and "--save-statistics" not in said and "--force" not in said, said
    (tmp_path / "w.safetensors").write_bytes(b"nothing")
    weights = ["--feature-extractor-weights-path", str(tmp_path / "w.safetensors")]
    with pytest.raises(SystemExit):
        fidelity.main(["--input1", folders[0], "--isc", "--isc-splits", "3", *weights])
    said = capfd.readouterr().err
    assert said.startswith("error: ") and "--weights" not in said and said.count("\n") == 1, said
