"""The bugs of DLCH's released demo, each in one small function that computes it as released or fixed."""

from collections.abc import Collection

import torch
from torch import Tensor

from dlchkit.errors import DataError
from dlchkit.lifelong.tower_training import summed

DEFECTS = ("new_code_term", "row_order", "new_rows", "quantization_target", "balance", "ternary_codes", "learning_rate")


def known_defects(names: Collection[str]) -> frozenset[str]:
    """The names as a set, if each is one of `DEFECTS`; else `DataError`."""
    given = [names] if isinstance(names, str) else names
    for name in given:
        if name not in DEFECTS or isinstance(names, str):
            raise DataError(f"mend holds {name!r}; it is a collection of names from {', '.join(DEFECTS)}")
    return frozenset(names)


def increment_loss(
    outputs: Tensor,
    codes: Tensor,
    targets: Tensor,
    similarity: Tensor,
    *,
    n_old: int,
    alpha: float,
    beta: float,
    mend: Collection[str] = (),
) -> Tensor:
    """The loss that an increment minimises for one modality.

    .. math:: \\frac{1}{mN} \\big( |K S_{old} - U B_{old}^T|^2 + |K S_{new} - U B_{new}^T|^2
              + \\alpha |T - U|^2 + \\beta |U^T 1|^2 \\big)

    as released, without the second term and with :math:`\\sum_{ik} u_{ik}` as the last.

    Parameters
    ----------
    outputs : tensor (m, n_bits)
        U.
    codes : tensor (N, n_bits)
        [B_old; B_new].
    targets : tensor (m, n_bits)
        T, the codes that outputs are pulled to.
    similarity : tensor (m, N)
        Label cosine.
    n_old : int
        Rows of ``codes`` that are old.
    alpha, beta : float
    mend : collection of str
        See `ReleasedDemo`; "new_code_term" and "balance" matter here.

    Returns
    -------
    scalar tensor
        With both bugs fixed it is :math:`K^2` times the loss of `DLCH` at
        :math:`\\alpha / (N K)` and :math:`\\beta m / (N K)`.
    """
    misfit = (outputs.shape[1] * similarity - outputs @ codes.T).square()
    fit = misfit.sum() if "new_code_term" in mend else misfit[:, :n_old].sum()
    balance = outputs.sum(0).square().sum() if "balance" in mend else outputs.sum()
    return (fit + alpha * (targets - outputs).square().sum() + beta * balance) / (len(outputs) * len(codes))


def sample_rows(n: int, size: int, mend: Collection[str] = ()) -> tuple[Tensor, Tensor]:
    """Draw the sample that an increment is trained on.

    Returns
    -------
    items, rows : int64 tensor (min(size, n),)
        Positions in [old; new]: the items drawn, and the rows that the demo takes them for. It
        shuffles all items and reads their new positions as rows, so that the two have nothing to
        do with each other; with "row_order" fixed they are equal.
    """
    items = torch.randperm(n)[:size]
    shuffled = torch.randperm(n)[:size]
    return items, items if "row_order" in mend else shuffled


def target_rows(rows: Tensor, mend: Collection[str] = ()) -> Tensor:
    """The rows of [old; new] whose codes the sampled items are pulled to; released: 0, 1, 2, ..."""
    return rows if "quantization_target" in mend else torch.arange(len(rows), device=rows.device)


def taken_for_new(rows: Tensor, mend: Collection[str] = ()) -> Tensor:
    """Positions in the sample of the items whose rows among the new ones, ``rows``, are 0 or more; released: none.

    Examples
    --------
    >>> taken_for_new(torch.tensor([2, -3, 0])), taken_for_new(torch.tensor([2, -3, 0]), ["new_rows"])
    (tensor([], dtype=torch.int64), tensor([0, 2]))
    """
    taken = (rows >= 0).nonzero()[:, 0]
    return taken if "new_rows" in mend else taken[:0]


def new_code_pull(
    outputs: list[Tensor], rows: Tensor, similarity: Tensor, *, alpha: float, mend: Collection[str] = ()
) -> Tensor:
    """The values that the discrete step draws new codes to.

    :math:`P = K S_{new}^T U + \\alpha \\bar U`, summed over ``outputs``. Row r of
    :math:`\\bar U` is the output of the item taken for the r-th new one, or zero. As released
    nothing is taken for new, so that the second term is zero.

    Parameters
    ----------
    outputs : list of tensor (m, n_bits)
        One U per modality that shares the codes.
    rows : int64 tensor (m,)
        The row among the new items for which each sampled item is taken, negative for old.
    similarity : tensor (m, n_new)
        S_new, label cosine of sample and new items.
    alpha : float
    mend : collection of str

    Returns
    -------
    tensor (n_new, n_bits)
        For `dlchkit.lifelong.dlch.descend`.
    """
    taken = taken_for_new(rows, mend)
    pull = summed(u.shape[1] * similarity.T @ u for u in outputs)
    pull[rows[taken]] += alpha * summed(u[taken] for u in outputs)
    return pull
