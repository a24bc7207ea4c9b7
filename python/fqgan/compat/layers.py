"""Layers with the interfaces of two other implementations. A training that began with those can continue with these.

Quantize matches FQ-BigGAN/vq_layer.py of YangNaruto/FQ-GAN. VectorQuantize matches the Euclidean dictionary with
momentum updates of vector-quantize-pytorch 1.32 (lucidrains). Both have the same arguments, outputs and state keys as
their originals. They differ on purpose in three points: the dictionary is replaced, never written into; features that
are not finite raise; codes are exact, so they may differ where two codes are equally near within rounding.
"""

import torch
import torch.nn.functional as F

from fqgan import _dictionary, _library

_library.load()


class Quantize(_dictionary.WideBuffers):
    """The layer of FQ-GAN with its arguments, outputs and state. fqgan.FeatureQuantizer has more options.

    Buffers: embed D x K, embed_avg D x K, cluster_size K.
    """

    def __init__(self, dim, n_embed, commitment=1.0, decay=0.8, eps=1e-5):
        super().__init__()
        self.dim, self.n_embed, self.commitment, self.decay, self.eps = dim, n_embed, commitment, decay, eps
        embed = torch.randn(dim, n_embed)
        self.register_buffer("embed", embed)
        self.register_buffer("cluster_size", torch.zeros(n_embed))
        self.register_buffer("embed_avg", embed.clone())

    def forward(self, x, y=None):
        """x: N x D x H x W. Returns the quantized map (straight through), the loss N x 1 and the perplexity.

        y is not used, as in FQ-GAN.
        """
        _dictionary.require_no_replica(self)
        features, codebook = x.detach(), self.embed.t().contiguous()
        codes = torch.ops.fqgan.nearest_code(features, codebook)
        loss = torch.ops.fqgan.commitment_loss(x, codebook, codes)
        _dictionary.require_finite(loss.detach().sum())
        counts, sums = torch.ops.fqgan.code_statistics(features, codes, self.n_embed)
        if self.training:
            embed, embed_avg, self.cluster_size = torch.ops.fqgan.momentum_update(
                self.embed_avg.t(), self.cluster_size, counts, sums, self.decay, self.eps
            )
            self.embed, self.embed_avg = embed.t().contiguous(), embed_avg.t().contiguous()
        quantized = torch.ops.fqgan.straight_through(x, codebook, codes)
        return quantized, self.commitment * loss.unsqueeze(1), _dictionary.perplexity(counts)

    def embed_code(self, embed_id):
        """Returns the entries of these codes: ... -> ... x D."""
        return F.embedding(embed_id, self.embed.t())


class _Codebook(_dictionary.WideBuffers):
    """The state of VectorQuantize under its names. All tensors have a leading 1 (one codebook)."""

    def __init__(self, dim, codebook_size, kmeans_init):
        super().__init__()
        embed = torch.zeros(1, codebook_size, dim)
        if not kmeans_init:
            torch.nn.init.kaiming_uniform_(embed)
        self.register_buffer("initted", torch.tensor(not kmeans_init))
        self.register_buffer("cluster_size", torch.ones(1, codebook_size))
        self.register_buffer("embed_avg", embed.clone())
        self.register_buffer("embed", embed)

    def replace(self, embed, embed_avg, cluster_size):
        dtype = self.embed.dtype
        self.embed, self.embed_avg, self.cluster_size = (
            x.to(dtype).unsqueeze(0) for x in (embed, embed_avg, cluster_size)
        )


