"""python -m fqgan.export X.safetensors --format torchscript | onnx: a BigGAN generator for programs that know no fqgan.

Spectral norm is folded into the weights, and the statistics are those that the program samples with (standing ones of
its seed 0 where the model asks for them). Inputs: z (N x Z, normal), class (N int64; absent for an unconditional
model), truncation (a scalar; above 10 it does nothing). Output: images (N x C x H x W in [-1, 1]). Before the file gets
its name it is loaded again, and its images are compared with the C++ program's.
"""

import logging
import os
import pathlib
import shutil
import subprocess
import tempfile
import warnings

import torch

from fqgan import _biggan, _checkpoint, _tool
from fqgan._tool import UserError

TOLERANCE = 1e-5  # largest difference of a pixel in [-1, 1]
NO_TRUNCATION, TRUNCATION = 1e6, 0.5  # that the check uses
SUFFIXES = {"torchscript": ".pt", "onnx": ".onnx"}


def write_torchscript(generator, inputs, path):
    torch.jit.trace(generator, tuple(inputs.values())).save(str(path))


def write_onnx(generator, inputs, path):
    batch = torch.export.Dim("N")
    shapes = tuple({0: batch} if value.dim() else None for value in inputs.values())
    program = torch.onnx.export(
        generator,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=["images"],
        dynamic_shapes=shapes,
        dynamo=True,
        verbose=False,
    )
    for node in program.model.graph:
        node.metadata_props.clear()  # where in our source each comes from: the larger part of a small file
    program.save(str(path), external_data=False)


def load_torchscript(path):
    module = torch.jit.load(str(path))
    return lambda inputs: module(*inputs.values())


def load_onnx(path):
    """None without onnxruntime, and says so."""
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not there: the file was not run, its module was instead. Hint: pip install onnxruntime")
        return None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def images(inputs):
        return torch.from_numpy(session.run(None, {name: value.numpy() for name, value in inputs.items()})[0])

    return images


FORMATS = {"torchscript": (write_torchscript, load_torchscript), "onnx": (write_onnx, load_onnx)}


def find_program():
    """$FQGAN_PROGRAM, the build of the repository around this package, or what PATH has; None when there is none."""
    named = os.environ.get("FQGAN_PROGRAM")
    if named:
        if not os.access(named, os.X_OK) or os.path.isdir(named):
            raise UserError("FQGAN_PROGRAM", f"expected the path of the program fqgan, got '{named}'")
        return named
    built = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "fqgan"
    return str(built) if os.access(built, os.X_OK) else shutil.which("fqgan")


def images_of_program(program, arguments, precision, z, labels):
    """float32, N x C x H x W, whatever the precision of the computation. Errors: UserError with the program's words."""
    from safetensors.torch import load_file, save_file

    with tempfile.TemporaryDirectory() as folder:
        latents, out = os.path.join(folder, "latents.safetensors"), os.path.join(folder, "images.safetensors")
        save_file({"z": z} if labels is None else {"z": z, "y": labels}, latents)
        command = [program, "sample", str(arguments.checkpoint), "--latents", latents, "--out", out]
        command += ["--precision", precision] + ["--raw"] * arguments.raw
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise UserError(program, f"expected images to compare with, but it said: {said[0]}")
        return load_file(out)["images"]


def truncated(z, limit):
    """The latents that truncation makes of these, in float64 through torch's own functions."""
    z, limit = z.double(), torch.tensor(limit, dtype=torch.float64)
    outside, beyond = torch.special.erfc(z.abs() / 2**0.5), torch.special.erfc(limit / 2**0.5)
    return (-torch.special.ndtri((outside + beyond - outside * beyond) / 2) * z.sign()).float()


def inputs_for(generator, count, truncation):
    """z, class (the classes take turns) and truncation, by name in the order of the exported graph."""
    plan = generator.plan
    inputs = {"z": torch.randn(count, plan.latent, generator=torch.Generator().manual_seed(0))}
    if plan.classes:
        inputs["class"] = torch.arange(count) % plan.classes
    return inputs | {"truncation": torch.tensor(truncation)}


