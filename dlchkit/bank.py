"""The code bank: hash codes of everything seen so far, only ever added to."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from dlchkit.codes import binary_labels, pack_codes, unpack_codes
from dlchkit.errors import DataError


@dataclass
class CodeBank:
    """Append-only store of database codes with their ids, labels and stage.

    Rows keep the order in which they came. `digest` is computed from the stored bits
    at every call, so that two digests of one stage, taken at different times, prove
    that its codes did (or did not) change.

    Examples
    --------
    >>> bank = CodeBank(n_bits=8)
    >>> bank.append(np.ones((2, 8), np.int8), labels=np.eye(2, dtype=bool), ids=np.array(["a", "b"]), stage=0)
    >>> before = bank.digest(0)
    >>> bank.append(-np.ones((1, 8), np.int8), labels=np.eye(1, 2, dtype=bool), ids=np.array(["c"]), stage=1)
    >>> len(bank), bank.digest(0) == before
    (3, True)
    """

    n_bits: int
    _packed: list[np.ndarray] = field(default_factory=list, repr=False)
    _labels: list[np.ndarray] = field(default_factory=list, repr=False)
    _ids: list[np.ndarray] = field(default_factory=list, repr=False)
    _known: set[str] = field(default_factory=set, repr=False)  # ids of all stages, so that an append looks at its own

    def append(self, codes: np.ndarray, *, labels: np.ndarray, ids: np.ndarray, stage: int) -> None:
        """Add the items of the next stage; ``stage`` must be the number of stages stored.

        Parameters
        ----------
        codes : int8 array (n, n_bits), values in {-1, +1}
        labels : bool array (n, n_classes)
        ids : str array (n,)
            None of them stored before.
        stage : int
        """
        if stage != self.n_stages:
            raise DataError(
                f"stage {stage} cannot be appended to a bank that holds {self.n_stages} stages; stages come in order"
            )
        if codes.shape != (len(ids), self.n_bits) or len(labels) != len(ids):
            raise DataError(
                f"codes {codes.shape}, labels {labels.shape} and ids {ids.shape} "
                f"do not fit a bank of {self.n_bits} bits"
            )
        if self._labels and labels.shape[1:] != self._labels[0].shape[1:]:
            raise DataError(
                f"labels {labels.shape} do not fit a bank of {self._labels[0].shape[1]} classes; "
                f"all stages share one list of classes"
            )
        labels = binary_labels(labels)
        new = set()
        for name in ids.tolist():
            if name in self._known or name in new:
                raise DataError(f"id {name!r} is in the bank twice; every item is stored once")
            new.add(name)
        self._packed.append(_frozen(pack_codes(codes)))
        self._labels.append(_frozen(labels.copy()))
        self._ids.append(_frozen(ids.copy()))
        self._known |= new

    def copy(self) -> "CodeBank":
        """The same rows, to which others can be appended; the arrays, which are read-only, are shared."""
        return CodeBank(self.n_bits, list(self._packed), list(self._labels), list(self._ids), set(self._known))

    def __len__(self) -> int:
        return sum(len(ids) for ids in self._ids)

    @property
    def n_stages(self) -> int:
        """Stages stored so far."""
        return len(self._ids)

    @property
    def codes(self) -> np.ndarray:
        """int8 array of shape (n, n_bits), values in {-1, +1}."""
        return unpack_codes(np.concatenate([np.empty((0, -(-self.n_bits // 8)), np.uint8), *self._packed]), self.n_bits)

    @property
    def labels(self) -> np.ndarray:
        """bool array of shape (n, n_classes)."""
        return np.concatenate(self._labels)

    @property
    def ids(self) -> np.ndarray:
        """str array of shape (n,)."""
        return np.concatenate(self._ids) if self._ids else np.array([], dtype=str)

    @property
    def stages(self) -> np.ndarray:
        """int64 array of shape (n,): the stage in which each item came."""
        return np.repeat(np.arange(self.n_stages), [len(ids) for ids in self._ids])

    def digest(self, stage: int) -> str:
        """SHA-256 over the bits, labels and ids of one stage, 64 hexadecimal digits."""
        sha = hashlib.sha256(self._packed[stage].tobytes())
        sha.update(np.packbits(self._labels[stage]).tobytes())
        sha.update("\0".join(self._ids[stage].tolist()).encode())
        return sha.hexdigest()

    def digests(self) -> list[str]:
        """The digest of every stage stored, in order."""
        return [self.digest(stage) for stage in range(self.n_stages)]


def _frozen(rows: np.ndarray) -> np.ndarray:
    rows.flags.writeable = False
    return rows