class VectorQuantize(torch.nn.Module):
    """VectorQuantize of vector-quantize-pytorch: one Euclidean dictionary with momentum updates, k-means and revival.

    It has these arguments of the original: decay, eps, commitment_weight, kmeans_init, kmeans_iters,
    threshold_ema_dead_code (0: never), channel_last, accept_image_fmap, and rotation_trick (gradients by rotation, the
    default there; False: straight through). Any other argument is a TypeError. With torch.distributed, all processes
    share one dictionary.
    """

    def __init__(
        self,
        dim,
        codebook_size,
        *,
        decay=0.8,
        eps=1e-5,
        commitment_weight=1.0,
        kmeans_init=False,
        kmeans_iters=10,
        threshold_ema_dead_code=0,
        channel_last=True,
        accept_image_fmap=False,
        rotation_trick=None,
        **others,
    ):
        if others:
            raise TypeError(
                f"[VectorQuantize] expected decay, eps, commitment_weight, kmeans_init, kmeans_iters,"
                f" threshold_ema_dead_code, channel_last, accept_image_fmap or rotation_trick, got {', '.join(others)}."
                " Hint: for these take vector_quantize_pytorch.VectorQuantize"
            )
        super().__init__()
        self.dim, self.codebook_size, self.decay, self.eps = dim, codebook_size, decay, eps
        self.commitment_weight, self.kmeans_iters = commitment_weight, kmeans_iters
        self.threshold_ema_dead_code = threshold_ema_dead_code
        self.channel_last, self.accept_image_fmap = channel_last, accept_image_fmap
        self.rotation_trick = dim > 1 if rotation_trick is None else rotation_trick
        self._codebook = _Codebook(dim, codebook_size, kmeans_init)

    @property
    def codebook(self):
        """K x D."""
        return self._codebook.embed[0]

    def forward(self, x):
        """x: N x ... x D; N x D x L with channel_last = False; N x D x H x W with accept_image_fmap; or N x D.

        Returns the quantized x, its codes (shape of x without D) and the loss, a scalar; in eval mode the loss is 0.
        """
        _dictionary.require_no_replica(self)
        features = self._as_features(x)
        rows = features.detach()
        if not bool(self._codebook.initted):
            self._start_from(rows)
        codebook = self.codebook
        codes = torch.ops.fqgan.nearest_code(rows, codebook)
        loss = torch.zeros((), device=x.device)
        if self.training:
            loss = torch.ops.fqgan.commitment_loss(features, codebook, codes).mean() * self.commitment_weight
            self._update(rows, codes, loss.detach())
        quantized = self._entries(features, codebook, codes)
        return quantized.reshape(x.shape), codes.reshape(self._code_shape(x)), loss

    def get_codes_from_indices(self, indices):
        """Returns the entries of these codes: ... -> ... x D, or N x D x ... if D is the second dimension of x."""
        entries = self.codebook[indices]
        return entries if self._has_channels_last() else entries.movedim(-1, 1)

    def _has_channels_last(self):
        return self.channel_last and not self.accept_image_fmap

    def _as_features(self, x):
        """Returns x as a map N x D x H x W or as rows M x D."""
        if self.accept_image_fmap and x.dim() != 4:
            raise ValueError(f"[VectorQuantize] expected N x D x H x W, got shape {list(x.shape)}")
        if self.accept_image_fmap or x.dim() == 2:
            return x
        if self.channel_last:
            return x.reshape(-1, x.shape[-1])
        if x.dim() != 3:
            raise ValueError(f"[VectorQuantize] expected N x D x L or N x D, got shape {list(x.shape)}")
        return x.unsqueeze(-1)

    def _code_shape(self, x):
        return x.shape[:-1] if self._has_channels_last() or x.dim() == 2 else (x.shape[0], *x.shape[2:])

    def _entries(self, features, codebook, codes):
        if not (self.training and self.rotation_trick and features.requires_grad):
            return torch.ops.fqgan.straight_through(features, codebook, codes)
        return _rotated(features, torch.ops.fqgan.straight_through(features.detach(), codebook, codes))

    def _start_from(self, rows):
        torch.ops.fqgan.nearest_code(rows, self.codebook)  # for its checks
        _dictionary.require_finite(_dictionary.summed([rows.sum(dtype=torch.float64)])[0])
        centres, counts = _dictionary.kmeans(rows, self.codebook_size, self.kmeans_iters)
        nothing = torch.zeros_like(centres)
        embed_sum = centres * counts.unsqueeze(1)
        embed, embed_avg, cluster_size = torch.ops.fqgan.momentum_update(
            embed_sum, counts, counts, nothing, 1.0, self.eps
        )
        self._codebook.replace(embed, embed_avg, cluster_size)
        self._codebook.initted = torch.ones_like(self._codebook.initted)

    def _update(self, rows, codes, loss):
        state = self._codebook
        statistics = torch.ops.fqgan.code_statistics(rows, codes, self.codebook_size)
        counts, sums, total = _dictionary.summed((*statistics, loss))
        _dictionary.require_finite(total)
        embed, embed_avg, cluster_size = torch.ops.fqgan.momentum_update(
            state.embed_avg[0], state.cluster_size[0], counts, sums, self.decay, self.eps
        )
        dead = cluster_size < self.threshold_ema_dead_code
        if self.threshold_ema_dead_code > 0 and bool(dead.any()):
            self._revive(rows, dead, embed, embed_avg, cluster_size)
        state.replace(embed, embed_avg, cluster_size)

    def _revive(self, rows, dead, embed, embed_avg, cluster_size):
        """Replaces dead codes by rows of the batch, at most as many as there are rows. Changes the new dictionary."""
        dead = dead.nonzero().squeeze(1)
        own = rows.numel() // rows.shape[1]
        if len(dead) > own and not _dictionary.has_others():
            dead = dead[torch.randperm(len(dead), device=dead.device)[:own]].sort().values
        fresh = _dictionary.random_rows(rows, len(dead)).to(embed.dtype)
        embed[dead] = fresh
        embed_avg[dead] = fresh * self.threshold_ema_dead_code
        cluster_size[dead] = self.threshold_ema_dead_code


def _rotated(x, entries):
    """Returns the values of the entries, made from x by a rotation and a scale that are constants for the gradient.

    Fifty et al. 2024 (arXiv 2410.06424), section 4.2. D is the second dimension.
    """
    x, entries = _dictionary.in_order(x), entries.contiguous()
    with torch.no_grad():
        size, entry_size = x.norm(dim=1, keepdim=True), entries.norm(dim=1, keepdim=True)
        from_x, to_entry = x / size.clamp_min(1e-6), entries / entry_size.clamp_min(1e-6)
        between = F.normalize(from_x + to_entry, dim=1, eps=1e-6)
        scale = entry_size / size.clamp_min(1e-6)
    along, across = (x * from_x).sum(1, keepdim=True), (x * between).sum(1, keepdim=True)
    return _dictionary.in_order((x - 2 * across * between + 2 * along * to_entry) * scale)
