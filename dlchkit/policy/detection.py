"""Quality of drift detection: false alarms and delay on streams with known shifts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaincinv

from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError
from dlchkit.policy.drift import MODALITIES, DriftMonitor

STREAM_KINDS = ("none", "sudden", "gradual", "new class")


@dataclass(frozen=True)
class DetectionRecord:
    """Result of `measure_drift_detection` on streams of one kind.

    Attributes
    ----------
    kind : str
        of the streams, see `synthetic_increments`
    n_streams, n_stages : int
        number of streams, and of stages in each
    shift_at : int
        first shifted stage of "sudden" and "gradual" streams; the first with a new class
    n_quiet, n_false_alarms : int
        tests of stages without a shift within classes, and alarms among them
    false_alarm_rate, low, high : float
        their share and its 95% Clopper-Pearson interval; NaN without such a stage
    per_stage : tuple of float
        share of streams with an alarm, for each stage from 1
    delays : tuple of int or None
        for each stream with a shift, the number of stages from it to the alarm, 0 for the
        first shifted stage itself; None for a missed shift. Empty without a shift
    """

    kind: str
    n_streams: int
    n_stages: int
    shift_at: int
    n_quiet: int
    n_false_alarms: int
    false_alarm_rate: float
    low: float
    high: float
    per_stage: tuple[float, ...]
    delays: tuple[int | None, ...]

    @property
    def detected(self) -> float:
        """Share of the shifted streams with an alarm; NaN without shifted streams."""
        return float(np.mean([delay is not None for delay in self.delays])) if self.delays else float("nan")


def synthetic_increments(
    kind: str,
    *,
    n_stages: int = 6,
    items: int = 96,
    n_classes: int = 6,
    shift_at: int = 3,
    shift: float = 0.3,
    spread: float = 2.0,
    width: int = 16,
    seed: int = 0,
) -> list[PairedFeatures]:
    """Draw increments of Gaussian classes with unit variance and a known shift.

    Parameters
    ----------
    kind : str
        "none"; "sudden", all features move by ``shift`` from stage ``shift_at`` on;
        "gradual", the move grows in equal steps from there to the last stage; "new class",
        half of the items from ``shift_at`` on belong to a class not seen before
    n_stages, n_classes : int
        numbers of increments and of classes
    items : int
        pairs of each stage, spread evenly over the classes
    shift_at : int
        first shifted stage, from 1 on
    shift : float
        length of the move in class radii, in the same direction for all classes
    spread : float
        standard deviation of the class centres, in units of a class's own
    width : int
        columns of image and of text features
    seed : int
        of all random numbers

    Returns
    -------
    list of PairedFeatures
        one for each stage; the new class is the last of ``n_classes + 1``
    """
    if kind not in STREAM_KINDS:
        raise DataError(f"kind is {kind!r}; a stream is one of {', '.join(map(repr, STREAM_KINDS))}")
    if not 1 <= shift_at < n_stages:
        raise DataError(f"shift_at is {shift_at}; it must be a stage from 1 to {n_stages - 1}")
    random = np.random.default_rng(seed)
    centres = {side: spread * random.normal(size=(n_classes + 1, width)) for side in MODALITIES}
    moves = {side: random.normal(size=width) for side in MODALITIES}
    moves = {side: move / np.linalg.norm(move) for side, move in moves.items()}
    increments = []
    for stage in range(n_stages):
        classes = np.arange(items) % n_classes
        if kind == "new class" and stage >= shift_at:
            classes[::2] = n_classes
        length = np.sqrt(width) * _shift_of_stage(kind, stage, n_stages, shift_at, shift)
        features = {}
        for side in MODALITIES:
            noise = random.normal(size=(items, width))
            features[side] = (centres[side][classes] + noise + length * moves[side]).astype(np.float32)
        ids = np.array([f"{stage}-{i}" for i in range(items)])
        labels = np.eye(n_classes + 1, dtype=bool)[classes]
        names = tuple(map(str, range(n_classes + 1)))
        increments.append(PairedFeatures(ids=ids, labels=labels, class_names=names, groups=ids, **features))
    return increments


def _shift_of_stage(kind, stage, n_stages, shift_at, shift):
    if kind not in ("sudden", "gradual") or stage < shift_at:
        return 0.0
    return shift if kind == "sudden" else shift * (stage - shift_at + 1) / (n_stages - shift_at)


def measure_drift_detection(
    kind: str, *, n_streams: int = 20, seed: int = 0, monitor: dict[str, Any] | None = None, **stream: Any
) -> DetectionRecord:
    """Count false alarms and delays of a `DriftMonitor` over many streams of `synthetic_increments`.

    An alarm is drift in either modality; after its test every increment is remembered,
    shifted or not, as by an operator who continues.

    Parameters
    ----------
    kind : str
        of the streams, see `synthetic_increments`
    n_streams : int
        number of streams, each with a seed and a monitor of its own
    seed : int
        of all streams and monitors
    monitor : dict or None
        options of `DriftMonitor`
    **stream
        options of `synthetic_increments`
    """
    rows = []
    increments = []
    for child in np.random.SeedSequence(seed).generate_state(n_streams).tolist():
        increments = synthetic_increments(kind, seed=child, **stream)
        watch = DriftMonitor(seed=child, **(monitor or {}))
        watch.remember(increments[0])
        row = []
        for increment in increments[1:]:
            row.append(any(record.drifted for record in watch.test(increment).values()))
            watch.remember(increment)
        rows.append(row)
    alarms = np.array(rows, dtype=bool)
    shift_at = stream.get("shift_at", 3)
    shifted = kind in ("sudden", "gradual")
    delays = [int(row.argmax()) if row.any() else None for row in alarms[:, shift_at - 1 :]]
    quiet = alarms[:, : shift_at - 1] if shifted else alarms  # column 0 is stage 1
    low, high = binomial_interval(int(quiet.sum()), quiet.size)
    return DetectionRecord(
        kind=kind,
        n_streams=n_streams,
        n_stages=len(increments),
        shift_at=shift_at,
        n_quiet=quiet.size,
        n_false_alarms=int(quiet.sum()),
        false_alarm_rate=float(quiet.mean()) if quiet.size else float("nan"),
        low=low,
        high=high,
        per_stage=tuple(alarms.mean(0).tolist()),
        delays=tuple(delays) if shifted else (),
    )


def binomial_interval(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Compute Clopper and Pearson's exact interval for a share; it covers the true share with at least ``level``.

    Returns
    -------
    low, high : float
        in [0, 1]; NaN for n = 0

    References
    ----------
    Clopper and Pearson, Biometrika 26 (1934).

    Examples
    --------
    >>> low, high = binomial_interval(0, 10)
    >>> low, round(high, 4)
    (0.0, 0.3085)
    """
    if n == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high
