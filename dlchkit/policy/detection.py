"""How well drift is found: false alarms and delay on streams whose truth is known."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError
from dlchkit.policy.drift import DriftMonitor

STREAM_KINDS = ("none", "sudden", "gradual", "new class")


@dataclass(frozen=True)
class DetectionRecord:
    """What `measure_drift_detection` found on streams of one kind.

    Attributes
    ----------
    kind, n_streams, n_stages : what was run
    shift_at : first shifted stage of "sudden" and "gradual" streams; the first with a new class
    n_quiet, n_false_alarms : tests of stages in which nothing had shifted within classes, alarms among them
    false_alarm_rate, low, high : their share and its 95% Clopper-Pearson interval; NaN without such a stage
    per_stage : share of streams with an alarm, for each stage from 1
    delays : for each stream with a shift the number of stages from it to the alarm, 0 for
        the first shifted stage itself; None where it was missed. Empty without a shift
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
    per_stage: tuple
    delays: tuple

    @property
    def detected(self) -> float:
        """Share of the shifted streams in which an alarm came; NaN where there are none."""
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
    """Increments of Gaussian classes with unit variance, in which what shifts is known.

    Parameters
    ----------
    kind : "none"; "sudden", all features move by ``shift`` from stage ``shift_at`` on;
        "gradual", the move grows in equal steps from there to the last stage; "new class",
        half of each increment's items belong to a class not seen before ``shift_at``
    items : pairs per stage, spread evenly over the classes
    shift : length of the move in class radii, the same direction for all classes
    spread : standard deviation of the class centres, in that of a class
    width : columns of image and of text features

    Returns
    -------
    a list of `PairedFeatures`, one per stage; the new class is the last of ``n_classes + 1``
    """
    if kind not in STREAM_KINDS:
        raise DataError(f"kind is {kind!r}; a stream is one of {', '.join(map(repr, STREAM_KINDS))}")
    if not 1 <= shift_at < n_stages:
        raise DataError(f"shift_at is {shift_at}; it must be a stage from 1 to {n_stages - 1}")
    random = np.random.default_rng(seed)
    centres = {side: spread * random.normal(size=(n_classes + 1, width)) for side in ("image", "text")}
    moves = {side: move / np.linalg.norm(move) for side, move in ((side, random.normal(size=width)) for side in centres)}
    return [
        _increment(stage, _length(kind, stage, n_stages, shift_at, shift), kind, shift_at, items, centres, moves, random) for stage in range(n_stages)
    ]


def _length(kind, stage, n_stages, shift_at, shift):
    if kind not in ("sudden", "gradual") or stage < shift_at:
        return 0.0
    return shift if kind == "sudden" else shift * (stage - shift_at + 1) / (n_stages - shift_at)


def _increment(stage, length, kind, shift_at, items, centres, moves, random):
    n_classes, width = centres["image"].shape
    classes = np.arange(items) % (n_classes - 1)
    if kind == "new class" and stage >= shift_at:
        classes[::2] = n_classes - 1
    features = {
        side: (centres[side][classes] + random.normal(size=(items, width)) + length * np.sqrt(width) * moves[side]).astype(np.float32)
        for side in centres
    }
    ids = np.array([f"{stage}-{i}" for i in range(items)])
    return PairedFeatures(
        ids=ids, labels=np.eye(n_classes, dtype=bool)[classes], class_names=tuple(map(str, range(n_classes))), groups=ids, **features
    )


def measure_drift_detection(kind: str, *, n_streams: int = 20, seed: int = 0, monitor: dict | None = None, **stream) -> DetectionRecord:
    """Count false alarms and delay of a `DriftMonitor` over many streams of `synthetic_increments`.

    An alarm is drift in either modality; after its test every increment is remembered,
    shifted or not, as an operator who goes on would have it.

    Parameters
    ----------
    kind, **stream : see `synthetic_increments`
    n_streams : streams, each with a seed and a monitor of its own
    monitor : options of `DriftMonitor`

    Returns
    -------
    `DetectionRecord`
    """
    alarms, increments = [], []
    for child in np.random.SeedSequence(seed).generate_state(n_streams).tolist():
        increments = synthetic_increments(kind, seed=child, **stream)
        watch = DriftMonitor(seed=child, **(monitor or {}))
        watch.remember(increments[0])
        row = []
        for increment in increments[1:]:
            row.append(any(record.drifted for record in watch.test(increment).values()))
            watch.remember(increment)
        alarms.append(row)
    alarms, shift_at = np.array(alarms, dtype=bool), stream.get("shift_at", 3)
    shifted = kind in ("sudden", "gradual")
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
        delays=tuple(int(row.argmax()) if row.any() else None for row in alarms[:, shift_at - 1 :]) if shifted else (),
    )


def binomial_interval(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval for a share, exact: it holds the true share with at least this probability.

    Returns
    -------
    low, high in [0, 1]; NaN for n = 0

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