@torch.no_grad()
def check(images_of, generator, arguments):
    """Compares the exported images, without truncation and with it, with the program's. Errors: UserError, code 1."""
    cases = [inputs_for(generator, arguments.check, limit) for limit in (NO_TRUNCATION, TRUNCATION)]
    ours = torch.cat([images_of(inputs) for inputs in cases])
    z, labels = torch.cat([cases[0]["z"], truncated(cases[0]["z"], TRUNCATION)]), None
    if "class" in cases[0]:
        labels = cases[0]["class"].repeat(2)
    program, label = find_program(), "PyTorch"
    if program:
        # On channels_last maps LibTorch's batch statistics in float32 have errors of 1e-4, others with other threads.
        precision = "float64" if generator.plan.standing_images else "float32"
        label = f"{program} ({precision})"
        expected = images_of_program(program, arguments, precision, z, labels)
    else:
        print("the program fqgan is not there: compared with PyTorch. Hint: FQGAN_PROGRAM=path of fqgan")
        expected = generator.images(z, labels)
    difference = (ours - expected).abs().max().item()
    print(f"largest difference from {label} on {len(z)} images, half of them truncated: {difference:.1e}")
    if not difference <= TOLERANCE:
        raise UserError(
            arguments.out, f"expected a difference of at most {TOLERANCE}, got {difference}. No file written", 1
        )


def parse(argv):
    parser = _tool.Parser(prog="python -m fqgan.export", description="export a BigGAN generator")
    parser.add_argument("checkpoint", type=pathlib.Path, help="checkpoint, or the file of fqgan export --weights-only")
    parser.add_argument("--format", required=True, choices=list(SUFFIXES))
    parser.add_argument("--out", type=pathlib.Path, help="default: beside the checkpoint, with the suffix .pt or .onnx")
    parser.add_argument("--raw", action="store_true", help="the trained generator itself, not its average")
    parser.add_argument("--check", type=int, default=16, metavar="N", help="compare on N latents (default: 16)")
    arguments = parser.parse_args(argv)
    if arguments.check < 1:
        parser.error(f"--check: expected at least 1, got {arguments.check}")
    arguments.out = arguments.out or arguments.checkpoint.with_suffix(SUFFIXES[arguments.format])
    if arguments.out.resolve() == arguments.checkpoint.resolve():
        parser.error("--out: expected another file than the checkpoint")
    return arguments


def read_model(arguments):
    """What _biggan.build takes."""
    path, prefixes = arguments.checkpoint, ["average.generator.", "network.generator."]
    metadata, tensors = _checkpoint.read(path, prefixes[arguments.raw :])
    if metadata["family"] != "biggan":
        raise UserError(path, f"expected a model of the family 'biggan', found '{metadata['family']}'")
    model, data = (_checkpoint.parsed(path, metadata, key) for key in ("model", "data"))
    return path, model, data, _checkpoint.Weights(path, tensors)


def require_onnx():
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise _tool.missing_package("--format onnx", error) from error
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)


def main(argv):
    arguments = parse(argv)
    if arguments.format == "onnx":
        require_onnx()
    model = read_model(arguments)
    write, load = FORMATS[arguments.format]
    with _tool.whole_file(arguments.out) as partial, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of TorchScript with every call
        generator = _biggan.build(*model)
        inputs = inputs_for(generator, 2, NO_TRUNCATION)
        write(generator, inputs, partial)
        images_of = load(partial) or (lambda given: generator(*given.values()))
        check(images_of, generator, arguments)
    shape = "N x " + " x ".join(map(str, generator.plan.image))
    print(f"wrote {arguments.out}: {', '.join(inputs)} -> images {shape}, z N x {generator.plan.latent}")


if __name__ == "__main__":
    _tool.run(main)
