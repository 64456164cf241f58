"""What it costs to teach a learner one stage: processor seconds, wall seconds, waiting, and passes over items."""

import math
import time
from typing import NamedTuple

import torch

from dlchkit.data import Stage
from dlchkit.lifelong.learner import Learner
from dlchkit.runtime import one_thread


class TrainingCost(NamedTuple):
    """The cost of one call of ``observe``.

    Attributes
    ----------
    seconds : float
        Of the clock: what comparisons of methods go by.
    wall_seconds : float
    waiting : float
        Part of the wall seconds, in [0, 1], in which the training thread did not run; other programs
        take it on a busy machine. NaN on a GPU.
    item_passes : float
        Items that went through training, counted once for each pass; NaN where the learner does not count.
    clock : str
        "processor": processor seconds, which a busy machine hardly moves; "wall" on a GPU, whose work no
        processor clock sees.
    """

    seconds: float
    wall_seconds: float
    waiting: float
    item_passes: float
    clock: str


def measured_training(learner: Learner, stage: Stage) -> TrainingCost:
    """Let a learner observe a stage on one thread, and measure what that costs.

    Several threads that wait for each other keep the processor busy while they wait: on a busy machine their
    processor seconds say nothing.
    """
    device = getattr(learner, "device", torch.device("cpu"))
    passes_before = getattr(learner, "item_passes", math.nan)
    wall_before = time.perf_counter()
    processor_before = time.process_time()
    thread_before = time.thread_time()
    with one_thread():
        learner.observe(stage)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    thread = time.thread_time() - thread_before
    processor = time.process_time() - processor_before
    wall = time.perf_counter() - wall_before
    passes = getattr(learner, "item_passes", math.nan) - passes_before
    if device.type != "cpu":
        return TrainingCost(wall, wall, math.nan, passes, "wall")
    return TrainingCost(processor, wall, min(1.0, max(0.0, 1 - thread / wall)), passes, "processor")
