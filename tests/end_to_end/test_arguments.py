"""What is typed wrong: the answer names the flag, what was expected, what came, and the command as it was called."""

import os
import shutil
import subprocess

import pytest
import torch
from safetensors.torch import save_file

from conftest import PROGRAM, one_line_error, run


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ([], ["command", "--help"]),
        (["--hlep"], ["'--hlep'", "'--help'"]),
        (["help"], ["'help'", "--help"]),
        (["help", "train"], ["train --help"]),
        (["version"], ["--version"]),
        (["-q", "trian"], ["'trian'", "'train'"]),
        (["train", "r.toml", "--device", "cuda"], ["'--device'", "--set device=cuda"]),
        (["train", "r.toml", "--device=cuda"], ["'--device'", "--set device=cuda"]),
        (["train", "r.toml", "--threads", "2"], ["--set threads=2"]),
        (["train", "r.toml", "--batch", "32"], ["--set model.batch=32"]),
        (["train", "r.toml", "--iterations", "32"], ["--set training.iterations=32"]),
        (["train", "r.toml", "--dryrun"], ["'--dryrun'", "'--dry-run'"]),
        (["train", "r.toml", "more"], ["'more'"]),
        (["train"], ["recipe", "--resume"]),
        (["train", "r.toml", "--resume", "x"], ["recipe", "--resume", "both"]),
        (["sample", "x"], ["--out"]),
        (["sample", "x", "--out"], ["--out"]),
        (["sample", "x", "--out", "--force"], ["--out", "'--force'"]),
        (["sample", "x", "--out", "a", "--out", "b"], ["--out", "once"]),
        (["sample", "x", "--out", "a", "--count", "0"], ["--count", "from 1 to", "'0'"]),
        (["sample", "x", "--out", "a", "--count", "-1"], ["--count", "'-1'"]),
        (["sample", "x", "--out", "a", "--count", "2.5"], ["--count", "whole number", "'2.5'"]),
        (["sample", "x", "--out", "a", "--count", "9" * 400], ["--count", "from 1 to"]),
        (["sample", "x", "--out", "a", "--columns", "0"], ["--columns", "from 1 to"]),
        (["sample", "x", "--out", "a", "--columns", "3"], ["--columns", ".png"]),
        (["sample", "x", "--out", "a", "--seed", "-1"], ["--seed", "from 0 to", "'-1'"]),
        (["sample", "x", "--out", "a", "--seed", "18446744073709551615"], ["--seed", "from 0 to"]),
        (["sample", "x", "--out", "a", "--threads", "0"], ["--threads", "from 1 to 1024"]),
        (["sample", "x", "--out", "a", "--truncation", "inf"], ["--truncation", "from 0 to 10", "'inf'"]),
        (["sample", "x", "--out", "a", "--precision", "float23"], ["--precision", "'float32'"]),
        (["evaluate", "x", "--count", "0"], ["--count", "from 1 to"]),
        (["evaluate", "x", "--seed", "-1"], ["--seed", "from 0 to"]),
        (["export", "x", "--out", "a.pt", "--truncation", "nan"], ["--truncation", "'nan'"]),
        (["export", "x", "--out", "a.pt", "--raw", "--weights-only"], ["--raw", "--weights-only", "both"]),
        (["profile", "r.toml", "--classes", "-1"], ["--classes", "from 0 to"]),
        (["profile", "r.toml", "--rows", "0"], ["--rows", "from 1 to"]),
        (["sweep", "s.toml", "--minutes", "nan"], ["--minutes", "'nan'"]),
        (["sweep", "s.toml", "--minutes", "0"], ["--minutes", "from 0.0001"]),
        (["classify", "a"], ["classify RUN IMAGES"]),
        (["score", "a", "b", "--force"], ["--force"]),
        (["inspect", "a", "--force"], ["--force"]),
        (["options", "biggan", "--json", "--toml"], ["--json", "--toml", "both"]),
        (["profile", "r.toml", "--json", "--rows", "3"], ["--json", "--rows", "both"]),
        (["profile", "r.toml", "--data", "d", "--classes", "3"], ["--data", "--classes", "both"]),
        (["profile", "r.toml", "--steps-only", "--rows", "3"], ["--steps-only", "--rows", "both"]),
        (["-q", "-v", "options", "biggan"], ["--quiet", "--verbose", "both"]),
    ],
)
def test_wrong_arguments(arguments, parts):
    error = one_line_error(run(*arguments), *parts)
    assert len(error) < 300


