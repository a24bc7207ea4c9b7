"""Metrics of generated images, computed in float64 by the same code as `fqgan evaluate`.

The functions take two sides: `generated` is always the first, `against` (real images) the second. Both are either

- features, N x D, as NumPy arrays or torch tensors of any floating type. N may differ between the sides, D may not.
  Given equal features, the values are those of the tool that defined each metric (docs/metrics.md says how closely);
- or paths of images (a folder, zip or data set), and for fid also of saved statistics (.npz, .safetensors). Their
  features are computed by the network `features` ("inception", "efficientnet-lite0", which is the default, or a file)
  with its `weights` (a .safetensors file; default: in the cache folder) under a `convention` ("fqgan",
  "torch-fidelity", "pytorch-fid" or "clean-fid", for inception) on a `device` ("cpu", "cuda", "cuda:N"), as
  `fqgan evaluate --features --weights --convention` does. What that command warns of is a Python warning.

Most metrics are biased by the number of images: compare values only over the same number, preferably 10,000 or more.

Errors: fqgan._core.UserError, a ValueError with one line that says what was expected and what was found, for other
shapes, types that are not floating, NaN, infinity, too few images, and files that cannot be read. A TypeError for other
Python values. The functions need the extension fqgan._core (docs/python.md), loaded when the first of them is called.
"""

from __future__ import annotations

import contextlib
import json
import operator
import os
import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import torch

import fqgan
from fqgan import _tool

if TYPE_CHECKING:
    import numpy

    Features = Union[numpy.ndarray, torch.Tensor]
    Path = Union[str, os.PathLike]

__all__ = [
    "MeanAndStd",
    "Moments",
    "PRDC",
    "PrecisionRecall",
    "fid",
    "inception_score",
    "kid",
    "moments",
    "prdc",
    "precision_recall",
]


_MOST_IMAGES = 2**53  # whose number float64 has exactly


class MeanAndStd(NamedTuple):
    """The mean and the standard deviation (ddof 0) of a metric over subsets or splits."""

    mean: float
    std: float


class PrecisionRecall(NamedTuple):
    """Both between 0 and 1."""

    precision: float
    recall: float


class PRDC(NamedTuple):
    """All between 0 and 1, except density, which has no upper bound."""

    precision: float
    recall: float
    density: float
    coverage: float


class Moments:
    """The mean and the covariance of features, which suffice for fid. They are computed batch by batch in float64."""

    def __init__(self, _core: Any = None) -> None:
        self._core = fqgan._core.Moments() if _core is None else _core

    @classmethod
    def from_covariance(cls, mean: Features, covariance: Features, count: int | None = None) -> Moments:
        """From a mean D and a covariance D x D (ddof 1) of `count` images.

        Without a count, they can be compared by fid, but not added to. Errors: also for a covariance that is not
        symmetric or has a negative variance.
        """
        if count is not None and _whole("count", count) > _MOST_IMAGES:
            raise ValueError(f"[metrics] expected a count of at most 2**53 images, got {count}")
        return cls(fqgan._core.Moments.from_covariance(_tensor(mean), _tensor(covariance), count))

    def add(self, features: Features) -> None:
        """Adds features N x D. The result does not depend on how they are divided into batches."""
        self._core.add(_tensor(features))

    def merge(self, other: Moments) -> None:
        """Adds all features of other moments."""
        if not isinstance(other, Moments):
            raise TypeError(f"[metrics] expected Moments, got {type(other).__name__}")
        self._core.merge(other._core)

    def mean(self) -> torch.Tensor:
        """The mean, D float64."""
        return self._core.mean()

    def covariance(self) -> torch.Tensor:
        """The covariance with ddof 1, D x D float64."""
        return self._core.covariance()

    @property
    def count(self) -> int | None:
        """The number of images; None if it is not known."""
        return self._core.count

    @property
    def dimension(self) -> int:
        """D; 0 before the first features."""
        return self._core.dimension


def moments(features: Features) -> Moments:
    """Returns mean and covariance of features N x D, N >= 2."""
    found = Moments()
    found.add(features)
    return found


def fid(
    generated: Features | Moments | Path,
    against: Features | Moments | Path,
    *,
    features: str | None = None,
    weights: Path | None = None,
    convention: str | None = None,
    device: str = "cpu",
) -> float:
    """Returns the Frechet distance (FID, Heusel et al. 2017) of two sets of features, of their moments, or of images.

    It is that of pytorch-fid and torch-fidelity. Smaller is better, 0 is the best; the bias is upwards, by about 1 / N.
    """
    network = _network(features, weights, convention, device)
    if _are_paths(network, generated, against):
        return _of_images(network, generated, against, "fid")["fid"]
    a, b = (side if isinstance(side, Moments) else moments(side) for side in (generated, against))
    return fqgan._core.frechet_distance(a._core, b._core)


