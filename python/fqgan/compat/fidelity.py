"""python -m fqgan.compat.fidelity: the program `fidelity` of torch-fidelity 0.4 on the networks and metrics of fqgan.

It takes the same flags and prints the same keys. Flags that fqgan cannot honour end it in one line with exit code 2;
those that only concern speed, caches and other metrics have no effect. docs/metrics.md says which differ.
"""

import json
import os

from fqgan import _tool
from fqgan._tool import UserError
from fqgan.compat import _images

METRICS = {"isc": "is", "fid": "fid", "kid": "kid", "prc": "pr"}

# Without an effect here, with a value and without one.
UNUSED = (
    *("--batch-size", "--prc-batch-size", "--datasets-root", "--cache-root", "--samples-ext-lossy"),
    *("--input1-cache-name", "--input2-cache-name", "--kid-kernel-rbf-sigma", "--ppl-epsilon", "--ppl-reduction"),
    *("--ppl-sample-similarity", "--ppl-sample-similarity-resize", "--ppl-sample-similarity-dtype"),
    *("--ppl-discard-percentile-lower", "--ppl-discard-percentile-higher", "--ppl-z-interp-mode"),
)
UNUSED_SWITCHES = ("--feature-extractor-compile", "--no-datasets-download", "--no-cache", "--save-cpu-ram")

# The only value that fqgan can honour; None: no value.
FIXED = {
    "--feature-extractor": "inception-v3-compat",
    "--feature-layer-isc": "logits_unbiased",
    "--feature-extractor-internal-dtype": "float32",
    "--kid-kernel": "poly",
    "--kid-kernel-poly-degree": "3",
    "--kid-kernel-poly-gamma": None,
    "--kid-kernel-poly-coef0": "1",
    "--prc-neighborhood": "3",
    "--samples-find-ext": "png,jpg,jpeg",
    "--samples-resize-and-crop": "0",
    **{f"--input{i}-model-z-type": "normal" for i in (1, 2)},
    **{f"--input{i}-model-z-size": None for i in (1, 2)},
    **{f"--input{i}-model-num-classes": "0" for i in (1, 2)},
    **{f"--input{i}-model-num-samples": None for i in (1, 2)},
}

# How fqgan evaluate names what these flags set.
FLAGS = (
    (r"--weights", "--feature-extractor-weights-path"),
    (r"--set kid\.(subsets|subset_size)=", lambda found: f"--kid-{found[1].replace('_', '-')} "),
    (r"--set inception_score\.splits=", "--isc-splits "),
    (r"kid\.subset_size", "--kid-subset-size"),
    (r"inception_score\.splits", "--isc-splits"),
)


def make_parser():
    parser = _tool.Parser(prog="python -m fqgan.compat.fidelity", description="fidelity of torch-fidelity, by fqgan")
    parser.add_argument("--input1", help="folder of generated images")
    parser.add_argument("--input2", help="folder of real images")
    parser.add_argument("-i", "--isc", action="store_true", help="inception score of input1")
    parser.add_argument("-f", "--fid", action="store_true", help="Frechet inception distance")
    parser.add_argument("-k", "--kid", action="store_true", help="kernel inception distance")
    parser.add_argument("-r", "--prc", action="store_true", help="precision and recall")
    parser.add_argument("-p", "--ppl", action="store_true", help="not available")
    parser.add_argument("-j", "--json", action="store_true", help="print JSON")
    device = parser.add_mutually_exclusive_group()
    device.add_argument("-g", "--gpu", help="use this GPU")
    device.add_argument("-c", "--cpu", action="store_true", help="use the CPU; the default")
    parser.add_argument("--feature-extractor-weights-path", help="as .safetensors; default: in the cache of fqgan")
    for metric in ("fid", "kid", "prc"):
        layers = ["64", "192", "768", "2048"]
        parser.add_argument(f"--feature-layer-{metric}", choices=layers, default="2048", help="the same for all")
    parser.add_argument("--isc-splits", type=int, default=10, help="splits of the inception score")
    parser.add_argument("--kid-subsets", type=int, default=100, help="subsets of KID")
    parser.add_argument("--kid-subset-size", type=int, default=1000, help="images in a subset of KID")
    parser.add_argument("--no-samples-shuffle", action="store_true", help="splits of the inception score in order")
    parser.add_argument("--samples-find-deep", action="store_true", help="read the folders in the folders, too")
    parser.add_argument("--rng-seed", type=int, default=2020, help="seed of all random numbers")
    parser.add_argument("--silent", action="store_true", help="no messages on stderr")
    for flag, value in FIXED.items():
        parser.add_argument(flag, default=value, help="no other value" if value else "not available")
    for flag in UNUSED:
        parser.add_argument(*(["-b"] if flag == "--batch-size" else []), flag, help="no effect")
    for flag in UNUSED_SWITCHES:
        parser.add_argument(flag, action="store_true", help="no effect")
    return parser