def test_options_that_would_have_no_effect(trained, tmp_path):
    one_line_error(run("profile", trained / "recipe.toml", "--classes", "3"), "--classes", "data.path")
    latents = tmp_path / "latents.safetensors"
    sample = ["sample", trained, "--latents", latents, "--out", tmp_path / "x.png"]
    save_file({"z": torch.zeros(3, 8), "y": torch.zeros(3, dtype=torch.int64)}, latents)
    one_line_error(run(*sample, "--seed", 5), "--seed", "latents")
    assert run(*sample).returncode == 0
    save_file({"z": torch.zeros(3, 8)}, latents)  # the classes are drawn
    assert run(*sample, "--seed", 5, "--force").returncode == 0


def test_an_argument_that_is_no_utf8():
    done = subprocess.run([os.fsencode(PROGRAM), b"inspect", b"caf\xe9"], capture_output=True)
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1 and "'caf\N{REPLACEMENT CHARACTER}'" in done.stderr.decode()


def test_a_line_break_in_a_path_stays_in_the_line(tmp_path):
    error = one_line_error(run("inspect", tmp_path / "a\nb"), "a\\nb")
    assert "no such file" in error


def test_home_is_expanded_where_the_shell_does_not(tiny, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tiny[1], home / "images")
    environment = {**os.environ, "HOME": str(home)}
    for arguments in (["--data=~/images"], ["--set", "data.path=~/images"], ["--data", "~/images"]):
        done = run("train", tiny[0], "--dry-run", *arguments, env=environment)
        assert done.returncode == 0, done.stderr
    recipe = home / "home.toml"
    recipe.write_text('extends = "~/base.toml"\n[data]\npath = "~/images"\n')
    shutil.copy(tiny[0], home / "base.toml")
    assert run("train", "~/home.toml", "--out=~/run", env=environment).returncode == 0
    assert (home / "run" / "recipe.toml").read_text().count("~") == 0
    assert not (tmp_path / "~").exists()


def test_hints_name_the_program_as_it_was_called(tiny, tmp_path):
    folder = tmp_path / "a run's folder"
    assert run("train", tiny[0], "--out", folder, "--set", "training.iterations=1").returncode == 0
    link = tmp_path / "my fqgan"
    link.symlink_to(PROGRAM)
    refused = subprocess.run([str(link), "train", str(tiny[0]), "--out", str(folder)], capture_output=True, text=True)
    command = one_line_error(refused).split("Hint: ")[1].split(", or choose")[0]
    assert command.startswith(f"'{link}' train --resume ")
    again = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    by_name = subprocess.run(["bash", "-c", "fqgan sample x"], capture_output=True, text=True, env=environment)
    assert "Hint: fqgan sample --help" in by_name.stderr


def test_the_hint_for_a_missing_device_fits_the_command(tiny):
    done = run("train", tiny[0], "--dry-run", "--set", "device=cuda:99")
    one_line_error(done, "cuda:99", "--set device=cpu")


def test_threads_follow_the_variable_of_openmp(tiny):
    def threads(value, *arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": value}
        recipe = tiny[0].with_name("own.toml")
        recipe.write_text(tiny[0].read_text().replace("threads = 2\n", ""))
        done = run("train", recipe, "--dry-run", *arguments, env=environment)
        return done.stderr.split(" with ")[1].split(" thread")[0]

    assert threads("3") == "3"
    assert threads("3,2") == "3"
    assert threads("3", "--set", "threads=1") == "1"
    assert threads("three") == threads("")
