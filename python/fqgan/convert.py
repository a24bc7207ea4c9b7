"""python -m fqgan.convert G.pth G.safetensors [network.pkl FOLDER ...]: converts weights for `fqgan import`.

A .pth file is a pickle, and loading a pickle can run code. Here no code runs: files are read with PyTorch's
`weights_only`, which accepts only tensors and plain containers. A file may be a state dict, or a checkpoint that
contains one under any name ("state_dict", "model", "netG", ...); --key chooses one of several. Names remain as they
are, except that "module." (DataParallel) and "_orig_mod." (torch.compile) in front of all names are removed.

A .pkl file is a network pickle of stylegan2-ada-pytorch or stylegan3 (_network_pickle.py). Its networks are written
into a folder, as G.safetensors, G_ema.safetensors and D.safetensors.
"""

import argparse
import pathlib
import re
import warnings
import zipfile

import numpy
import torch

from fqgan import _network_pickle, _tool
from fqgan._tool import UserError

WRAPPERS = ("module.", "_orig_mod.")
# What trainers save beside their weights: a record of options, and NumPy's numbers under their old and new names.
NUMBERS = [(numpy.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
HARMLESS = [argparse.Namespace, numpy.dtype, *NUMBERS]
HARMLESS += [type(numpy.dtype(kind)) for kind in ("float32", "float64", "int32", "int64", "bool")]
FORMATS = "a file of torch.save (.pth, .pt, .ckpt)"
MOST_NESTED = 100
HINT = "Hint: BigGAN-PyTorch saves the weights as G.pth, G_ema.pth and D.pth"


def read(path):
    """Returns what torch.save wrote."""
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(path, f"expected a file that can be read, got: {error.strerror or error}") from error
    if start[8:] == b"{":
        raise UserError(path, "expected a .pth file, found a safetensors file. Hint: give it to fqgan import as it is")
    if not start.startswith((b"PK", b"\x80")):  # a zip, or a pickle of protocol 2 or newer
        raise UserError(path, f"expected {FORMATS}, found " + ("another kind of file" if start else "an empty file"))
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(HARMLESS):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file fails in every way that a pickle or a zip can
        raise UserError(path, f"expected {FORMATS} with tensors only, {problem_of(path, error)}") from error


def problem_of(path, error):
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if foreign:
        return f"found '{foreign[1]}', which would be executed. Hint: save it as torch.save(module.state_dict(), path)"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [pathlib.PurePosixPath(name) for name in archive.namelist()]
        if any(len(name.parts) > 1 and name.parts[1] == "code" for name in names):
            return "found a TorchScript file. Hint: torch.save(torch.jit.load(path).state_dict(), other)"
        if not any(name.name == "data.pkl" for name in names):
            return "found another kind of zip"
    return "found a file that torch.load cannot read without executing what is in it; is it damaged, or no .pth?"


def is_tensor(value):
    """Whether this is a dense tensor with values; one on PyTorch's device "meta" has none."""
    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_meta


def is_state_dict(value):
    """Whether this is names and their tensors."""
    return isinstance(value, dict) and value and all(isinstance(k, str) and is_tensor(v) for k, v in value.items())


def state_dicts(value, path="", around=()):
    """Returns {name: state dict} of all state dicts in nested dictionaries; one that is not nested has the name "".

    around: the dictionaries that contain this one. A pickle can put a dictionary into itself.
    """
    if is_state_dict(value):
        return {path: value}
    found = {}
    if any(value is outer for outer in around) or len(around) > MOST_NESTED:
        return found
    if isinstance(value, dict) and not any(isinstance(entry, torch.Tensor) for entry in value.values()):
        for key, entry in value.items():
            if isinstance(key, str) and "optim" not in key.lower():
                found |= state_dicts(entry, f"{path}.{key}" if path else key, (*around, value))
    return found


def parts_of(state):
    """Returns {first part of a name: the tensors under it, without this part}."""
    parts = {}
    for name, tensor in state.items():
        first, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(first, {})[rest] = tensor
    return parts


def read_state_dict(path, key=None):
    """Returns {name: tensor}. key: the name of the state dict in the file, or what its names begin with."""
    content = read(path)
    found = {name: without_wrappers(state) for name, state in state_dicts(content).items()}
    if not found:
        raise UserError(path, f"expected a state dict (names and their tensors), {what_else(content)}")
    if key is not None:
        named = {name: state for name, state in found.items() if key in (name, name.rpartition(".")[2])}
        if not named and len(found) == 1:
            named = {key: part for name, part in parts_of(*found.values()).items() if name == key}
        if len(named) != 1:
            known = listed(found if len(found) > 1 else parts_of(*found.values()))
            raise UserError(path, f"expected one state dict under --key {key}, found {len(named)}; there are: {known}")
        found = named
    if len(found) > 1:
        first = next(iter(found))
        raise UserError(path, f"expected one state dict, found {len(found)}: {listed(found)}. Hint: --key {first}")
    return next(iter(found.values()))


def listed(names, most=8):
    names = [repr(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def what_else(content):
    """Says why there is no state dict in the file."""
    if not isinstance(content, dict) or not content:
        return f"found {describe(content)}"
    if any(isinstance(value, torch.Tensor) for value in content.values()):
        name = next(name for name, value in content.items() if not isinstance(name, str) or not is_tensor(value))
        return f"found {describe(content[name])} under {name!r} among the tensors. {HINT}"
    return f"found none in a dictionary of {listed(content)}. {HINT}"


def describe(value):
    if isinstance(value, torch.Tensor) and value.is_meta:
        return "a tensor without values (device 'meta')"
    return f"an empty {type(value).__name__}" if value == {} else f"a value of type {type(value).__name__}"


def without_wrappers(state):
    """Returns the state without the "module." and "_orig_mod." that all names begin with."""
    for wrapper in WRAPPERS * 2:
        if all(name.startswith(wrapper) for name in state):
            state = {name[len(wrapper) :]: tensor for name, tensor in state.items()}
    return state


def write(target, state, metadata=None):
    """Writes a safetensors file of these tensors."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError as error:
        raise _tool.missing_package(target, error) from error
    # Each contiguous and in its own memory.
    tensors = {name: x.detach().clone(memory_format=torch.contiguous_format) for name, x in state.items()}
    with _tool.whole_file(target) as partial:
        try:
            save_file(tensors, partial, metadata)
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise UserError(target, f"expected tensors of a usual type and a disk with room, got: {error}") from error


def convert(source, target, key=None):
    """Converts one .pth file. Returns the number of tensors."""
    state = read_state_dict(source, key)
    write(target, state)
    return len(state)


def convert_networks(source, folder):
    """Converts one .pkl file. Returns {file: number of tensors}."""
    networks = _network_pickle.read(source)
    made = {file_of(folder, name): network for name, network in networks.items()}
    folder.mkdir(exist_ok=True)
    for target, (state, metadata) in made.items():
        write(target, state, metadata)
    return {target: len(state) for target, (state, _) in made.items()}


def is_network_pickle(source):
    return source.suffix == ".pkl"


def file_of(folder, network):
    return folder / f"{network}.safetensors"


def outputs_of(source, target):
    """The files that may be written for this pair."""
    return [file_of(target, name) for name in _network_pickle.NETWORKS] if is_network_pickle(source) else [target]


def check(pairs, force):
    """Checks all outputs before anything is written."""
    outputs = []
    for source, target in pairs:
        if not is_network_pickle(source) and target.suffix != ".safetensors":
            raise UserError(target, "expected a name that ends in .safetensors")
        if is_network_pickle(source) and (target.exists() or target.suffix) and not target.is_dir():
            raise UserError(target, "expected the name of a folder for the networks of a .pkl file")
        for output in outputs_of(source, target):
            _tool.check_target(output, output, force, [source for source, _ in pairs])
            outputs.append(output)
    names = [output.resolve() for output in outputs]
    for name, output in zip(names, outputs):
        if names.count(name) > 1:
            raise UserError(output, "expected a name of its own for each output, got one twice. Hint: rename one")


def main(argv):
    parser = _tool.Parser(prog="python -m fqgan.convert", description="turn .pth and .pkl files into safetensors")
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="G.pth G.safetensors | network.pkl FOLDER")
    parser.add_argument("--key", help="the state dict to take, if a .pth file contains several, such as netG")
    _tool.add_force_flag(parser)
    arguments = parser.parse_args(argv)
    files = arguments.files
    pairs = list(zip(files[::2], files[1::2]))
    if len(files) % 2:
        parser.error(f"expected pairs of an input and an output, got {len(files)} names")
    if arguments.key is not None and any(is_network_pickle(source) for source, _ in pairs):
        parser.error("expected --key with .pth files only: all networks of a .pkl file are written")
    check(pairs, arguments.force)
    for source, target in pairs:
        if is_network_pickle(source):
            written = convert_networks(source, target)
        else:
            written = {target: convert(source, target, arguments.key)}
        for file, count in written.items():
            print(f"wrote {file}: {count} tensors of {source}")


if __name__ == "__main__":
    _tool.run(main)
