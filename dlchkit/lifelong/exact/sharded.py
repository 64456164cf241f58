"""Exact hashing over many machines: what a worker is given, what it sends back, and the plain sum of both."""

from dataclasses import dataclass

import numpy as np
import torch

from dlchkit.lifelong.exact.estimator import ExactHashing
from dlchkit.lifelong.exact.inputs import SIDES
from dlchkit.lifelong.exact.label_codes import LabelCodes
from dlchkit.lifelong.exact.random_features import RandomFeatures
from dlchkit.lifelong.exact.sums import ModalitySums


@dataclass(frozen=True)
class ShardSums:
    """What a shard of items adds to exact hashing: sums and counts, no item and no code.

    .. math:: G = \\sum_i \\varphi_i \\varphi_i^T, \\qquad P_l = \\sum_{i: l(i) = l} \\varphi_i, \\qquad n_l

    Shards are put together by ``+``, in any order: the result differs in rounding alone.

    Attributes
    ----------
    vectors : bool (n_label_vectors, n_classes), distinct, in lexicographic order
    counts : int64 (n_label_vectors,), items of each
    gram : side -> float64 (width, width), as in `ModalitySums`
    by_label : side -> float64 (n_label_vectors, width)

    Notes
    -----
    The order of the label vectors does not depend on that of the shards, and so neither do
    the codes that are learned for them.
    """

    vectors: np.ndarray
    counts: np.ndarray
    gram: dict[str, np.ndarray]
    by_label: dict[str, np.ndarray]

    def __add__(self, other: "ShardSums") -> "ShardSums":
        n_classes = max(self.vectors.shape[1], other.vectors.shape[1])
        both = [np.pad(one.vectors, ((0, 0), (0, n_classes - one.vectors.shape[1]))) for one in (self, other)]
        vectors, rows = np.unique(np.concatenate(both), axis=0, return_inverse=True)
        counts = np.zeros(len(vectors), dtype=np.int64)
        np.add.at(counts, rows.ravel(), np.concatenate([self.counts, other.counts]))
        mine, theirs = np.split(rows.ravel(), [len(self.vectors)])
        by_label = {side: np.zeros((len(vectors), self.by_label[side].shape[1])) for side in SIDES}
        for side in SIDES:
            by_label[side][mine] = self.by_label[side]
            by_label[side][theirs] += other.by_label[side]
        return ShardSums(vectors, counts, {side: self.gram[side] + other.gram[side] for side in SIDES}, by_label)

    @property
    def n_items(self) -> int:
        """Labelled items summed."""
        return int(self.counts.sum())

    @property
    def nbytes(self) -> int:
        """Bytes that travel: they depend on features and label vectors, not on items."""
        return sum(array.nbytes for array in (self.vectors, self.counts, *self.gram.values(), *self.by_label.values()))


@dataclass(frozen=True)
class ShardStart:
    """What a worker needs to sum a shard: settings and features.

    Attributes
    ----------
    parameters : of `ExactHashing`. Where the learner computes on a GPU, a worker does too if it has one.
    features : side -> `RandomFeatures`
    """

    parameters: dict
    features: dict[str, RandomFeatures]

    @classmethod
    def of(cls, hashing: ExactHashing) -> "ShardStart":
        """What shards of this learner start from; it must have learned something."""
        hashing._need_fit()
        device = "cpu" if hashing.device.type == "cpu" else "auto"
        return cls({**hashing.get_params(), "device": device}, hashing.features)

    def sums_of(self, image: np.ndarray, text: np.ndarray, labels: np.ndarray) -> ShardSums:
        """Sum the items of a shard, as `ExactHashing.add` takes them."""
        one = ExactHashing(**self.parameters)
        one.features = self.features
        one.add(image, text, labels)
        sums = {side: {name: value.cpu().numpy() for name, value in vars(one.sums[side]).items()} for side in SIDES}
        gram, by_label = ({side: sums[side][name] for side in SIDES} for name in ("gram", "by_label"))
        return ShardSums(one.codes.vectors, one.codes.counts, gram, by_label)


def with_shards(hashing: ExactHashing, sums: ShardSums) -> ExactHashing:
    """A learner of what ``hashing`` has learned and of what was summed; ``hashing`` stays as it is."""
    other = hashing.shard()
    other.codes = LabelCodes(hashing.n_bits, sums.vectors.shape[1], margin=hashing.margin, seed=hashing.seed)
    other.codes.add(sums.vectors, sums.counts)
    for side in SIDES:
        parts = (torch.as_tensor(of_side[side], device=hashing.device) for of_side in (sums.gram, sums.by_label))
        other.sums[side] = ModalitySums(*parts)
    return hashing.shard().merge(hashing, other)
