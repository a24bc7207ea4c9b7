"""Reading a checkpoint of the program (docs/checkpoint.md): its metadata, and the weights of one network."""

import hashlib
import json

from fqgan._tool import UserError, missing_package

try:
    import tomllib  # Python 3.11
except ImportError:
    tomllib = None

FORMAT_VERSION = "1"
_HINT = "Hint: a checkpoint of a run, or what fqgan export RUN --weights-only --out X.safetensors writes"


def _is_damaged(path, metadata):
    with open(path, "rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
        data = hashlib.file_digest(file, "sha256").hexdigest()
    blank = header.replace(metadata.get("checksum.metadata", "").encode(), b"0" * 64, 1)
    found = {"checksum.data": data, "checksum.metadata": hashlib.sha256(blank).hexdigest()}
    return any(metadata.get(key) != value for key, value in found.items())


def read(path, prefixes):
    """(metadata, {name without prefix: tensor}) with the tensors under the first of the prefixes that the file has."""
    if tomllib is None:
        raise UserError(path, "the model's options are TOML, which Python reads from 3.11 on; this Python is older")
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise missing_package(path, error) from error
    try:
        with safe_open(path, "pt") as file:
            names, metadata = list(file.keys()), file.metadata() or {}
            prefix = next(
                (prefix for prefix in prefixes if any(name.startswith(prefix) for name in names)), prefixes[0]
            )
            tensors = {name[len(prefix) :]: file.get_tensor(name) for name in names if name.startswith(prefix)}
    except (OSError, SafetensorError) as error:
        raise UserError(path, f"expected a checkpoint, found none: {error}. {_HINT}") from error
    if "format_version" not in metadata or "family" not in metadata:
        raise UserError(path, f"expected a checkpoint of fqgan, found the safetensors file of another program. {_HINT}")
    if metadata["format_version"] != FORMAT_VERSION:
        found = metadata["format_version"]
        raise UserError(path, f"expected format_version {FORMAT_VERSION}, got {found}. Hint: take a newer fqgan")
    if _is_damaged(path, metadata):
        raise UserError(
            path, "damaged: a checksum differs. Hint: take the checkpoint before it, or copy the file again"
        )
    if not tensors:
        raise UserError(path, f"expected tensors '{prefixes[0]}*', found none. {_HINT}")
    return metadata, tensors


def parsed(path, metadata, key):
    """The metadata entry `model` (TOML) or `data` (JSON) as a dict."""
    parse = {"model": tomllib.loads, "data": json.loads}[key]
    try:
        return parse(metadata[key])
    except (KeyError, ValueError) as error:
        raise UserError(path, f"expected a description in the metadata '{key}', found none that can be read") from error


class Weights:
    """Named tensors that are taken one by one; what is missing, misshapen or left over is an error."""

    def __init__(self, path, tensors, prefix="", taken=None):
        self.path, self.tensors, self.prefix, self.taken = path, tensors, prefix, set() if taken is None else taken

    def inside(self, name):
        return Weights(self.path, self.tensors, f"{self.prefix}{name}.", self.taken)

    def take(self, name, *shape):
        """float32, of this shape."""
        name = self.prefix + name
        if name not in self.tensors:
            raise self._error(f"lacks '{name}'")
        tensor = self.tensors[name].float()
        if tuple(tensor.shape) != shape:
            raise self._error(f"'{name}' has shape {list(tensor.shape)}, expected {list(shape)}")
        self.taken.add(name)
        return tensor

    def channels(self):
        """Channels of a generator's block inputs and of its last output."""
        blocks = sum(name.endswith(".conv1.weight") for name in self.tensors)
        names = [f"block{b}.conv1.weight" for b in range(blocks)] + ["output.weight"]
        for name in names:
            if name not in self.tensors or self.tensors[name].dim() != 4:
                raise self._error(f"lacks the kernel '{name}'")
        return [self.tensors[name].shape[1] for name in names]

    def finish(self):
        rest = sorted(set(self.tensors) - self.taken)
        if rest:
            raise self._error(f"left over: {', '.join(rest)}")

    def _error(self, problem):
        return UserError(self.path, f"the weights are of another architecture than the metadata say: {problem}")
