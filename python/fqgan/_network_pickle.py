"""Reads a network pickle of NVlabs/stylegan2-ada-pytorch or of stylegan3's stylegan2 configuration, without its code.

Such a .pkl contains the networks as modules, each with the source code of its class, which their own loader executes.
Here the few globals that occur in these files stand for functions of this module, and everything else is refused. A
module is only its class name and its state; a tensor is read from the bytes of the legacy torch.save stream inside.
"""

import io
import json
import pickle
import struct

import torch

from fqgan._tool import UserError

NETWORKS = ("G", "G_ema", "D")
MOST_NESTED = 100
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001  # of torch.save's legacy format
STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
NUMBERS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "b1": "?"}  # NumPy's type -> struct's
HINT = "Hint: this command reads the .pkl files of stylegan2-ada-pytorch and of stylegan3 --cfg=stylegan2"


class Refused(Exception):
    """What the file contains and this module does not read."""


class Function:
    """A function for the pickle. It has no attributes that a file could set, unlike a plain function or a class."""

    __slots__ = ("_call",)

    def __init__(self, call):
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name, value):
        raise Refused("an attribute of a function")

    def __call__(self, *arguments):
        return self._call(*arguments)


class Module:
    """A module of the file: its class name and the content of its __dict__."""

    __slots__ = ("class_name", "state")

    def __init__(self, class_name, state):
        self.class_name, self.state = class_name, state

    def part(self, name):
        """The dictionary `_parameters`, `_buffers` or `_modules`."""
        part = self.state.get(name)
        if not isinstance(part, dict) or not all(isinstance(key, str) for key in part):
            raise Refused(f"a module without '{name}'")
        return part


class Array:
    """A tensor or a storage. The opcodes of a pickle can change a torch.Tensor, but not the one in here."""

    __slots__ = ("tensor",)

    def __init__(self, tensor):
        self.tensor = tensor


class Type:
    """NumPy's dtype."""

    __slots__ = ("code", "order")

    def __init__(self, code):
        self.code, self.order = code, "<"

    def __setstate__(self, state):
        self.order = state[1]


def module_of(meta):
    if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
        raise Refused("an object that is no module")
    return Module(str(meta.get("class_name")), meta["state"])


def number_of(dtype, content):
    if not isinstance(dtype, Type) or dtype.code not in NUMBERS or dtype.order not in "<>|":
        raise Refused("a NumPy number of an unknown type")
    return struct.unpack(dtype.order.replace("|", "<") + NUMBERS[dtype.code], content)[0]


def tensor_in(value):
    return value.tensor if isinstance(value, Array) and isinstance(value.tensor, torch.Tensor) else None


def tensor_of(storage, offset, size, stride, *_):
    """torch._utils._rebuild_tensor_v2, within the bounds of the storage."""
    numbers, values = (offset, *size, *stride), tensor_in(storage)
    whole = values is not None and len(size) == len(stride)
    if not whole or not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise Refused("a damaged tensor")
    count = 1
    for length in size:
        count *= length
    last = offset + sum((length - 1) * step for length, step in zip(size, stride)) if count else -1
    if last >= values.numel() or count > values.numel():
        raise Refused("a tensor beyond its storage")
    return Array(values.as_strided(size, stride, offset))


def storage_of(content):
    """What torch.storage._load_from_bytes returns: the one storage in a stream of torch.save's legacy format."""
    file = io.BytesIO(content)
    start = [Reader(file).load() for _ in range(3)]
    if start[:2] != [MAGIC, VERSION] or not start[2]["little_endian"]:
        raise Refused("a storage in another format than torch.save's legacy one")
    found = {}

    def storage(name, dtype, key, location, count, view=None):
        if name != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(count, int) or view is not None:
            raise Refused("a storage of an unknown kind")
        bytes_each = torch.empty((), dtype=dtype).element_size()
        if not 0 <= count <= len(content) // bytes_each:
            raise Refused("a storage that is larger than the file")
        return Array(found.setdefault(key, torch.zeros(count, dtype=dtype)))

    result = Reader(file, storage).load()
    for key in Reader(file).load():
        target = found[key]
        (count,) = struct.unpack("<q", file.read(8))
        data = bytearray(file.read(target.numel() * target.element_size()))
        if count != target.numel() or len(data) != target.numel() * target.element_size():
            raise Refused("a storage that is cut off")
        if count:
            target.copy_(torch.frombuffer(data, dtype=target.dtype))
    return result


