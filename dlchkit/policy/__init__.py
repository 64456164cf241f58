"""Decisions of an operator: code health, drift, cost, wrong labels, reasons for a result; keep, recode or retrain."""

from dlchkit.policy.bounds import Capacity, capacity
from dlchkit.policy.cost import CostOfWay, YearlyCost, fit_seconds, yearly_cost
from dlchkit.policy.detection import DetectionRecord, binomial_interval, measure_drift_detection, synthetic_increments
from dlchkit.policy.drift import DriftMonitor, DriftRecord
from dlchkit.policy.explanation import Bit, Why, WordMove, moving_words, why
from dlchkit.policy.health import CodeHealth, code_health, majority_codes
from dlchkit.policy.label_noise import (
    KnownCodes,
    LabelledCodes,
    NoiseRate,
    Suspicion,
    known_codes,
    noise_rate,
    suspicious_labels,
    threshold_for,
)
from dlchkit.policy.quality import paired_gain, quality_change
from dlchkit.policy.recommendation import ACTIONS, Recommendation, Thresholds, recommend
from dlchkit.policy.two_sample import drift_test, mean_shift, median_bandwidth

__all__ = [
    "ACTIONS",
    "Bit",
    "Capacity",
    "CodeHealth",
    "CostOfWay",
    "DetectionRecord",
    "DriftMonitor",
    "DriftRecord",
    "KnownCodes",
    "LabelledCodes",
    "NoiseRate",
    "Recommendation",
    "Suspicion",
    "Thresholds",
    "Why",
    "WordMove",
    "YearlyCost",
    "binomial_interval",
    "capacity",
    "code_health",
    "drift_test",
    "fit_seconds",
    "known_codes",
    "majority_codes",
    "mean_shift",
    "measure_drift_detection",
    "median_bandwidth",
    "moving_words",
    "noise_rate",
    "paired_gain",
    "quality_change",
    "recommend",
    "suspicious_labels",
    "synthetic_increments",
    "threshold_for",
    "why",
    "yearly_cost",
]
