"""Metrics of generated images, computed from features in float64 by the same code as `fqgan evaluate`.

The functions take features (N x D) of both sides as NumPy arrays or torch tensors of any floating type. `generated` is
always the first side, `against` (real images) the second. N may differ between the sides, D may not. Given equal
features, the values are those of the tool that defined each metric (docs/metrics.md says which, and how closely).

Most metrics are biased by the number of images: compare values only over the same number, preferably 10,000 or more.

Errors: fqgan._core.UserError, a ValueError with one line that says what was expected and what was found, for other
shapes, types that are not floating, NaN, infinity, and too few images. The functions need the extension fqgan._core
(docs/python.md), which is loaded when the first of them is called.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import torch

import fqgan

if TYPE_CHECKING:
    import numpy

    Features = Union[numpy.ndarray, torch.Tensor]

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
        return cls(fqgan._core.Moments.from_covariance(_tensor(mean), _tensor(covariance), count))

    def add(self, features: Features) -> None:
        """Adds features N x D. The result does not depend on how they are divided into batches."""
        self._core.add(_tensor(features))

    def merge(self, other: Moments) -> None:
        """Adds all features of other moments."""
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


def fid(generated: Features | Moments, against: Features | Moments) -> float:
    """Returns the Frechet distance (FID, Heusel et al. 2017) of two sets of features or of their moments.

    It is that of pytorch-fid and torch-fidelity. Smaller is better, 0 is the best; the bias is upwards, by about 1 / N.
    """
    a, b = (side if isinstance(side, Moments) else moments(side) for side in (generated, against))
    return fqgan._core.frechet_distance(a._core, b._core)


def kid(
    generated: Features,
    against: Features,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    draw: str = "streams",
    seed: int = 2020,
) -> MeanAndStd:
    """Returns the kernel inception distance (KID, Binkowski et al. 2018) over random subsets of both sides.

    It is the unbiased MMD^2 with the kernel (x.y / D + 1)^3, and may be below 0. Smaller is better. Each side needs
    subset_size images. draw: "streams", or "numpy" for the subsets of torch-fidelity.
    """
    options = _toml(subsets=subsets, subset_size=subset_size, draw=draw, seed=seed)
    return MeanAndStd(*fqgan._core.kernel_distance(_tensor(generated), _tensor(against), options))


def inception_score(
    logits: Features, *, splits: int = 10, shuffle: bool = True, seed: int = 2020
) -> MeanAndStd:
    """Returns the inception score (Salimans et al. 2016) of logits N x classes, over splits of the images.

    It is that of torch-fidelity, whose logits have no bias: subtract that of your last layer. Larger is better, from 1
    to the number of classes. Needs N >= splits.
    """
    options = _toml(splits=splits, shuffle=shuffle, seed=seed)
    return MeanAndStd(*fqgan._core.inception_score(_tensor(logits), options))


def precision_recall(generated: Features, against: Features, *, neighbours: int = 3) -> PrecisionRecall:
    """Returns precision and recall (Kynkaanniemi et al. 2019), with distance <= radius as in torch-fidelity.

    Each side needs more than `neighbours` images.
    """
    counts = fqgan._core.neighbour_counts(_tensor(against), _tensor(generated), neighbours, strict=False)
    return PrecisionRecall(counts.precision, counts.recall)


def prdc(generated: Features, against: Features, *, neighbours: int = 5) -> PRDC:
    """Returns precision, recall, density and coverage (Naeem et al. 2020), with distance < radius as in their code.

    Each side needs more than `neighbours` images. The package prdc takes the real features first.
    """
    counts = fqgan._core.neighbour_counts(_tensor(against), _tensor(generated), neighbours, strict=True)
    return PRDC(counts.precision, counts.recall, counts.density, counts.coverage)


def _tensor(values: Features) -> torch.Tensor:
    """Returns a tensor on the CPU; of a NumPy array without a copy where that is possible."""
    if isinstance(values, torch.Tensor):
        return values.detach().cpu()
    import numpy

    if not isinstance(values, numpy.ndarray):
        raise TypeError(f"[metrics] expected a NumPy array or a torch tensor, got {type(values).__name__}")
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(native if native.flags.writeable and native.flags.c_contiguous else native.copy())


def _toml(**options: Any) -> str:
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
