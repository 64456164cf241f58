"""The cost of training: processor seconds that other programs do not move, and passes over items."""

import json
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dlchkit import RunRecord, make_learners, plotting, summarise
from dlchkit.evaluation import run_once, run_stream
from dlchkit.lifelong import ReleasedDemo
from dlchkit.lifelong.training_cost import measured_training
from dlchkit.records import MethodRecord


def work(seconds):
    """Keep the processor busy for some seconds of its own time."""
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass


@pytest.mark.parametrize(
    ("observe", "processor", "wall", "waiting"),
    [(lambda stage: time.sleep(0.3), 0.0, 0.3, 1.0), (lambda stage: work(0.3), 0.3, 0.3, 0.0)],
)
def test_seconds_are_those_of_the_processor_and_waiting_is_what_is_left(observe, processor, wall, waiting):
    cost = measured_training(SimpleNamespace(observe=observe), stage=None)
    assert cost.clock == "processor" and cost.seconds == pytest.approx(processor, abs=0.1)
    assert cost.wall_seconds >= wall and (cost.waiting > 0.8) == (waiting == 1.0)
    assert math.isnan(cost.item_passes)


EPOCHS = 3
STAGES = "each stage's own items"
SEEN = "all items seen so far"


@pytest.mark.parametrize(
    ("name", "items", "passes"),
    [
        ("finetune", STAGES, EPOCHS),
        ("lwf", STAGES, EPOCHS),
        ("ewc", STAGES, EPOCHS),
        ("joint", SEEN, EPOCHS),
        ("exact", STAGES, 1),
        ("itq", SEEN, 1),
        ("lsh", SEEN, 1),
    ],
)
def test_passes_over_items_are_counted(stream, name, items, passes):
    (learner,) = make_learners([name], 16, epochs=EPOCHS, device="cpu")
    record = run_stream(learner, stream)
    sizes = np.array([len(stage.database) for stage in stream])
    assert record.item_passes == (passes * (sizes if items == STAGES else np.cumsum(sizes))).tolist()
    assert len(record.wall_seconds) == len(record.waiting) == len(stream) and record.clock == "processor"


def test_rehearsed_items_and_the_shorter_increments_of_dlch_count_too(stream):
    first, *later = [len(stage.database) for stage in stream]
    for name in ("replay", "der++"):
        (learner,) = make_learners([name], 16, epochs=EPOCHS, rehearsal=20, device="cpu")
        made = run_stream(learner, stream).item_passes[1:]
        assert all(passes > EPOCHS * n for passes, n in zip(made, later, strict=True)), name
    (dlch,) = make_learners(["dlch"], 16, epochs=EPOCHS, rehearsal=20, device="cpu")
    epochs = round(dlch.increment_epochs * EPOCHS)
    assert run_stream(dlch, stream).item_passes == [EPOCHS * first, *(epochs * (n + 20) for n in later)]


def test_a_frozen_method_makes_no_pass_after_its_first_stage(stream):
    (frozen,) = make_learners(["frozen"], 16, epochs=EPOCHS, device="cpu")
    assert run_stream(frozen, stream).item_passes == [EPOCHS * len(stream[0].database), 0, 0]


def test_a_pass_of_one_tower_is_its_share_of_a_pass(stream):
    demo = ReleasedDemo(16, epochs=EPOCHS, device="cpu")
    demo.observe(stream[0])
    assert demo.item_passes == pytest.approx(EPOCHS * len(stream[0].database))


def test_learning_at_once_has_a_cost_at_the_last_stage_alone(stream):
    (learner,) = make_learners(["dcmh"], 16, epochs=EPOCHS, device="cpu")
    record = run_once(learner, stream)
    assert record.item_passes[-1] == EPOCHS * sum(len(stage.database) for stage in stream)
    for numbers in (record.seconds, record.wall_seconds, record.waiting, record.item_passes):
        assert np.isnan(numbers).tolist() == [True, True, False]


def method(seconds, **more):
    n = len(seconds)
    R = {direction: np.full((n, n), 0.5) for direction in ("image_to_text", "text_to_image")}
    return MethodRecord(R, seconds, [True] * n, **more)


def test_records_from_before_say_that_their_seconds_are_wall_seconds(tmp_path):
    path = RunRecord("03_increments", {}, methods={"joint": method([1.0, 2.0])}).save(tmp_path)
    content = json.loads(path.read_text())
    for field in ("clock", "wall_seconds", "waiting", "item_passes"):
        del content["methods"]["joint"][field]
    path.write_text(json.dumps(content))
    (old,) = RunRecord.load(tmp_path).methods.values()
    assert old.clock == "wall" and old.seconds == [1, 2] and old.wall_seconds == []
    assert summarise({"joint": old})["joint"].keys() & {"train_wall_seconds", "item_passes", "pass_reduction"} == set()
    assert "by the wall clock" in plotting.describe_seconds({"joint": old})


@pytest.mark.parametrize("wrong", [{"clock": "sun"}, {"waiting": [0.1]}, {"item_passes": [1, 2, 3]}])
def test_costs_of_another_kind_are_no_record(tmp_path, refused, wrong):
    path = RunRecord("03_increments", {}, methods={"joint": method([1.0, 2.0])}).save(tmp_path)
    content = json.loads(path.read_text())
    content["methods"]["joint"] |= wrong
    path.write_text(json.dumps(content))
    with refused(str(path), next(iter(wrong))):
        RunRecord.load(tmp_path)


def test_a_busy_machine_is_named():
    quiet, busy = (
        {"joint": method([1.0, 3.0], wall_seconds=[2.0, 6.0], waiting=waiting, clock="processor")}
        for waiting in ([0.01, 0.02], [0.5, 0.5])
    )
    assert "busy" not in plotting.describe_seconds(quiet)
    assert "The machine was busy: training waited 50% of its wall time" in plotting.describe_seconds(busy)


def test_reductions_of_seconds_and_passes_stand_beside_each_other():
    joint = method([9.0, 8.0, 12.0], item_passes=[10, 20, 30], wall_seconds=[9, 8, 12], waiting=[0, 0, 0])
    ours = method([9.0, 2.0, 2.0], item_passes=[10, 10, 10], wall_seconds=[9, 2, 2], waiting=[0, 0, 0])
    measures = summarise({"joint": joint, "ours": ours})["ours"]
    assert measures["time_reduction"] == pytest.approx(0.8) and measures["pass_reduction"] == pytest.approx(0.6)
    assert measures["train_wall_seconds"] == 13 and measures["item_passes"] == 30


def test_seconds_of_two_clocks_are_not_compared():
    joint = method([9.0, 8.0], clock="wall", wall_seconds=[9, 8])
    ours = method([9.0, 2.0], clock="processor", wall_seconds=[9, 2])
    assert "time_reduction" not in summarise({"joint": joint, "ours": ours})["ours"]
    assert "than joint" not in plotting.describe_seconds({"joint": joint, "ours": ours})


def test_every_method_says_which_device_its_clock_belongs_to():
    for learner in make_learners(["finetune", "exact"], 16, device="cpu"):
        assert learner.device == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: its work has no processor clock")
def test_on_a_gpu_the_wall_clock_decides(stream):
    (learner,) = make_learners(["finetune"], 16, epochs=1, device="cuda")
    cost = measured_training(learner, stream[0])
    assert cost.clock == "wall" and cost.seconds == cost.wall_seconds
