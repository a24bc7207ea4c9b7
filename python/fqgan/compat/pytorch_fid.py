"""python -m fqgan.compat.pytorch_fid PATH PATH: the program of pytorch-fid 0.3 on the networks and metrics of fqgan.

It takes the same flags and prints the same line. A path is a folder of images or an .npz file with `mu` and `sigma`.
docs/metrics.md says what differs.
"""

import os

from fqgan import _tool
from fqgan._tool import UserError
from fqgan.compat import _images

ENDINGS = (".bmp", ".jpg", ".jpeg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

# How fqgan evaluate names what these flags set.
FLAGS = (
    (r"--save-statistics", "--save-stats"),
    (r", or replace it with --force", ""),
    (r"--features", "--dims"),
)


def make_parser():
    parser = _tool.Parser(prog="python -m fqgan.compat.pytorch_fid", description="pytorch-fid, by fqgan")
    parser.add_argument("--batch-size", help="no effect")
    parser.add_argument("--num-workers", help="no effect")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--dims", type=int, default=2048, choices=[64, 192, 768, 2048], help="features of Inception")
    parser.add_argument("--save-stats", action="store_true", help="write the statistics of path 1 as path 2")
    parser.add_argument("--weights", help="weights of Inception as .safetensors; default: in the cache of fqgan")
    parser.add_argument("path", nargs=2, help="folder of images, or .npz statistics")
    return parser


def check_path(path):
    if not path.endswith(".npz"):
        _images.check_folder("path", path, "pytorch-fid", lambda f: f.suffix in ENDINGS and len(f.parts) == 1)
    elif not os.path.exists(path):
        raise UserError(path, "expected statistics (.npz) or a folder of images, found none")


def main(argv):
    arguments = make_parser().parse_args(argv)
    first, second = arguments.path
    features = "inception" if arguments.dims == 2048 else f"inception-{arguments.dims}"
    flags = ["--features", features, "--convention", "pytorch-fid", *_images.weights_flags(arguments.weights)]
    flags += ["--device", arguments.device]
    check_path(first)
    if arguments.save_stats:
        target = second if second.endswith(".npz") else f"{second}.npz"  # as numpy.savez_compressed
        print(f"Saving statistics for {first}", flush=True)
        _images.evaluate([first, "--save-statistics", target, *flags], FLAGS)
        return
    check_path(second)
    statistics = first.endswith(".npz") and second.endswith(".npz")  # then no network is needed
    arguments = [first, "--against", second, "--metrics", "fid", "--json", *([] if statistics else flags)]
    found = _images.evaluate(arguments, FLAGS)
    (value,) = found["metrics"].values()
    print("FID: ", value)


if __name__ == "__main__":
    _tool.run(main)