def kid(
    generated: Features | Path,
    against: Features | Path,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    draw: str = "auto",
    seed: int = 2020,
    features: str | None = None,
    weights: Path | None = None,
    convention: str | None = None,
    device: str = "cpu",
) -> MeanAndStd:
    """Returns the kernel inception distance (KID, Binkowski et al. 2018) over random subsets of both sides.

    It is the unbiased MMD^2 with the kernel (x.y / D + 1)^3, and may be below 0. Smaller is better. Each side needs
    subset_size images. draw: "streams", "numpy" for the subsets of torch-fidelity, or "auto" for those of the
    convention, which are "streams" for features.
    """
    network = _network(features, weights, convention, device)
    options = {name: _whole(name, value) for name, value in (("subsets", subsets), ("subset_size", subset_size))}
    options |= {"draw": _text("draw", draw), "seed": _whole("seed", seed)}
    if _are_paths(network, generated, against):
        values = _of_images(network, generated, against, "kid", _toml("kid.", options))
        return MeanAndStd(values["kid"], values["kid_std"])
    a, b = _tensor(generated), _tensor(against)
    with _names_of_python():
        return MeanAndStd(*fqgan._core.kernel_distance(a, b, _toml("", options)))


def inception_score(
    generated: Features | Path,
    *,
    splits: int = 10,
    shuffle: bool = True,
    seed: int = 2020,
    features: str | None = None,
    weights: Path | None = None,
    convention: str | None = None,
    device: str = "cpu",
) -> MeanAndStd:
    """Returns the inception score (Salimans et al. 2016) of logits N x classes or of images, over splits.

    It is that of torch-fidelity, whose logits have no bias: subtract that of your last layer. Larger is better, from 1
    to the number of classes. Needs N >= splits. Images need a network with logits, such as features="inception".
    """
    network = _network(features, weights, convention, device)
    if not isinstance(shuffle, bool) and type(shuffle).__name__ not in ("bool", "bool_"):  # NumPy's
        raise TypeError(f"[metrics] expected True or False for shuffle, got {shuffle!r}")
    options = {"splits": _whole("splits", splits), "shuffle": bool(shuffle), "seed": _whole("seed", seed)}
    if _are_paths(network, generated):
        values = _of_images(network, generated, None, "is", _toml("inception_score.", options))
        return MeanAndStd(values["inception_score"], values["inception_score_std"])
    logits = _tensor(generated)
    with _names_of_python():
        return MeanAndStd(*fqgan._core.inception_score(logits, _toml("", options)))


def precision_recall(
    generated: Features | Path,
    against: Features | Path,
    *,
    neighbours: int = 3,
    features: str | None = None,
    weights: Path | None = None,
    convention: str | None = None,
    device: str = "cpu",
) -> PrecisionRecall:
    """Returns precision and recall (Kynkaanniemi et al. 2019), with distance <= radius as in torch-fidelity.

    Each side needs more than `neighbours` images. For paths, `neighbours` is 3.
    """
    neighbours = _whole("neighbours", neighbours)
    network = _network(features, weights, convention, device)
    if _are_paths(network, generated, against):
        _require_neighbours(neighbours, 3)
        values = _of_images(network, generated, against, "pr")
        return PrecisionRecall(values["precision"], values["recall"])
    counts = fqgan._core.neighbour_counts(_tensor(against), _tensor(generated), neighbours, strict=False)
    return PrecisionRecall(counts.precision, counts.recall)


def prdc(
    generated: Features | Path,
    against: Features | Path,
    *,
    neighbours: int = 5,
    features: str | None = None,
    weights: Path | None = None,
    convention: str | None = None,
    device: str = "cpu",
) -> PRDC:
    """Returns precision, recall, density and coverage (Naeem et al. 2020), with distance < radius as in their code.

    Each side needs more than `neighbours` images. For paths, `neighbours` is 5. The package prdc takes the real
    features first.
    """
    neighbours = _whole("neighbours", neighbours)
    network = _network(features, weights, convention, device)
    if _are_paths(network, generated, against):
        _require_neighbours(neighbours, 5)
        values = _of_images(network, generated, against, "prdc")
        return PRDC(values["prdc_precision"], values["prdc_recall"], values["density"], values["coverage"])
    counts = fqgan._core.neighbour_counts(_tensor(against), _tensor(generated), neighbours, strict=True)
    return PRDC(counts.precision, counts.recall, counts.density, counts.coverage)


def _network(features: str | None, weights: Path | None, convention: str | None, device: str) -> dict[str, str]:
    """Returns the arguments that choose how the features of images are computed, without those that are not given."""
    given = {"features": features, "weights": weights, "convention": convention}
    device = str(device) if isinstance(device, torch.device) else device
    given["device"] = None if device == "cpu" else device
    return {name: _text(name, value) for name, value in given.items() if value is not None}


