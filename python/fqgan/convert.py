"""python -m fqgan.convert G.pth G.safetensors [D.pth D.safetensors ...]: converts weights for `fqgan import`.

A .pth file is a pickle, and loading a pickle can run code. Here no code runs: files are read with PyTorch's
`weights_only`, which accepts only tensors and plain containers. Names remain as they are, except that the "module."
that DataParallel puts in front of all names is removed.
"""

import pathlib
import re
import warnings

import torch

from fqgan import _tool
from fqgan._tool import UserError

PARALLEL = "module."


def read_state_dict(path):
    """Returns {name: tensor}."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(path, f"expected a file that can be read, got: {error.strerror or error}") from error
    except Exception as error:  # a foreign file fails in every way that a pickle or a zip can
        foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
        if foreign:
            problem = (
                f"found '{foreign[1]}', which would be executed. Hint: save it as torch.save(module.state_dict(), path)"
            )
        else:
            problem = (
                "found a file that torch.load cannot read without executing what is in it; is it damaged, or no .pth?"
            )
        raise UserError(path, f"expected tensors only, {problem}") from error
    if not isinstance(state, dict) or not state:
        raise UserError(path, f"expected a state dict (names and their tensors), found {describe(state)}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise UserError(path, f"expected a state dict, found {describe(value)} under {name!r}. Hint: is it G.pth?")
    return state


def describe(value):
    return f"an empty {type(value).__name__}" if value == {} else f"a value of type {type(value).__name__}"


def converted(state):
    """Returns the same tensors, each contiguous and in its own memory; without "module." if all names have it."""
    cut = len(PARALLEL) if all(name.startswith(PARALLEL) for name in state) else 0
    return {name[cut:]: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}


def convert(source, target):
    """Converts one file. Returns the number of tensors."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError as error:
        raise _tool.missing_package(target, error) from error
    tensors = converted(read_state_dict(source))
    with _tool.whole_file(target) as partial:
        try:
            save_file(tensors, partial)
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise UserError(target, f"expected tensors of a usual type and a disk with room, got: {error}") from error
    return len(tensors)


def main(argv):
    parser = _tool.Parser(prog="python -m fqgan.convert", description="turn .pth state dicts into safetensors")
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="G.pth G.safetensors")
    files = parser.parse_args(argv).files
    pairs = list(zip(files[::2], files[1::2]))
    if len(files) % 2:
        parser.error(f"expected pairs of a .pth and a .safetensors file, got {len(files)} names")
    for source, target in pairs:
        if target.suffix != ".safetensors":
            raise UserError(target, "expected a name that ends in .safetensors")
    for source, target in pairs:
        print(f"wrote {target}: {convert(source, target)} tensors of {source}")


if __name__ == "__main__":
    _tool.run(main)
