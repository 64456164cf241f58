"""Recommend to keep, recode, or retrain the encoders, with reasons in plain sentences."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from dlchkit.errors import DataError
from dlchkit.metrics import Interval
from dlchkit.metrics.words import number_in_words
from dlchkit.policy.drift import DriftRecord
from dlchkit.policy.health import CodeHealth

KEEP, RECODE, RETRAIN = "keep", "recode", "retrain encoders"
ACTIONS = {
    KEEP: "continue; stored codes stay unchanged",
    RECODE: "learn new class codes, refit the functions from their sums, re-index the bank: seconds, no raw data",
    RETRAIN: "train the feature encoders again on all raw data, then everything after them: hours",
}


@dataclass(frozen=True)
class Thresholds:
    """Thresholds that the evidence has to pass; mAP on a scale from 0 to 1.

    Attributes
    ----------
    quality_drop : float
        retrain only if average precision on new items of known classes fell by more than this
    retrain_gain, recode_gain : float
        and only if the measured gain is larger than this, where it was measured
    crowded : float
        class codes are crowded where the two nearest are nearer than this share of n_bits / 2,
        the distance of Hadamard rows
    """

    quality_drop: float = 0.02
    retrain_gain: float = 0.02
    recode_gain: float = 0.01
    crowded: float = 0.5

    def rules(self) -> tuple[str, ...]:
        """One sentence for each rule, in the order in which they are applied."""
        retrain = (
            "Retrain encoders if features drifted within known classes and the 95% interval of the change of average "
            f"precision on their new items lies below −{self.quality_drop:.3f}, unless the gain of retraining was "
            f"measured and its interval does not lie above {self.retrain_gain:.3f}."
        )
        recode = (
            f"Else recode if the 95% interval of its measured gain lies above {self.recode_gain:.3f}; "
            f"where that was not measured, if two classes stand nearer than {self.crowded:.0%} of half the bits."
        )
        return retrain, recode, "Else keep."


@dataclass(frozen=True)
class Recommendation:
    """Result of `recommend`.

    Attributes
    ----------
    action : str
        "keep", "recode" or "retrain encoders", explained in `ACTIONS`
    reasons : tuple of str
        sentences, in the order in which the rules were applied; the last is the conclusion
    rules : tuple of str
        the rules as sentences, with their thresholds
    thresholds : dict
        name -> value
    evidence : dict
        name -> (mean, low, high, threshold) of each interval given
    """

    action: str
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    thresholds: dict[str, float]
    evidence: dict[str, tuple[float, float, float, float]]


def recommend(
    *,
    drift: Iterable[DriftRecord],
    health: CodeHealth,
    quality_change: Interval | None = None,
    recode_gain: Interval | None = None,
    retrain_gain: Interval | None = None,
    thresholds: Thresholds = Thresholds(),
) -> Recommendation:
    """Choose between keep, recode and retrain encoders by rules that are applied in order.

    1. *retrain encoders* if features of known classes drifted **and** average precision on
       new items of known classes fell by more than ``quality_drop``, the whole interval of
       its change below that; unless the gain of retraining was measured and its interval
       does not lie above ``retrain_gain``. Drift alone can be harmless, and a drop
       alone can come from codes, labels or chance.
    2. *recode* if the interval of its measured gain lies above ``recode_gain``. Where that
       was not measured: if class codes are crowded. A measured gain outranks an inferred one.
    3. *keep* otherwise.

    Parameters
    ----------
    drift : iterable of DriftRecord
        this increment's record of each modality, see `DriftMonitor`
    health : CodeHealth
        of the stored codes, see `code_health`
    quality_change : Interval or None
        of new items of known classes, see `quality_change`; without it retraining is never
        recommended. Best measured on held-out items after the increment was learned: a drop
        that learning repairs is no reason to retrain
    recode_gain, retrain_gain : Interval or None
        see `paired_gain`, on queries that were not used in training
    thresholds : Thresholds
        of the rules

    Returns
    -------
    Recommendation
        its reasons name evidence that is missing or undefined

    Raises
    ------
    DataError
        if ``drift`` is empty
    """
    drift = tuple(drift)
    if not drift:
        raise DataError(
            "no drift record is given; test the increment with a DriftMonitor first "
            "and give the records of both modalities"
        )
    fell, quality_reason = _quality(quality_change, thresholds)
    retraining_gains, retraining_reason = _gain(retrain_gain, thresholds.retrain_gain, "Retraining the encoders")
    recoding_gains, recoding_reason = _gain(recode_gain, thresholds.recode_gain, "Recoding")
    crowded, crowding_reasons = _crowding(health, thresholds)
    if any(record.drifted for record in drift) and fell and retraining_gains is not False:
        action = RETRAIN
    elif recoding_gains or (recoding_gains is None and crowded):
        action = RECODE
    else:
        action = KEEP
    given = {
        "quality change": (quality_change, -thresholds.quality_drop),
        "gain of recoding": (recode_gain, thresholds.recode_gain),
        "gain of retraining": (retrain_gain, thresholds.retrain_gain),
    }
    return Recommendation(
        action=action,
        reasons=(
            *map(_drift_reason, drift),
            quality_reason,
            retraining_reason,
            recoding_reason,
            *crowding_reasons,
            f"Therefore: {action} ({ACTIONS[action]}).",
        ),
        rules=thresholds.rules(),
        thresholds={**asdict(thresholds), "drift_p_value": drift[0].threshold},
        evidence={
            name: (interval.mean, interval.low, interval.high, threshold)
            for name, (interval, threshold) in given.items()
            if interval is not None and _is_defined(interval)
        },
    )


def _is_defined(interval):
    return math.isfinite(interval.low) and math.isfinite(interval.high)


def _drift_reason(record):
    features = f"{record.modality} features"
    if math.isnan(record.p_value):
        return f"Drift of {features} is not known: no class has two items both in the increment and in memory."
    sentence = (
        f"The {features} of known classes {'drifted' if record.drifted else 'show no drift'} "
        f"(p = {record.p_value:.3g}, threshold {record.threshold:.3g}, "
        f"{record.n_new} new against {record.n_memory} remembered items)"
    )
    if record.n_untested:
        sentence += f"; {record.n_untested} new items whose labels have no second item on both sides were not tested"
    if record.drifted:
        sentence += f"; their means moved by {record.shift:.2f} class radii"
    return sentence + "."


def _interval_in_words(interval):
    mean, low, high = (number_in_words(value, 3, sign="+") for value in (interval.mean, interval.low, interval.high))
    return f"{mean} (95% interval {low} to {high}, {interval.n} queries)"


def _quality(interval, thresholds):
    """Whether quality fell, None where that is not known, and the sentence about it."""
    if interval is None or not _is_defined(interval):
        return None, "A change of quality on new items of known classes is not known, so retraining is not considered."
    fell = interval.high < -thresholds.quality_drop
    return fell, (
        f"Average precision on new items of known classes changed by {_interval_in_words(interval)}: "
        f"{'' if fell else 'not clearly '}a drop beyond {thresholds.quality_drop:.3f}."
    )


def _gain(interval, threshold, action):
    """Whether an action's gain is clearly above the threshold, None where it was not measured, and the sentence."""
    if interval is None or not _is_defined(interval):
        return None, f"The gain of {action[0].lower()}{action[1:]} was not measured."
    above = interval.low > threshold
    return above, (
        f"{action} changes average precision by {_interval_in_words(interval)}: "
        f"{'clearly' if above else 'not clearly'} above {threshold:.3f}."
    )


def _crowding(health, thresholds):
    """Whether class codes are crowded, and the sentences about it."""
    if math.isnan(health.nearest_distance):
        return False, ("One class alone cannot be crowded.",)
    wanted = thresholds.crowded * health.n_bits / 2
    crowded = health.nearest_distance < wanted
    first, second = health.nearest_pair
    reason = (
        f"The nearest class codes, {first} and {second}, differ in {health.nearest_distance} of {health.n_bits} bits: "
        f"{'crowded' if crowded else 'not crowded'}, the threshold is {wanted:g}."
    )
    if not health.collisions:
        return crowded, (reason,)
    n = len(health.collisions)
    return crowded, (reason, f"{n} {'pair of classes shares' if n == 1 else 'pairs of classes share'} one code.")
