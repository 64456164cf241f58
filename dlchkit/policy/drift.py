"""Have the features shifted? Each increment is tested against a memory of constant size."""

import hashlib
from dataclasses import dataclass

import numpy as np

from dlchkit.data import SIDES as MODALITIES
from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError
from dlchkit.policy.two_sample import comparable_rows, drift_test, mean_shift, median_bandwidth


@dataclass(frozen=True)
class DriftRecord:
    """One modality's answer; `drifted` where p_value <= threshold.

    Attributes
    ----------
    modality : "image" or "text"
    squared_mmd : unbiased estimate, see `drift_test`; slightly below 0 is possible
    p_value : in (0, 1]; NaN where nothing could be compared
    threshold : the p-value at or below which drift is reported
    shift : how far the mean within a class has moved, in class radii (root mean squared
        distance of a remembered item from its class's mean); 0 where noise explains it
    n_memory, n_new : items compared
    n_untested : of the new items drawn for the test, those whose class lacks a second item on either side
    n_strata : classes (distinct label vectors) compared; 1 for the marginal test
    bandwidth : the kernel's sigma
    """

    modality: str
    squared_mmd: float
    p_value: float
    threshold: float
    shift: float
    n_memory: int
    n_new: int
    n_untested: int
    n_strata: int
    bandwidth: float

    @property
    def drifted(self) -> bool:
        """Whether drift is reported; never where the p-value is NaN."""
        return bool(self.p_value <= self.threshold)


class DriftMonitor:
    """Remembers a uniform sample of constant size of all pairs seen, and tests what arrives against it.

    Ask `test` before `remember`. By default new items are compared with remembered ones of
    the same classes, so that a class seen for the first time is not taken for drift: its
    items are counted as untested. An item with several labels is compared with items of
    the same label vector. Items of one group (near-duplicates) are no independent
    evidence, and permuting them one by one would find drift where there is none: each
    test uses one item of a group, drawn at random.

    Parameters
    ----------
    memory : pairs kept at most; of an increment as many are drawn for the test
    level : chance of any false alarm in ``looks`` tests, both modalities together
    looks : how many tests share that chance, e.g. the increments of a year. Each modality
        of each test then reports drift at p <= level / (2 looks): Bonferroni, which holds
        whatever the tests have in common, such as their memory
    n_permutations : must let p reach that threshold
    within_classes : False tests the marginal instead, to which a new class is a shift
    seed : fixes the sample and the permutations

    Notes
    -----
    The kernel's width is `median_bandwidth` of what is remembered first, and stays, so that
    squared MMDs of different stages can be compared.

    References
    ----------
    The sample is Vitter's reservoir, algorithm R (ACM Trans. Math. Softw. 11, 1985).
    """

    def __init__(self, *, memory=500, level=0.05, looks=1, n_permutations=999, within_classes=True, seed=0):
        if memory < 4 or looks < 1 or not 0 < level < 1:
            raise DataError(f"memory {memory}, looks {looks} and level {level} do not fit; e.g. memory 500, looks 12, level 0.05")
        self.threshold = level / (len(MODALITIES) * looks)
        if 1 / (1 + n_permutations) > self.threshold:
            raise DataError(
                f"{n_permutations} permutations give no p-value below {1 / (1 + n_permutations):.2g}, the threshold is {self.threshold:.2g}; "
                f"use {int(np.ceil(1 / self.threshold)) - 1} or more"
            )
        self.memory, self.n_permutations, self.within_classes = memory, n_permutations, within_classes
        self.bandwidth: dict[str, float] = {}
        self.n_seen = 0
        self._kept: dict[str, np.ndarray] = {}
        self._generator = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._kept["labels"]) if self._kept else 0

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory: the same however many items have been seen, once it is full."""
        return sum(rows.nbytes for rows in self._kept.values())

    def remember(self, data: PairedFeatures) -> None:
        """Let every pair seen so far, these included, be in memory with the same probability."""
        rows = {**{name: np.asarray(getattr(data, name)) for name in (*MODALITIES, "labels")}, "groups": _short(data.groups)}
        room = min(self.memory - len(self), len(data))
        kept = {name: np.concatenate([self._kept[name], new[:room]]) if self._kept else new[:room].copy() for name, new in rows.items()}
        if not self.bandwidth:
            strata = self._strata(kept["labels"])
            self.bandwidth = {side: median_bandwidth(kept[side], strata) for side in MODALITIES}
        seen_before = self.n_seen + np.arange(room, len(data))
        places = self._generator.integers(0, seen_before + 1)
        for row, place in enumerate(places, start=room):
            if place < self.memory:
                for name, old in kept.items():
                    old[place] = rows[name][row]
        self._kept, self.n_seen = kept, self.n_seen + len(data)

    def test(self, data: PairedFeatures) -> dict[str, DriftRecord]:
        """Compare new pairs with those remembered; nothing is remembered.

        Returns
        -------
        modality -> `DriftRecord`; NaN, with a warning, where no class can be compared
        """
        if not self._kept:
            raise DataError("nothing is remembered yet; call remember(features) with the first stage before test")
        then, now = self._one_of_each_group(self._kept["groups"]), self._one_of_each_group(data.groups)[: self.memory]
        memory, new = {name: rows[then] for name, rows in self._kept.items()}, data[now]
        strata = self._strata(np.concatenate([memory["labels"], new.labels]))
        split = {"memory_strata": strata[: len(then)], "new_strata": strata[len(then) :]}
        _, compared, is_new = comparable_rows(**split)
        records = {}
        for side in MODALITIES:
            drawing = {"bandwidth": self.bandwidth[side], "n_permutations": self.n_permutations, "generator": self._generator}
            value, p = drift_test(memory[side], getattr(new, side), **split, **drawing)
            records[side] = DriftRecord(
                modality=side,
                squared_mmd=value,
                p_value=p,
                threshold=self.threshold,
                shift=mean_shift(memory[side], getattr(new, side), **split),
                n_memory=int((~is_new).sum()),
                n_new=int(is_new.sum()),
                n_untested=len(new) - int(is_new.sum()),
                n_strata=len(np.unique(compared)),
                bandwidth=self.bandwidth[side],
            )
        return records

    def _one_of_each_group(self, groups):
        """Row positions in random order, one of each group."""
        order = self._generator.permutation(len(groups))
        return order[np.sort(np.unique(groups[order], return_index=True)[1])]

    def _strata(self, labels):
        if not self.within_classes:
            return np.zeros(len(labels), dtype=int)
        return np.unique(labels, axis=0, return_inverse=True)[1].ravel()


def _short(groups):
    """Eight bytes for each group's name: names of later stages may be longer than the memory has room for."""
    return np.array([int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=8).digest(), "big") for name in groups], dtype=np.uint64)
