"""FeatureQuantizer: the layer of FQ-GAN (Zhao et al. 2020, section 3), built on the operators torch.ops.fqgan.

It matches FQ-BigGAN/vq_layer.py of YangNaruto/FQ-GAN. Mode "loss_only" is how the models of FQ-GAN use that layer, mode
"straight_through" is the text of the paper. With average = "zero_debiased" and a batch in groups it matches the layers
of FQ-StyleGAN and FQ-U-GAT-IT. It differs on purpose in three points: the dictionary is K x D; it is replaced, never
written into, so two forwards before one backward are right; features that are not finite raise.
"""

import dataclasses

import torch

from fqgan import _dictionary, _library

_library.load()

MODES = ("loss_only", "straight_through")
INITIALISATIONS = ("normal", "variance_scaling", "kmeans")
AVERAGES = ("plain", "zero_debiased")
CUT_OFF_STD = 0.87962566103423978  # standard deviation of N(0, 1) cut off at -2 and 2


def _require(condition, expected, got):
    if not condition:
        raise ValueError(f"[FeatureQuantizer] expected {expected}, got {got!r}")


@dataclasses.dataclass
class _State:
    """What an update changes. updates: their number, with zero-debiased averages only."""

    codebook: torch.Tensor
    codebook_sum: torch.Tensor
    cluster_size: torch.Tensor
    updates: torch.Tensor | None = None


