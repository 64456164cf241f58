"""Test each increment for a shift of its features, against a memory of constant size."""

import hashlib
from dataclasses import dataclass

import numpy as np

from dlchkit.data import SIDES as MODALITIES
from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError
from dlchkit.policy.two_sample import comparable_rows, drift_test, mean_shift, median_bandwidth


@dataclass(frozen=True)
class DriftRecord:
    """Result of one test of one modality; `drifted` where p_value <= threshold.

    Attributes
    ----------
    modality : str
        "image" or "text"
    squared_mmd : float
        unbiased estimate, see `drift_test`; can be slightly below 0
    p_value : float
        in (0, 1]; NaN where no class could be compared
    threshold : float
        the p-value at or below which drift is reported
    shift : float
        shift of the mean within a class, in class radii (root mean squared distance of a
        remembered item from the mean of its class); 0 where noise explains it
    n_memory, n_new : int
        items compared
    n_untested : int
        of the new items drawn for the test, those whose class lacks a second item on either side
    n_strata : int
        classes (distinct label vectors) compared; 1 for the marginal test
    bandwidth : float
        the kernel's sigma
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
        """Whether drift is reported; False where the p-value is NaN."""
        return bool(self.p_value <= self.threshold)


class DriftMonitor:
    """Keep a uniform sample of constant size of all pairs seen, and test new pairs against it.

    Call `test` before `remember`. By default new items are compared with remembered ones of
    the same classes, so that a class seen for the first time is not reported as drift: its
    items are counted as untested. An item with several labels is compared with items of
    the same label vector. Items of one group (near-duplicates) are no independent
    evidence, and permuting them one by one would find drift where there is none: each
    test uses one item of a group, drawn at random.

    Parameters
    ----------
    memory : int
        largest number of pairs kept, and of pairs of an increment drawn for the test
    level : float
        probability of any false alarm in ``looks`` tests, both modalities together
    looks : int
        number of tests that share that probability, e.g. the increments of a year. Each
        modality of each test then reports drift at p <= level / (2 looks): Bonferroni, which
        holds for tests that depend on each other, as these do through their memory
    n_permutations : int
        enough that p can reach that threshold
    within_classes : bool
        False tests the marginal instead, for which a new class is a shift
    seed : int
        fixes the sample and the permutations

    Notes
    -----
    The kernel's width is `median_bandwidth` of the first remembered pairs and stays fixed, so
    that squared MMDs of different stages can be compared.

    References
    ----------
    The sample is Vitter's reservoir, algorithm R (ACM Trans. Math. Softw. 11, 1985).
    """

    def __init__(
        self,
        *,
        memory: int = 500,
        level: float = 0.05,
        looks: int = 1,
        n_permutations: int = 999,
        within_classes: bool = True,
        seed: int = 0,
    ) -> None:
        if memory < 4 or looks < 1 or not 0 < level < 1:
            raise DataError(
                f"memory {memory}, looks {looks} and level {level} do not fit; e.g. memory 500, looks 12, level 0.05"
            )
        self.threshold = level / (len(MODALITIES) * looks)
        if 1 / (1 + n_permutations) > self.threshold:
            raise DataError(
                f"{n_permutations} permutations give no p-value below {1 / (1 + n_permutations):.2g}, "
                f"the threshold is {self.threshold:.2g}; use {int(np.ceil(1 / self.threshold)) - 1} or more"
            )
        self.memory = memory
        self.n_permutations = n_permutations
        self.within_classes = within_classes
        self.bandwidth: dict[str, float] = {}
        self.n_seen = 0
        self._kept: dict[str, np.ndarray] = {}
        self._generator = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._kept["labels"]) if self._kept else 0

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory: constant once it is full."""
        return sum(rows.nbytes for rows in self._kept.values())

    def remember(self, data: PairedFeatures) -> None:
        """Update the sample: every pair seen so far, these included, is in it with the same probability."""
        rows = {name: np.asarray(getattr(data, name)) for name in (*MODALITIES, "labels")}
        rows["groups"] = _short(data.groups)
        room = min(self.memory - len(self), len(data))
        kept = {name: np.concatenate([self._kept.get(name, new[:0]), new[:room]]) for name, new in rows.items()}
        if not self.bandwidth:
            strata = self._strata(kept["labels"])
            self.bandwidth = {side: median_bandwidth(kept[side], strata) for side in MODALITIES}
        seen_before = self.n_seen + np.arange(room, len(data))
        places = self._generator.integers(0, seen_before + 1)
        for row, place in enumerate(places, start=room):
            if place < self.memory:
                for name, old in kept.items():
                    old[place] = rows[name][row]
        self._kept = kept
        self.n_seen += len(data)

    def test(self, data: PairedFeatures) -> dict[str, DriftRecord]:
        """Compare new pairs with remembered ones; the memory stays unchanged.

        Returns
        -------
        dict
            modality -> `DriftRecord`; NaN, with a warning, where no class can be compared
        """
        if not self._kept:
            raise DataError("nothing is remembered yet; call remember(features) with the first stage before test")
        rows = self._one_of_each_group(self._kept["groups"])
        memory = {name: values[rows] for name, values in self._kept.items()}
        new = data[self._one_of_each_group(data.groups)[: self.memory]]
        strata = self._strata(np.concatenate([memory["labels"], new.labels]))
        split = {"memory_strata": strata[: len(rows)], "new_strata": strata[len(rows) :]}
        _, compared, is_new = comparable_rows(**split)
        records = {}
        for side in MODALITIES:
            value, p = drift_test(
                memory[side],
                getattr(new, side),
                **split,
                bandwidth=self.bandwidth[side],
                n_permutations=self.n_permutations,
                generator=self._generator,
            )
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
        """Draw row positions in random order, one of each group."""
        order = self._generator.permutation(len(groups))
        return order[np.sort(np.unique(groups[order], return_index=True)[1])]

    def _strata(self, labels):
        if not self.within_classes:
            return np.zeros(len(labels), dtype=int)
        return np.unique(labels, axis=0, return_inverse=True)[1].ravel()


def _short(groups):
    """Hash each group's name to eight bytes, since names of later stages may be longer than the first ones."""
    digests = [hashlib.blake2b(str(name).encode(), digest_size=8).digest() for name in groups]
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)