def _is_path(side: Any) -> bool:
    return isinstance(side, (str, os.PathLike))


def _are_paths(network: dict[str, str], *sides: Any) -> bool:
    paths = [_is_path(side) for side in sides]
    if any(paths) and not all(paths):
        raise TypeError("[metrics] expected two paths or two sets of features, got one of each")
    if network and not any(paths):
        raise TypeError(f"[metrics] expected paths of images with {', '.join(network)}, got features")
    return all(paths)


def _of_images(
    network: dict[str, str], generated: Path, against: Path | None, metric: str, options: str = ""
) -> dict[str, float]:
    """Returns the values of a metric by their names without settings and extractor."""
    request = {name: value for name, value in network.items() if name != "device"}
    first = _text("a path", generated)
    second = None if against is None else _text("a path", against)
    device = network.get("device", "cpu")
    with _names_of_python():
        values, lines = fqgan._core.compare(first, second, [metric], request, options, device)
    for line in lines:
        warnings.warn(line, stacklevel=3)
    return {re.split(r"[\[/]", name)[0]: value for name, value in values}


def _require_neighbours(neighbours: int, only: int) -> None:
    if neighbours != only:
        raise ValueError(f"[metrics] expected neighbours = {only} for images, got {neighbours}. Hint: give features")


def _tensor(values: Features) -> torch.Tensor:
    """Returns a tensor on the CPU; of a NumPy array without a copy where that is possible."""
    import numpy

    if isinstance(values, torch.Tensor):
        if values.layout is not torch.strided or values.is_nested or values.is_meta:
            kind = "nested" if values.is_nested else "meta" if values.is_meta else str(values.layout)[len("torch.") :]
            raise TypeError(f"[metrics] expected a dense tensor with values, got a {kind} tensor")
        if values.is_floating_point() and values.element_size() == 1:
            raise TypeError(f"[metrics] expected features of 16 to 64 bits, got {values.dtype}. Hint: values.float()")
        tensor = values.detach().cpu()
    elif isinstance(values, numpy.ma.MaskedArray):
        raise TypeError("[metrics] expected a NumPy array without a mask, got a masked one")
    elif not isinstance(values, numpy.ndarray):
        raise TypeError(f"[metrics] expected a NumPy array or a torch tensor, got {type(values).__name__}")
    elif values.dtype.kind not in "fiub" or values.dtype.itemsize > 8:
        raise TypeError(f"[metrics] expected features of a floating type up to 64 bits, got {values.dtype}")
    else:
        native = values.astype(values.dtype.newbyteorder("="), copy=False)
        tensor = torch.from_numpy(native if native.flags.writeable and native.flags.c_contiguous else native.copy())
    if tensor.dim() > 2:
        hint = "Hint: images are given by the path of their folder; or compute their features with a network"
        raise ValueError(f"[metrics] expected features N x D, got shape {list(tensor.shape)}, as of images. {hint}")
    return tensor


def _whole(name: str, value: Any) -> int:
    """Returns an option that is an integer, of Python or NumPy."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"[metrics] expected an integer for {name}, got {value!r} ({type(value).__name__})") from None
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"[metrics] expected an integer of 64 bits for {name}, got {number}")
    return number


def _text(name: str, value: Any) -> str:
    """Returns an option or a path as text."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"[metrics] expected text for {name}, got {type(value).__name__}")
    if "\0" in text:
        raise ValueError(f"[metrics] expected text without a NUL character for {name}, got {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"[metrics] expected text in UTF-8 for {name}, got {text!r}") from None
    return text


# How the errors of `fqgan evaluate` name options, and what these functions call them.
_PYTHON_NAMES = (
    (r" \((?:--metrics|in a recipe) [^)]*\)", ""),
    (r"--set (?:kid|inception_score)\.(\w+)=(\S+)", r"\1=\2"),
    (r"\b(?:kid|inception_score)\.(\w+)", r"\1"),
    (r"--set data\.", "fqgan evaluate --set data."),
    (r"--(features|weights|convention|device) ([^\s,;()]+)", r'\1="\2"'),
    (r"--(features|weights|convention|device)\b", r"\1"),
    (r"\[options:\d+\]", "[metrics]"),
)


@contextlib.contextmanager
def _names_of_python():
    """Makes the UserErrors raised in it name the arguments of these functions instead of flags."""
    try:
        yield
    except fqgan._core.UserError as error:
        message = str(error)
        for pattern, name in _PYTHON_NAMES:
            message = re.sub(pattern, name, message)
        raise fqgan._core.UserError(_tool.printable(message)) from None


def _toml(prefix: str, options: dict[str, Any]) -> str:
    return "\n".join(f"{prefix}{name} = {json.dumps(value)}" for name, value in options.items())
