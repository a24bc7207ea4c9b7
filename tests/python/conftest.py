"""The package as it stands in python/, with the operators of the build that is under test."""

import os
import pathlib
import sys

import pytest
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(11)
