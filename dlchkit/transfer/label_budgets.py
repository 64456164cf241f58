"""Variants of transfer x label budgets x seeds, ready for `dlchkit.metrics.budgets`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dlchkit.data import DIRECTIONS, PairedFeatures, SourceFeatures, choose_labelled
from dlchkit.data.streams import split_rows
from dlchkit.errors import DataError
from dlchkit.transfer import CHTN_TERMS, KIT_TERMS, train_transfer
from dlchkit.transfer.scoring import evaluate_correlation, evaluate_posteriors

VARIANTS = {
    "no transfer": {"terms": ()},
    "CHTN": {},
    "CHTN, every pair": {"every_pair": True},
    "CHTN + kit's terms, every pair": {"every_pair": True, "terms": CHTN_TERMS + KIT_TERMS},
}
BUDGETS = (1, 3, 5, 10, 20, 40, None)


def ablation_variants(terms: Sequence[str], *, switched: Sequence[str] | None = None, **options) -> dict[str, dict]:
    """Variants with every part of a transfer off and on: all, each term left out, nothing, each term alone.

    Parameters
    ----------
    terms : sequence of str
        The terms of the full method.
    switched : sequence of str, optional
        Terms that are left out and tried alone; None for all of them.
    **options
        Options that all variants share, e.g. ``every_pair=True``.

    Returns
    -------
    dict of str to dict
        Name -> options, as `label_budget` takes them.

    Examples
    --------
    >>> list(ablation_variants(("source", "pair7"), switched=["pair7"]))  # doctest: +NORMALIZE_WHITESPACE
    ['all terms', 'without pair7', 'without start from source', 'without shared layers', 'no transfer', 'pair7 alone']
    """
    terms = tuple(terms)
    switched = terms if switched is None else switched
    for term in switched:
        if term not in terms:
            raise DataError(f"term {term!r} cannot be switched off; the full method has {', '.join(terms)}")
    variants: dict[str, dict] = {"all terms": {"terms": terms}}
    for term in switched:
        variants[f"without {term}"] = {"terms": tuple(other for other in terms if other != term)}
    if "source" in terms:
        variants["without start from source"] = {"terms": terms, "start_from_source": False}
    variants["without shared layers"] = {"terms": terms, "share_layers": False}
    variants["no transfer"] = {"terms": ()}
    for term in switched:
        variants[f"{term} alone"] = {"terms": (term,)}
    return {name: options | own for name, own in variants.items()}


def label_budget(
    target: PairedFeatures,
    source: SourceFeatures | None,
    *,
    variants: Mapping[str, Mapping] = VARIANTS,
    budgets: Sequence[int | None] = BUDGETS,
    seeds: Sequence[int] = range(5),
    references: Mapping[str, Callable] | None = None,
    query_fraction: float = 0.15,
    split_seed: int = 0,
    on_run: Callable | None = None,
    **options,
) -> dict:
    """Train every variant with every number of labelled pairs per class and every seed, and score it.

    Parameters
    ----------
    target : PairedFeatures
    source : SourceFeatures or None
        As `train_transfer` takes them.
    variants : mapping of str to mapping
        Name -> options of `train_transfer`; ``every_pair=True`` gives a variant the database's
        other pairs too, without their labels.
    budgets : sequence of int or None
        Labelled pairs per class; None shows the labels of the whole database.
    seeds : sequence of int
        A seed fixes labelled pairs, weights and batches, alike for all variants.
    references : mapping of str to callable, optional
        Name -> function from pairs to a `CorrelationModel`; fitted once on all pairs of the
        database, since it needs neither labels nor a seed.
    query_fraction, split_seed
        See `dlchkit.data.streams.split_rows`; all seeds share the queries.
    on_run : callable, optional
        Called after each training with (runs done, runs in all, {variant: mean mAP}).
    **options
        Options that all variants share, e.g. ``epochs``, ``width``.

    Returns
    -------
    dict
        Plain values, ready for a record: "budgets" and "seeds" as given; "labelled_pairs", one
        list per budget, a number per seed; "variants", name -> direction -> one list per budget,
        a score (mAP of class posteriors) per seed; "references", name -> direction -> a list of
        one score.
    """
    budgets = list(budgets)
    seeds = [int(seed) for seed in seeds]
    _check(budgets, seeds, variants)
    scores = {name: {direction: [[] for _ in budgets] for direction in DIRECTIONS} for name in variants}
    reference_scores = {name: {direction: [] for direction in DIRECTIONS} for name in references or {}}
    labelled_pairs = [[] for _ in budgets]
    done = 0
    query, database = split_rows(target, query_fraction=query_fraction, seed=split_seed)
    for name, fit in (references or {}).items():
        for direction, score in evaluate_correlation(fit(target[database]), target[query], target[database]).items():
            reference_scores[name][direction].append(score)
    for seed in seeds:
        for i, budget in enumerate(budgets):
            per_class = len(target) if budget is None else budget
            labelled = choose_labelled(target.labels, database, per_class=per_class, seed=seed)
            labelled_pairs[i].append(len(labelled))
            for name, variant in variants.items():
                row = _trained_score(target, source, labelled, query, database, seed, {**options, **variant})
                for direction in DIRECTIONS:
                    scores[name][direction][i].append(row[direction])
                done += 1
                if on_run is not None:
                    on_run(done - 1, len(seeds) * len(budgets) * len(variants), {name: float(np.mean([*row.values()]))})
    return {
        "budgets": budgets,
        "seeds": seeds,
        "labelled_pairs": labelled_pairs,
        "variants": scores,
        "references": reference_scores,
    }


def _check(budgets, seeds, variants) -> None:
    for name, values in (("budgets", budgets), ("seeds", seeds), ("variants", variants)):
        if len(values) == 0 or len(set(values)) < len(values):
            raise DataError(f"{name} are {list(values)}; at least one is needed, none twice")


def _trained_score(target, source, labelled, query, database, seed, options) -> dict[str, float]:
    unlabelled = np.setdiff1d(database, labelled) if options.pop("every_pair", False) else None
    result = train_transfer(target, source, labelled=labelled, unlabelled=unlabelled, seed=seed, **options)
    return evaluate_posteriors(result.network, target[query], target[database])
