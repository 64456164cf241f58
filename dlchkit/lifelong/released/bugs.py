"""The slips of DLCH's released demo, each in one small function that computes it as released or mended."""

import torch

from dlchkit.errors import DataError

DEFECTS = ("new_code_term", "row_order", "new_rows", "quantization_target", "balance", "ternary_codes", "learning_rate")


def known_defects(names) -> frozenset[str]:
    """The names as a set, if each is one of `DEFECTS`; else `DataError`."""
    unknown = [names] if isinstance(names, str) else [name for name in names if name not in DEFECTS]
    if unknown:
        raise DataError(f"mend holds {unknown[0]!r}; it is a collection of names from {', '.join(DEFECTS)}")
    return frozenset(names)


def increment_loss(outputs, codes, targets, similarity, *, n_old: int, alpha: float, beta: float, mend=()) -> torch.Tensor:
    """What an increment minimises for one modality.

    .. math:: \\frac{1}{mN} \\big( |K S_{old} - U B_{old}^T|^2 + |K S_{new} - U B_{new}^T|^2
              + \\alpha |T - U|^2 + \\beta |U^T 1|^2 \\big)

    as released, without the second term and with :math:`\\sum_{ik} u_{ik}` as the last.

    Parameters
    ----------
    outputs : U, (m, n_bits)
    codes : [B_old; B_new], (N, n_bits)
    targets : T, (m, n_bits): the codes that outputs are pulled to
    similarity : (m, N) label cosine
    n_old : rows of ``codes`` that are old
    mend : see `ReleasedDemo`; "new_code_term" and "balance" matter here

    Returns
    -------
    scalar. With both mended it is :math:`K^2` times what `DLCH` minimises at
    :math:`\\alpha / (N K)` and :math:`\\beta m / (N K)`.
    """
    misfit = (outputs.shape[1] * similarity - outputs @ codes.T).square()
    fit = misfit.sum() if "new_code_term" in mend else misfit[:, :n_old].sum()
    balance = outputs.sum(0).square().sum() if "balance" in mend else outputs.sum()
    return (fit + alpha * (targets - outputs).square().sum() + beta * balance) / (len(outputs) * len(codes))


def sample_rows(n: int, size: int, mend=()) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw what an increment is trained on.

    Returns
    -------
    items, rows : int64 (min(size, n),) positions in [old; new]: the items drawn, and the
        rows that the demo takes them for. It shuffles all items and reads their new
        positions as rows, so that the two have nothing to do with each other; with
        "row_order" mended they are equal.
    """
    items, shuffled = torch.randperm(n)[:size], torch.randperm(n)[:size]
    return items, items if "row_order" in mend else shuffled


def target_rows(rows: torch.Tensor, mend=()) -> torch.Tensor:
    """The rows of [old; new] whose codes the sampled items are pulled to; released: 0, 1, 2, ..."""
    return rows if "quantization_target" in mend else torch.arange(len(rows), device=rows.device)


def taken_for_new(rows: torch.Tensor, mend=()) -> torch.Tensor:
    """Positions in the sample of the items whose rows among the new ones, ``rows``, are 0 or more; released: none.

    Examples
    --------
    >>> taken_for_new(torch.tensor([2, -3, 0])), taken_for_new(torch.tensor([2, -3, 0]), ["new_rows"])
    (tensor([], dtype=torch.int64), tensor([0, 2]))
    """
    taken = (rows >= 0).nonzero()[:, 0]
    return taken if "new_rows" in mend else taken[:0]


def new_code_pull(outputs: list[torch.Tensor], rows: torch.Tensor, similarity: torch.Tensor, *, alpha: float, mend=()) -> torch.Tensor:
    """What the discrete step pulls new codes to: :math:`P = K S_{new}^T U + \\alpha \\bar U`, summed over ``outputs``.

    Row r of :math:`\\bar U` is the output of the item taken for the r-th new one, or zero.
    As released nothing is taken for new, so that the second term is zero.

    Parameters
    ----------
    outputs : one U (m, n_bits) per modality that shares the codes
    rows : (m,) what each sampled item is taken for among the new ones, negative for old
    similarity : S_new, (m, n_new) label cosine of sample and new items

    Returns
    -------
    (n_new, n_bits), for `dlchkit.lifelong.dlch.descend`
    """
    taken = taken_for_new(rows, mend)
    pull = sum(u.shape[1] * similarity.T @ u for u in outputs)
    pull[rows[taken]] += alpha * sum(u[taken] for u in outputs)
    return pull
