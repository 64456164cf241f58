"""The protocol of all lifelong methods, and the settings that each of them declares."""

from typing import Protocol

import numpy as np
import torch

from dlchkit.bank import CodeBank
from dlchkit.data import SIDES, Stage
from dlchkit.errors import DataError, nearest_name


class Learner(Protocol):
    """The protocol that `dlchkit.evaluation` asks for.

    Attributes
    ----------
    name : str
        The method's name in records and tables.
    single_stage : bool
        Whether the method learns everything at once: stages before the last teach it nothing.
    bank : CodeBank
        The codes of everything seen.
    """

    name: str
    single_stage: bool
    bank: CodeBank

    def observe(self, stage: Stage) -> None:
        """Train on the data of a stage and store its codes in the bank."""
        ...

    def encode(self, side: str, features: np.ndarray) -> np.ndarray:
        """Hash codes of one side's features.

        Parameters
        ----------
        side : {"image", "text"}
        features : float32 array (n, d)

        Returns
        -------
        int8 array (n, n_bits), values in {-1, +1}
        """
        ...


class Method:
    """Base of the methods: the settings that a method takes, and how it shows them.

    Attributes
    ----------
    settings : tuple of str
        The constructor's keyword arguments, each of them an attribute too. `make_learners` gives
        a method the settings that it declares here and no others.
    item_passes : int
        Items that went through training so far, an item counted once for each pass over it: the
        work of training, whatever machine does it.
    """

    settings: tuple[str, ...] = ()
    single_stage = False
    item_passes = 0
    name: str
    bank: CodeBank

    def get_params(self) -> dict:
        """The constructor's arguments by name."""
        return {"n_bits": self.bank.n_bits, **{name: getattr(self, name) for name in self.settings}}

    def __repr__(self) -> str:
        return written_call(type(self).__name__, self.get_params())


def written_call(name: str, arguments: dict) -> str:
    """A call as Python writes it.

    Examples
    --------
    >>> written_call("DLCH", {"n_bits": 64, "device": torch.device("cpu")})
    "DLCH(n_bits=64, device='cpu')"
    """
    values = {key: str(value) if isinstance(value, torch.device) else value for key, value in arguments.items()}
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in values.items())})"


def check_side(side: str) -> str:
    """Return ``side`` if pairs have it, else raise `DataError`."""
    if side not in SIDES:
        raise DataError(f"a pair has no side {side!r}; {nearest_name(side, SIDES)}")
    return side


def check_weight(name: str, weight: float) -> float:
    """Return the weight of a loss term if it is 0 or more, else raise `DataError`."""
    if not weight >= 0:
        raise DataError(f"{name} is {weight}; it is the weight of a loss term, 0 or more")
    return weight