class FeatureQuantizer(_dictionary.WideBuffers):
    """Matches each position of a feature map with its nearest entry of a dictionary that follows the features.

    dim: D, channels of the features. codes: K, entries of the dictionary.
    decay: momentum of the dictionary. epsilon: Laplace smoothing of the cluster sizes.
    commitment: factor of the loss.
    mode: "loss_only" returns the features as they are; "straight_through" returns their entries, and gradients pass
        straight through.
    warmup_images: with "straight_through", the fraction of the entries in the output grows from 0 to 1 over this number
        of images. All images that the layer sees in training count, real and generated.
    initialisation: "normal": N(0, 1) entries. "variance_scaling": entries from N(0, 1 / D), cut off at two standard
        deviations (FQ-StyleGAN). "kmeans": centres of the first batch in training.
    average: momentum averages of counts and sums. "plain" (FQ-BigGAN), or "zero_debiased": divided by
        1 - decay^updates, so that the initial dictionary has no weight and unused codes become zero (FQ-StyleGAN,
        FQ-U-GAT-IT).
    dead_code_threshold: a code whose momentum count of rows falls below it becomes a random row of the batch; 0: never.
    sync: with torch.distributed, all processes share one dictionary, because counts and sums are added up. R processes
        with N/R images then do the same as one process with N images.

    Buffers: codebook K x D, codebook_sum K x D, cluster_size K; with warmup_images also images_seen, with
    average="zero_debiased" also updates. They change in training mode only. They are float32 or float64: .half() and
    .bfloat16() do not change them. A network may use one layer at several places, which then share its dictionary.
    """

    def __init__(
        self,
        dim,
        codes,
        decay=0.8,
        commitment=1.0,
        mode="loss_only",
        *,
        epsilon=1e-5,
        initialisation="normal",
        average="plain",
        dead_code_threshold=0.0,
        warmup_images=0,
        sync=True,
    ):
        super().__init__()
        _require(dim >= 1, "dim of at least 1", dim)
        _require(codes >= 1, "codes of at least 1", codes)
        _require(0 <= decay < 1, "decay of 0 or more and under 1", decay)
        _require(commitment >= 0, "commitment of 0 or more", commitment)
        _require(mode in MODES, f"mode of {MODES}", mode)
        _require(epsilon > 0, "epsilon of more than 0", epsilon)
        _require(initialisation in INITIALISATIONS, f"initialisation of {INITIALISATIONS}", initialisation)
        _require(average in AVERAGES, f"average of {AVERAGES}", average)
        _require(dead_code_threshold >= 0, "dead_code_threshold of 0 or more", dead_code_threshold)
        _require(warmup_images >= 0, "warmup_images of 0 or more", warmup_images)
        self.dim, self.codes, self.decay, self.commitment, self.mode = dim, codes, decay, commitment, mode
        self.epsilon, self.initialisation, self.dead_code_threshold = epsilon, initialisation, dead_code_threshold
        self.average, self.warmup_images, self.sync = average, warmup_images, sync
        self._waits_for_kmeans = initialisation == "kmeans"
        codebook = torch.randn(codes, dim)
        if initialisation == "variance_scaling":
            std = dim**-0.5 / CUT_OFF_STD
            torch.nn.init.trunc_normal_(codebook, std=std, a=-2 * std, b=2 * std)
        self.register_buffer("codebook", codebook)
        self.register_buffer("codebook_sum", torch.zeros_like(codebook) if self._is_debiased() else codebook.clone())
        self.register_buffer("cluster_size", torch.zeros(codes))
        if self._is_debiased():
            self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        if warmup_images:
            self.register_buffer("images_seen", torch.zeros((), dtype=torch.long))

    def forward(self, features, groups=None):
        """features: N x D x H x W or M x D in any memory order; float16, bfloat16, float32 or float64. For float64
        features the dictionary must be float64 (.double()).

        groups: sizes that add up to N, such as [real, generated]. Each group in turn is looked up and updates the
        dictionary, as FQ-StyleGAN and FQ-U-GAT-IT do. None: one lookup and one update by the whole batch (FQ-BigGAN).

        Returns three tensors:
        - the output, with the shape and type of the features;
        - the loss N (or M): commitment times the mean over the elements of an image of (x - e)^2; float32, or float64
          for float64 features;
        - the perplexity of the code usage, in training over all processes.

        Errors: RuntimeError for features with a wrong shape or values that are not finite; nothing has changed then.
        """
        _dictionary.require_no_replica(self)
        parts = _dictionary.split_groups(features, groups, "FeatureQuantizer")
        state = _State(self.codebook, self.codebook_sum, self.cluster_size, getattr(self, "updates", None))
        starts = self.training and self._waits_for_kmeans
        if starts:
            state = self._start_from(features.detach())
        outputs, losses, counts = [], [], 0
        for part in parts:
            output, loss, count, state = self._step(part, state)
            outputs.append(output)
            losses.append(loss)
            counts = counts + count
        if self.training:
            self._take(state, len(features))
        output = features if self.mode == "loss_only" else torch.cat(outputs) if groups else outputs[0]
        loss = torch.cat(losses) if groups else losses[0]
        return output, loss * self.commitment, _dictionary.perplexity(counts)

    def _step(self, features, state):
        """Returns output, loss, counts of the codes and, in training, the next state. The layer does not change."""
        rows = features.detach()
        codebook = state.codebook  # what the graph keeps; the update puts another tensor in its place
        codes = torch.ops.fqgan.nearest_code(rows, codebook)
        loss = torch.ops.fqgan.commitment_loss(features, codebook, codes)
        counts, sums = torch.ops.fqgan.code_statistics(rows, codes, self.codes)
        total = loss.detach().sum()
        if self.training:
            counts, sums, total = _dictionary.summed((counts, sums, total), self.sync)
        _dictionary.require_finite(total)
        if self.training:
            state = self._updated(rows, counts, sums, state)
        return self._output(features, codebook, codes), loss, counts, state

    def _is_debiased(self):
        return self.average == "zero_debiased"

    def _start_from(self, rows):
        """Returns the state that k-means finds."""
        torch.ops.fqgan.nearest_code(rows, self.codebook)  # for its checks
        squares = rows.to(torch.promote_types(rows.dtype, torch.float32)).pow(2).sum()  # as the loss will need them
        _dictionary.require_finite(_dictionary.summed([squares], self.sync)[0])
        centres, counts = _dictionary.kmeans(rows, self.codes, sync=self.sync)
        size = counts.clamp_min(1).to(self.cluster_size.dtype)
        codebook = centres.to(self.codebook.dtype)
        if not self._is_debiased():
            return _State(codebook, codebook * size.unsqueeze(1), size)
        size = size * (1 - self.decay)  # as after a first update with these counts
        return _State(codebook, codebook * size.unsqueeze(1), size, torch.ones_like(self.updates))

    def _updated(self, rows, counts, sums, state):
        updates = None if state.updates is None else state.updates + 1
        codebook, codebook_sum, cluster_size = torch.ops.fqgan.momentum_update(
            state.codebook_sum, state.cluster_size, counts, sums, self.decay, self.epsilon, updates
        )
        if self.dead_code_threshold > 0:
            threshold = torch.full_like(cluster_size, self.dead_code_threshold)
            if updates is not None:  # of the average, which is the count over this weight
                threshold = threshold * (1 - self.decay ** updates.to(cluster_size.dtype))
            dead = cluster_size < threshold
            fresh = _dictionary.random_rows(rows, self.codes, self.sync).to(codebook.dtype)
            codebook = torch.where(dead.unsqueeze(1), fresh, codebook)
            codebook_sum = torch.where(dead.unsqueeze(1), fresh * threshold.unsqueeze(1), codebook_sum)
            cluster_size = torch.where(dead, threshold, cluster_size)
        return _State(codebook, codebook_sum, cluster_size, updates)

    def _take(self, state, images):
        self.codebook, self.codebook_sum, self.cluster_size = state.codebook, state.codebook_sum, state.cluster_size
        if state.updates is not None:
            self.updates = state.updates
        if self.warmup_images:
            seen = torch.full_like(self.images_seen, images)
            self.images_seen = self.images_seen + _dictionary.summed([seen], self.sync)[0]
        self._waits_for_kmeans = False

    def _output(self, features, codebook, codes):
        if self.mode == "loss_only":
            return features
        entries = torch.ops.fqgan.straight_through(features, codebook, codes)
        if not self.warmup_images:
            return entries
        fraction = (self.images_seen / self.warmup_images).clamp(max=1).to(features.dtype)
        return torch.lerp(features, entries, fraction)

    def _load_from_state_dict(self, state_dict, prefix, *arguments):
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        size = state_dict.get(prefix + "cluster_size")
        if size is not None:  # a dictionary that has had rows is not made anew
            self._waits_for_kmeans = self.initialisation == "kmeans" and not bool(size.any())

    def extra_repr(self):
        return f"{self.dim}, {self.codes}, decay={self.decay}, commitment={self.commitment}, mode={self.mode!r}"
