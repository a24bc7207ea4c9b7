"""Finds and loads libfqgan_ops.so, which registers torch.ops.fqgan.

It looks in this folder, where pip installs the library, and then at the path in $FQGAN_OPS. If the extension
fqgan._core was built (the program's library in this process), it is in the same folder.
"""

import importlib.util
import os
import pathlib
import sys
import sysconfig

import torch

NAME = "libfqgan_ops.so"


def is_loaded():
    return hasattr(torch.ops.fqgan, "nearest_code")


def check_torch():
    """Raises if torch is not the version of the build: with another one the library may load and then crash."""
    try:
        from fqgan._built_with import TORCH
    except ImportError:
        return
    if torch.__version__.split("+")[0] != TORCH:
        raise ImportError(
            f"[fqgan] built with torch {TORCH}, found {torch.__version__}. Hint: in the repository,"
            " pip install --force-reinstall --no-deps --no-build-isolation ./python"
        )


def find():
    installed = pathlib.Path(__file__).resolve().parent / NAME
    if installed.is_file():
        check_torch()
        return installed
    named = os.environ.get("FQGAN_OPS", "")
    if named and pathlib.Path(named).is_file():
        return pathlib.Path(named)
    raise ImportError(
        f"[fqgan] expected {NAME} in {installed.parent}, or its path in FQGAN_OPS, got FQGAN_OPS='{named}'. Hint: in"
        " the repository, pip install --no-build-isolation ./python, or ninja -C build/release fqgan_ops and"
        f" FQGAN_OPS=build/release/{NAME}"
    )


def load():
    """Loads the operators. Does nothing if this package or another user of the library has registered them already."""
    if is_loaded():
        return
    path = find()
    try:
        torch.ops.load_library(str(path))
    except OSError as error:
        raise ImportError(
            f"[fqgan] {path} does not load: {error}. Hint: it must be built with the torch that is running"
            f" ({torch.__version__}); pip install --no-build-isolation ./python"
        ) from error


def load_core():
    """Returns the extension module. Errors: ImportError if it was not built."""
    name = "_core" + sysconfig.get_config_var("EXT_SUFFIX")
    path = find().resolve().parent / name
    if not path.is_file():
        raise ImportError(f"[fqgan] expected {name} in {path.parent}. Hint: ninja -C build/release fqgan_core")
    spec = importlib.util.spec_from_file_location("fqgan._core", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["fqgan._core"] = module
    return module
