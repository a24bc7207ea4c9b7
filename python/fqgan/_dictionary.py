"""Functions that the layers share: statistics over all processes, rows of a batch, k-means and perplexity.

`features` are N x D x H x W or M x D. A codebook K x D has K codes of D elements. With torch.distributed, the rows of
all processes are one batch, in the order of their ranks.
"""

import torch
import torch.distributed as distributed

KMEANS_ITERATIONS = 10


class WideBuffers(torch.nn.Module):
    """A module whose buffers remain float32 or float64: .half() and .bfloat16() move them, but keep their type."""

    def _apply(self, fn, recurse=True):
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, kept in before.items():
            moved = self._buffers[name]
            if moved.is_floating_point() and moved.dtype not in (torch.float32, torch.float64):
                setattr(self, name, kept.to(moved.device))
        return self


class _InOrder(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.contiguous() if not x.is_contiguous() else x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return gradient.contiguous()


def in_order(x):
    """Returns x in contiguous memory, and so is its gradient: sums of PyTorch's own operators depend on the order."""
    return _InOrder.apply(x)


def split_groups(x, groups, where):
    """Returns the parts of a batch. groups: their sizes, which add up to the batch; None: one part."""
    if groups is None:
        return [x]
    if not len(groups) or min(groups) < 0 or sum(groups) != len(x):
        raise ValueError(f"[{where}] expected groups of {len(x)} examples in all, got {groups!r}")
    return x.split(list(groups))


def has_others(sync=True):
    """Whether this is one of several processes that share a dictionary."""
    return sync and distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def summed(tensors, sync=True):
    """Returns the tensors, each summed over all processes, with one collective."""
    if not has_others(sync):
        return tensors
    flat = torch.cat([x.flatten() for x in tensors])
    distributed.all_reduce(flat)
    parts = flat.split([x.numel() for x in tensors])
    return tuple(part.view_as(x) for part, x in zip(parts, tensors))


def require_finite(total):
    """total: a sum over values that must be finite. It is the same on all processes, so all of them raise."""
    message = "[fqgan] expected finite features, got NaN, infinity or an overflow; the dictionary was left as it was"
    if torch.compiler.is_compiling():
        torch._assert_async(torch.isfinite(total), message)  # stays in the graph
    elif not bool(torch.isfinite(total)):
        raise RuntimeError(message)


def require_no_replica(module):
    """Raises in a replica of DataParallel, which trains copies and throws them away with their dictionary."""
    if module.training and getattr(module, "_is_replica", False):
        raise RuntimeError(
            "[fqgan] expected one module per process, got a replica of torch.nn.DataParallel, which would lose the"
            " dictionary's updates. Hint: use torch.nn.parallel.DistributedDataParallel"
        )


def perplexity(counts):
    """exp of the entropy of the code usage: 1 if one code takes all rows, K if all take the same number."""
    fractions = counts / counts.sum()
    return torch.exp(-(fractions * torch.log(fractions + 1e-10)).sum())


def rows_at(features, indices):
    """Returns the rows with these indices, counted by image and position, as a matrix."""
    if features.dim() == 2:
        return features[indices]
    positions = features.shape[2] * features.shape[3]
    return features.flatten(2).transpose(1, 2)[indices // positions, indices % positions]


def random_indices(rows, count, device):
    """Returns random row indices, without repetition if there are enough rows."""
    if rows >= count:
        return torch.randperm(rows, device=device)[:count]
    return torch.randint(0, rows, (count,), device=device)


def random_rows(features, count, sync=True):
    """Returns count x D random rows of the batch; float32, or float64 for float64 features.

    The generator of torch on rank 0 draws them, so all processes get the same rows.
    """
    own = features.numel() // features.shape[1]
    dtype = torch.promote_types(features.dtype, torch.float32)
    if not has_others(sync):
        return rows_at(features, random_indices(own, count, features.device)).to(dtype)
    sizes = torch.zeros(distributed.get_world_size(), dtype=torch.long, device=features.device)
    sizes[distributed.get_rank()] = own
    distributed.all_reduce(sizes)
    indices = random_indices(int(sizes.sum()), count, features.device)
    distributed.broadcast(indices, src=0)
    indices = indices - sizes[: distributed.get_rank()].sum()
    mine = (indices >= 0) & (indices < own)
    (rows,) = summed([rows_at(features, indices.clamp(0, own - 1)).to(dtype) * mine.unsqueeze(1)])
    return rows


def kmeans(features, codes, iterations=KMEANS_ITERATIONS, sync=True):
    """Lloyd's k-means from random rows. Returns the centres K x D and the number of rows of each in the last round.

    A centre without rows does not move. torch.ops.fqgan.kmeans does the same within one process.
    """
    if iterations < 1:
        raise ValueError(f"[kmeans] expected at least 1 iteration, got {iterations}")
    centres = random_rows(features, codes, sync)
    counts = centres.new_zeros(codes)
    for _ in range(iterations):
        nearest = torch.ops.fqgan.nearest_code(features, centres)
        counts, sums = summed(torch.ops.fqgan.code_statistics(features, nearest, codes), sync)
        centres = torch.where((counts > 0).unsqueeze(1), sums / counts.clamp_min(1).unsqueeze(1), centres)
    return centres, counts
