"""python -m fqgan.export MODEL: writes the generator of a run, of a checkpoint or of a TorchScript file as ONNX.

The TorchScript file is that of `fqgan export MODEL --out X.pt`. For a run or a checkpoint, this command is run first.
The networks are written in C++ only. The program records a network as TorchScript, and this module converts the
recorded graph operator by operator (_onnx_table.py). The names, types and shapes of inputs and outputs come from the
file. Before the new file gets its final name, onnxruntime runs it (if installed), and the results are compared.
"""

import contextlib
import json
import os
import pathlib
import tempfile
import warnings

import torch

from fqgan import _onnx_graph, _tool
from fqgan._tool import UserError

DESCRIPTION = "fqgan.json"  # extra file of the TorchScript archive
# Largest difference of an output from TorchScript's; rounding of float32 is 8e-6 in BigGAN for CIFAR-10.
TOLERANCE = 1e-4
BATCHES = (1, 16)
# Two values of inputs without dimensions: a truncation above 10 is none, and so is psi = 1.
SCALARS, PSI = (0.5, 20.0), (0.5, 1.0)
TYPES = {"Float": torch.float32, "Double": torch.float64, "Long": torch.int64}


def read(path):
    """Returns (module, description). Errors: UserError for a file that the program did not write."""
    hint = f"Hint: {_tool.command_line('export', 'MODEL', '--out', 'X.pt')}"
    files = {DESCRIPTION: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces the end of TorchScript with every call
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=files)
    except (RuntimeError, ValueError) as error:
        raise UserError(path, f"expected a TorchScript file, found another one or a damaged one. {hint}") from error
    if not files[DESCRIPTION]:
        raise UserError(path, f"expected a file of fqgan export, found another program's. {hint}")
    return module, json.loads(files[DESCRIPTION])


def example_inputs(description, batch, variant=0):
    """Returns random inputs: normal numbers, indices of classes, one of two values for inputs without dimensions."""
    draw = torch.Generator().manual_seed(batch)
    made = []
    for described in description["inputs"]:
        shape = [batch if size == "N" else size for size in described["shape"]]
        dtype = TYPES[described["type"]]
        if not shape:
            values = PSI if described["name"] == "psi" else SCALARS
            made.append(torch.tensor(values[variant], dtype=dtype))
        elif dtype.is_floating_point:
            made.append(torch.randn(shape, generator=draw, dtype=dtype))
        else:
            made.append(torch.randint(description.get("classes", 1), shape, generator=draw, dtype=dtype))
    return made


@torch.no_grad()
def check(module, description, model, where):
    """Returns the largest difference from TorchScript; None without onnxruntime. Errors: UserError with code 1."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names, largest = [described["name"] for described in description["inputs"]], 0.0
    for batch in BATCHES:
        for variant in (0, 1):
            inputs = example_inputs(description, batch, variant)
            expected = module(*inputs)
            expected = expected if isinstance(expected, tuple) else (expected,)
            found = session.run(None, {name: value.numpy() for name, value in zip(names, inputs)})
            for ours, theirs in zip(found, expected):
                largest = max(largest, (torch.from_numpy(ours) - theirs).abs().max().item())
    if not largest <= TOLERANCE:
        raise UserError(where, f"expected a difference of at most {TOLERANCE}, got {largest}. No file written", 1)
    return largest


def to_onnx(module, description, where="onnx"):
    """Returns the module as an onnx.ModelProto. Errors: UserError, one line."""
    examples = [example_inputs(description, batch) for batch in (2, 3)]
    return _onnx_graph.convert(module, description, examples, where)


@contextlib.contextmanager
def torchscript_of(model):
    """Yields the path of the model as TorchScript: itself, or what the program makes of a run or a checkpoint."""
    if not os.path.exists(model):
        raise UserError(model, "expected a run, a checkpoint or a file of fqgan export, found none with this name")
    if not os.path.isdir(model) and model.suffix != ".safetensors":
        yield model
        return
    if not _tool.program():
        first = _tool.command_line("export", model, "--out", "generator.pt")
        second = _tool.module_line("fqgan.export", "generator.pt")
        raise UserError(model, f"expected the program fqgan on the PATH, found none. Hint: {first}, then {second}")
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "generator.pt"
        _tool.run_program("export", model, "--out", made)
        yield made


def parse(argv):
    parser = _tool.Parser(prog="python -m fqgan.export", description="convert a trained generator to ONNX")
    parser.add_argument("model", metavar="MODEL", help="a run, a checkpoint, or X.pt of fqgan export MODEL --out X.pt")
    parser.add_argument("--out", type=pathlib.Path, help="default: X.onnx beside X.pt; generator.onnx in a run")
    _tool.add_force_flag(parser)
    arguments = parser.parse_args(argv)
    if not arguments.model:
        parser.error("MODEL: expected the name of a run or of a file, got an empty one")
    arguments.model = pathlib.Path(arguments.model)
    if not arguments.out:
        in_run = os.path.isdir(arguments.model)
        arguments.out = arguments.model / "generator.onnx" if in_run else arguments.model.with_suffix(".onnx")
    _tool.check_target(f"--out {arguments.out}", arguments.out, arguments.force, [arguments.model])
    return arguments


def main(argv):
    arguments = parse(argv)
    try:
        import onnx
    except ImportError as error:
        raise _tool.missing_package("fqgan.export", error) from error
    with torchscript_of(arguments.model) as torchscript:
        module, description = read(torchscript)
    with _tool.whole_file(arguments.out) as partial:
        model = to_onnx(module, description, arguments.model)
        onnx.save(model, str(partial))
        difference = check(module, description, model.SerializeToString(), arguments.out)
    if difference is None:
        print("onnxruntime is not there: the file was not run. Hint: pip install onnxruntime")
    else:
        print(f"largest difference from TorchScript: {difference:.1e}")
    names = [", ".join(described["name"] for described in description[kind]) for kind in ("inputs", "outputs")]
    print(f"wrote {arguments.out}: {names[0]} -> {names[1]}")


if __name__ == "__main__":
    _tool.run(main)