def bytes_of(text, encoding):
    """_codecs.encode, as which protocol 2 writes bytes."""
    if encoding != "latin1":
        raise Refused(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


FUNCTIONS = {
    "torch_utils.persistence._reconstruct_persistent_obj": module_of,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_tensor_v2": tensor_of,
    "torch.storage._load_from_bytes": storage_of,
    "numpy.core.multiarray.scalar": number_of,
    "numpy._core.multiarray.scalar": number_of,
    "numpy.dtype": lambda code, *_: Type(code),
    "_codecs.encode": bytes_of,
    "__builtin__.bytes": lambda: b"",
}
# Built-in types, which no file can change. EasyDict is a dictionary with attributes.
TYPES = {
    "dnnlib.util.EasyDict": dict,
    "collections.OrderedDict": dict,
    "builtins.set": set,
    "__builtin__.set": set,
}
STYLEGAN3 = "a generator of StyleGAN3 (configuration t or r), which is another architecture than StyleGAN2"
TENSORFLOW = "a network of TensorFlow. Hint: stylegan2-ada-pytorch converts it: python legacy.py --source=A --dest=B"
KNOWN = {
    "dnnlib.tflib.network.Network": TENSORFLOW,
    # Only StyleGAN3's own layers have arrays as attributes.
    "numpy.core.multiarray._reconstruct": STYLEGAN3,
    "numpy._core.multiarray._reconstruct": STYLEGAN3,
}


class Reader(pickle.Unpickler):
    def __init__(self, file, storage=None):
        super().__init__(file)
        self.storage = storage

    def find_class(self, module, name):
        full = f"{module}.{name}"
        if self.storage and module == "torch" and name in STORAGES:
            return STORAGES[name]
        if full in TYPES:
            return TYPES[full]
        if full in FUNCTIONS:
            return Function(FUNCTIONS[full])
        raise Refused(KNOWN.get(full, f"'{full}', which would be executed. {HINT}"))

    def persistent_load(self, given):
        if not self.storage:
            raise Refused("a reference to another file")
        return self.storage(*given)


def collect(module, prefix, tensors, seen):
    """Adds the parameters and buffers of a module and of those in it, by their dotted names."""
    if not isinstance(module, Module) or id(module) in seen or prefix.count(".") > MOST_NESTED:
        raise Refused(f"no tree of modules at '{prefix}'")
    seen.add(id(module))
    for part in ("_parameters", "_buffers"):
        for name, value in module.part(part).items():
            if tensor_in(value) is not None:
                tensors[prefix + name] = value.tensor
            elif value is not None:
                raise Refused(f"something else than a tensor at '{prefix}{name}'")
    for name, child in module.part("_modules").items():
        if child is not None:
            collect(child, f"{prefix}{name}.", tensors, seen)


def arguments_of(module):
    """The arguments with which the network was made, as JSON. They are its architecture."""
    arguments = dict(module.state.get("_init_kwargs") or {})
    mapping = module.part("_modules").get("mapping")
    if isinstance(mapping, Module) and mapping.state.get("w_avg_beta") is not None:  # two projects, two defaults
        own = {"w_avg_beta": mapping.state["w_avg_beta"]}
        arguments["mapping_kwargs"] = own | dict(arguments.get("mapping_kwargs") or {})
    return json.dumps(arguments, allow_nan=False)


def network_of(name, module):
    """Returns (tensors by name, metadata) of a network. Errors: Refused for another one than StyleGAN2's."""
    if not isinstance(module, Module):
        raise Refused(f"no network under '{name}'. {HINT}")
    blocks = module.part("_modules")
    if name != "D":
        synthesis = blocks.get("synthesis")
        blocks = synthesis.part("_modules") if isinstance(synthesis, Module) else {}
        if "input" in blocks:
            raise Refused(STYLEGAN3)
    if "b4" not in blocks:
        raise Refused(f"a network '{module.class_name}' of another kind under '{name}'. {HINT}")
    tensors = {}
    collect(module, "", tensors, set())
    metadata = {"class_name": module.class_name, "init_kwargs": arguments_of(module)}
    if not tensors:
        raise Refused(f"a network without tensors under '{name}'. {HINT}")
    return tensors, metadata


def read(path):
    """Returns {"G": (tensors, metadata), "G_ema": ..., "D": ...}, with those of the three that the file has.

    Errors: UserError, one line, which names what the file contains instead.
    """
    expected = "expected a network pickle of StyleGAN2, found"
    try:
        with open(path, "rb") as file:
            content = Reader(file).load()
        if not isinstance(content, dict) or not any(isinstance(content.get(name), Module) for name in NETWORKS):
            raise Refused(f"none of {', '.join(NETWORKS)} in it. {HINT}")
        return {name: network_of(name, content[name]) for name in NETWORKS if content.get(name) is not None}
    except OSError as error:
        raise UserError(path, f"expected a file that can be read, got: {error.strerror or error}") from error
    except Refused as refusal:
        raise UserError(path, f"{expected} {refusal}") from refusal
    except Exception as error:  # a foreign or damaged file fails in every way that a pickle can
        raise UserError(path, f"{expected} a damaged file, or one of another kind. {HINT}") from error
