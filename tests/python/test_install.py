"""Installing the package as a user does, and what it says when something is missing. Compiles: slow the first time."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
USE = """
import fqgan, sys, torch
output, loss, perplexity = fqgan.FeatureQuantizer(8, 16)(torch.randn(2, 8, 4, 4))
assert loss.shape == (2,)
del sys.modules["fqgan"]
import fqgan  # a second time
print(fqgan.__file__)
"""


def python(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("FQGAN_OPS", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env={**kept, **environment}, capture_output=True, text=True, cwd="/"
    )
    return done.returncode, done.stdout + done.stderr


def pip_install(source, target):
    return python("-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--target", target, source)


@pytest.mark.slow
def test_pip_install(tmp_path):
    code, text = pip_install(ROOT / "python", tmp_path / "site")
    assert code == 0, text
    code, text = python("-c", USE, PYTHONPATH=str(tmp_path / "site"))
    assert code == 0 and text.strip() == str(tmp_path / "site" / "fqgan" / "__init__.py")
    (tmp_path / "site" / "fqgan" / "_built_with.py").write_text('TORCH = "2.6.0"\n')
    code, text = python("-c", USE, PYTHONPATH=str(tmp_path / "site"))
    assert code == 1 and "ImportError: [fqgan] built with torch 2.6.0, found " in text


def test_pip_install_without_the_repository(tmp_path):
    shutil.copytree(ROOT / "python", tmp_path / "copy" / "python")
    code, text = pip_install(tmp_path / "copy" / "python", tmp_path / "site")
    assert code != 0 and "[fqgan] expected the repository around " in text


def test_library_that_is_named():
    code, text = python("-c", USE, PYTHONPATH=str(ROOT / "python"), FQGAN_OPS=os.environ["FQGAN_OPS"])
    assert code == 0, text


def test_library_that_another_has_loaded():
    load = f"import torch; torch.ops.load_library({os.environ['FQGAN_OPS']!r})"
    code, text = python("-c", load + USE, PYTHONPATH=str(ROOT / "python"))
    assert code == 0, text


def test_library_that_is_missing(tmp_path):
    code, text = python("-c", USE, PYTHONPATH=str(ROOT / "python"))
    assert code == 1 and "ImportError: [fqgan] expected libfqgan_ops.so in " in text and "Hint: " in text
    (tmp_path / "broken.so").write_text("no library")
    code, text = python("-c", USE, PYTHONPATH=str(ROOT / "python"), FQGAN_OPS=str(tmp_path / "broken.so"))
    assert code == 1 and f"ImportError: [fqgan] {tmp_path}/broken.so does not load: " in text
