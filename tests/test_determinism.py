"""The same seed gives the same codes, bit for bit, in another process; another number of threads gives the same mAP."""

import json
import os
import subprocess
import sys

import pytest

from dlchkit.runs.run_process import THREAD_VARIABLES

pytestmark = pytest.mark.slow

RUN = """
import hashlib, json, sys
import numpy as np, torch
from dlchkit import class_incremental_stream, evaluate, make_learners, run_stream
from dlchkit.data import PairedFeatures

random = np.random.default_rng(0)
n, classes, widths = 300, 6, {"image": 384, "text": 300}
labels = np.eye(classes, dtype=bool)[np.arange(n) % classes]
features = {}
for side, width in widths.items():
    values = labels @ random.normal(size=(classes, width)) + 3 * random.normal(size=(n, width))
    features[side] = values.astype(np.float32)
ids = np.array([f"item{i:04d}" for i in range(n)])
data = PairedFeatures(ids=ids, labels=labels, class_names=tuple("abcdef"), groups=ids, **features)
stream = class_incremental_stream(data, classes_per_stage=[4, 2])
found = {"threads": torch.get_num_threads()}
for name in ("dlch", "der++"):
    (learner,) = make_learners([name], 32, epochs=4, seed=3)
    record = run_stream(learner, stream)
    codes = [learner.bank.codes, learner.encode("image", data.image), learner.encode("text", data.text)]
    assert all(code.dtype == np.int8 for code in codes)
    scores = {direction: R[-1].tolist() for direction, R in record.R.items()}
    found[name] = {"codes": hashlib.sha256(b"".join(code.tobytes() for code in codes)).hexdigest(), "scores": scores}
print(json.dumps(found))
"""


def run(threads):
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment["OMP_WAIT_POLICY"] = "PASSIVE"  # else threads spin on a busy machine
    command = [sys.executable, "-c", RUN]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(ended.stdout)
    assert found.pop("threads") == threads
    return found


@pytest.fixture(scope="module")
def once():
    return run(1)


def test_the_same_seed_gives_the_same_codes_in_another_process(once):
    assert run(1) == once


def test_another_number_of_threads_gives_the_same_map(once):
    other = run(2)
    for name, found in once.items():
        for direction, scores in found["scores"].items():
            assert other[name]["scores"][direction] == pytest.approx(scores, abs=0.005)
            assert min(scores) > 0.3  # learned something: chance is 1/6
