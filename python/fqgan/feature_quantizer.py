"""FeatureQuantizer: the layer of FQ-GAN (Zhao et al. 2020, section 3), built on the operators torch.ops.fqgan.

It matches FQ-BigGAN/vq_layer.py of YangNaruto/FQ-GAN. Mode "loss_only" is how the models of FQ-GAN use that layer, mode
"straight_through" is the text of the paper. It differs on purpose in three points: the dictionary is K x D; it is
replaced, never written into, so two forwards before one backward are right; features that are not finite raise.
"""

import torch

from fqgan import _dictionary

MODES = ("loss_only", "straight_through")
INITIALISATIONS = ("normal", "kmeans")
STATE = ("codebook", "codebook_sum", "cluster_size")


def _require(condition, expected, got):
    if not condition:
        raise ValueError(f"[FeatureQuantizer] expected {expected}, got {got!r}")


class FeatureQuantizer(torch.nn.Module):
    """Matches each position of a feature map with its nearest entry of a dictionary that follows the features.

    dim: D, channels of the features. codes: K, entries of the dictionary.
    decay: momentum of the dictionary. epsilon: Laplace smoothing of the cluster sizes.
    commitment: factor of the loss.
    mode: "loss_only" returns the features as they are; "straight_through" returns their entries, and gradients pass
        straight through.
    warmup_images: with "straight_through", the fraction of the entries in the output grows from 0 to 1 over this number
        of images. All images that the layer sees in training count, real and generated.
    initialisation: "normal": N(0, 1) entries. "kmeans": centres of the first batch in training.
    dead_code_threshold: a code whose momentum count of rows falls below it becomes a random row of the batch; 0: never.
    sync: with torch.distributed, all processes share one dictionary, because counts and sums are added up. R processes
        with N/R images then do the same as one process with N images.

    Buffers: codebook K x D, codebook_sum K x D, cluster_size K; with warmup_images also images_seen. They change in
    training mode only. They are float32 or float64: .half() and .bfloat16() do not change them.
    A network may use one layer at several places, which then share its dictionary.
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
        _require(dead_code_threshold >= 0, "dead_code_threshold of 0 or more", dead_code_threshold)
        _require(warmup_images >= 0, "warmup_images of 0 or more", warmup_images)
        self.dim, self.codes, self.decay, self.commitment, self.mode = dim, codes, decay, commitment, mode
        self.epsilon, self.initialisation, self.dead_code_threshold = epsilon, initialisation, dead_code_threshold
        self.warmup_images, self.sync = warmup_images, sync
        self._waits_for_kmeans = initialisation == "kmeans"
        codebook = torch.randn(codes, dim)
        self.register_buffer("codebook", codebook)
        self.register_buffer("codebook_sum", codebook.clone())
        self.register_buffer("cluster_size", torch.zeros(codes))
        if warmup_images:
            self.register_buffer("images_seen", torch.zeros((), dtype=torch.long))

    def forward(self, features):
        """features: N x D x H x W, contiguous or channels_last, or M x D; float32, bfloat16 or float64.

        Returns three tensors:
        - the output, with the shape and type of the features;
        - the loss N (or M): commitment times the mean over the elements of an image of (x - e)^2; float32, or float64
          for float64 features;
        - the perplexity of the code usage, in training over all processes.

        Errors: RuntimeError for features with a wrong shape or values that are not finite; nothing has changed then.
        """
        _dictionary.require_no_replica(self)
        rows = features.detach()
        codes = torch.ops.fqgan.nearest_code(rows, self.codebook)
        starts = self.training and self._waits_for_kmeans
        state = self._start_from(rows) if starts else [getattr(self, name) for name in STATE]
        codebook = state[0]  # what the graph keeps; the update puts another tensor in its place
        if starts:
            codes = torch.ops.fqgan.nearest_code(rows, codebook)
        loss = torch.ops.fqgan.commitment_loss(features, codebook, codes)
        counts, sums = torch.ops.fqgan.code_statistics(rows, codes, self.codes)
        total = loss.detach().sum()
        if self.training:
            counts, sums, total = _dictionary.summed((counts, sums, total), self.sync)
        _dictionary.require_finite(total)
        if self.training:
            self._update(rows, counts, sums, *state[1:])
        if starts:
            self._waits_for_kmeans = False
        output = self._output(features, codebook, codes)
        return output, loss * self.commitment, _dictionary.perplexity(counts)

    def _start_from(self, rows):
        """Returns the state that k-means finds. The state of the layer does not change."""
        squares = rows.to(torch.promote_types(rows.dtype, torch.float32)).pow(2).sum()  # as the loss will need them
        _dictionary.require_finite(_dictionary.summed([squares], self.sync)[0])
        centres, counts = _dictionary.kmeans(rows, self.codes, sync=self.sync)
        size = counts.clamp_min(1).to(self.cluster_size.dtype)
        codebook = centres.to(self.codebook.dtype)
        return codebook, codebook * size.unsqueeze(1), size

    def _update(self, rows, counts, sums, codebook_sum, cluster_size):
        codebook, codebook_sum, cluster_size = torch.ops.fqgan.momentum_update(
            codebook_sum, cluster_size, counts, sums, self.decay, self.epsilon
        )
        if self.dead_code_threshold > 0:
            dead = cluster_size < self.dead_code_threshold
            fresh = _dictionary.random_rows(rows, self.codes, self.sync).to(codebook.dtype)
            codebook = torch.where(dead.unsqueeze(1), fresh, codebook)
            codebook_sum = torch.where(dead.unsqueeze(1), fresh * self.dead_code_threshold, codebook_sum)
            cluster_size = cluster_size.masked_fill(dead, self.dead_code_threshold)
        self.codebook, self.codebook_sum, self.cluster_size = codebook, codebook_sum, cluster_size

    def _output(self, features, codebook, codes):
        if self.mode == "loss_only":
            return features
        entries = torch.ops.fqgan.straight_through(features, codebook, codes)
        if not self.warmup_images:
            return entries
        fraction = (self.images_seen / self.warmup_images).clamp(max=1).to(features.dtype)
        if self.training:
            images = torch.full_like(self.images_seen, features.shape[0])
            self.images_seen = self.images_seen + _dictionary.summed([images], self.sync)[0]
        return torch.lerp(features, entries, fraction)

    def _apply(self, fn, recurse=True):
        before = {name: getattr(self, name) for name in STATE}
        super()._apply(fn, recurse)
        for name, kept in before.items():
            moved = getattr(self, name)
            if moved.dtype not in (torch.float32, torch.float64):
                setattr(self, name, kept.to(moved.device))
        return self

    def _load_from_state_dict(self, state_dict, prefix, *arguments):
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        size = state_dict.get(prefix + "cluster_size")
        if size is not None:  # a dictionary that has had rows is not made anew
            self._waits_for_kmeans = self.initialisation == "kmeans" and not bool(size.any())

    def extra_repr(self):
        return f"{self.dim}, {self.codes}, decay={self.decay}, commitment={self.commitment}, mode={self.mode!r}"