def check(arguments, metrics, named):
    """Refuses what would give other numbers than torch-fidelity. named: the flags on the command line."""
    values = vars(arguments)
    for flag, only in FIXED.items():
        value = values[flag[2:].replace("-", "_")]
        if value != only and not (only and is_same_number(value, only)):
            raise UserError(flag, f"expected {only or 'no such flag'}, got {value!r}, which fqgan cannot compute")
    if arguments.ppl:
        problem = "expected metrics of images, got one that needs a generator and the network VGG16, which fqgan lacks"
        raise UserError("--ppl", f"{problem}. Hint: fqgan evaluate RUN --metrics ppl, with other features")
    if not metrics:
        raise UserError("usage", "expected metrics to compute: --isc, --fid, --kid, --prc")
    if arguments.prc and "--feature-extractor" not in named:
        problem = "expected --feature-extractor inception-v3-compat, because fqgan has no vgg16, the default of --prc"
        raise UserError("--prc", problem)
    if arguments.input1 is None:
        raise UserError("--input1", "expected a folder of images, got none")
    if arguments.input2 is None and metrics != ["isc"]:
        raise UserError("--input2", "expected a folder of images, got none; only --isc measures one input")


def check_counts(arguments, metrics, counts):
    """Refuses settings that need more images than there are. counts: of each input."""
    needed = []
    if "kid" in metrics:
        needed.append(("--kid-subset-size", arguments.kid_subset_size, min(counts)))
    if "isc" in metrics:
        needed.append(("--isc-splits", arguments.isc_splits, counts[0]))
    for flag, value, images in needed:
        if value > images > 1:
            problem = f"expected at most the number of images, {images}, got {value}"
            raise UserError(flag, f"{problem}. Hint: {flag} {images}")


def reads_deep(file):
    """Whether torch-fidelity reads the file."""
    return file.suffix.lower() in (".png", ".jpg", ".jpeg")


def reads_top(file):
    return reads_deep(file) and len(file.parts) == 1


def is_same_number(value, only):
    try:
        return float(value) == float(only)
    except ValueError:
        return False


def features_of(arguments, metrics):
    """Returns the name of the features; they are the same for all metrics."""
    layers = {metric: getattr(arguments, f"feature_layer_{metric}") for metric in metrics if metric != "isc"}
    if "isc" in metrics:
        layers["isc"] = "2048"  # the logits are behind it
    if len(set(layers.values())) > 1:
        found = ", ".join(f"{layer} for {metric}" for metric, layer in layers.items())
        raise UserError("--feature-layer", f"expected the same layer for all metrics, got {found}. Hint: one at a time")
    layer = next(iter(layers.values()))
    return "inception" if layer == "2048" else f"inception-{layer}"


def settings_of(arguments, metrics):
    settings = {}
    if "kid" in metrics:
        settings["kid.subsets"] = arguments.kid_subsets
        settings["kid.subset_size"] = arguments.kid_subset_size
        settings["kid.seed"] = arguments.rng_seed
    if "isc" in metrics:
        settings["inception_score.splits"] = arguments.isc_splits
        settings["inception_score.seed"] = arguments.rng_seed
        settings["inception_score.shuffle"] = str(not arguments.no_samples_shuffle).lower()
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def device_of(arguments):
    if arguments.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = arguments.gpu
    return "cuda" if not arguments.cpu and os.environ.get("CUDA_VISIBLE_DEVICES") else "cpu"


def main(argv):
    arguments = make_parser().parse_args(argv)
    metrics = [metric for metric in METRICS if getattr(arguments, metric)]
    check(arguments, metrics, {word.split("=")[0] for word in argv})
    features = features_of(arguments, metrics)
    weights = _images.weights_flags(arguments.feature_extractor_weights_path)
    reads = reads_deep if arguments.samples_find_deep else reads_top
    inputs = [arguments.input1] + ([arguments.input2] if arguments.input2 is not None else [])
    counts = [_images.check_folder(f"--input{i}", path, "torch-fidelity", reads) for i, path in enumerate(inputs, 1)]
    check_counts(arguments, metrics, counts)
    found = _images.evaluate(
        [
            *(inputs[0], *(["--against", inputs[1]] if len(inputs) > 1 else [])),
            *("--metrics", ",".join(METRICS[metric] for metric in metrics)),
            *("--features", features, "--convention", "torch-fidelity", *weights, "--device", device_of(arguments)),
            *(*settings_of(arguments, metrics), "--json=torch-fidelity"),
        ],
        FLAGS,
        silent=arguments.silent,
    )
    if arguments.json:
        print(json.dumps(found, indent=4))
    else:
        print("\n".join(f"{name}: {value:.7g}" for name, value in found.items()))


if __name__ == "__main__":
    _tool.run(main)
