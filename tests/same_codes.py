"""Compare the codes of every method between two checkouts: ``python tests/same_codes.py OLD NEW [DATASET ...]``.

Each checkout runs in a process of its own, with one thread. Data sets are those of ``load``
("scenes" unless others are named). The exit status is 0 where every digest is equal.
"""

import json
import os
import subprocess
import sys

RUN = """
import hashlib, json, sys
import numpy as np
import torch
from dlchkit import class_incremental_stream, compare, load, load_source
from dlchkit import make_image_encoder, make_learners, paired_features
from dlchkit.lifelong import METHODS, ReleasedDemo

torch.set_num_threads(1)
scenes = sys.argv[1] == "scenes"
pairs = load(sys.argv[1], **({"n": 600} if scenes else {}))
encoder = make_image_encoder("auto", pairs, load_source(n=400) if scenes else None)
features = paired_features(pairs, image_encoder=encoder)
stream = class_incremental_stream(features, classes_per_stage=[10, 3, 3] if scenes else [4, 3, 3], seed=1)
learners = make_learners(list(METHODS), 32, rehearsal=100, epochs=3, seed=2) + [ReleasedDemo(32, epochs=2, seed=2)]
found = {}
for learner in learners:
    record = compare([learner], stream, databases=("learned", "encoded"))[learner.name]
    sides = {"image": features.image, "text": features.text}
    codes = [learner.bank.codes]
    for side, rows in sides.items():
        encode = getattr(learner, "encode_" + side, None) or (lambda rows, side=side: learner.encode(side, rows))
        codes.append(encode(rows))
    scores = {direction: R[-1].tolist() for direction, R in record.R.items()}
    digest = hashlib.sha256(b"".join(code.tobytes() for code in codes)).hexdigest()
    found[learner.name] = {"codes": digest, "scores": scores, "kept_bytes": [str(n) for n in record.kept_bytes]}
print(json.dumps(found))
"""


def run(checkout: str, dataset: str) -> dict:
    """Method -> digest of its codes, its last scores and the bytes it keeps, as the checkout computes them."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": os.path.abspath(checkout)}
    command = [sys.executable, "-P", "-c", RUN, dataset]  # -P: not the checkout that this is called from
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


def main(old: str, new: str, *datasets: str) -> int:
    """Print a line for each data set and method; 1 where anything differs."""
    different = 0
    for dataset in datasets or ("scenes",):
        before, after = run(old, dataset), run(new, dataset)
        for name, expected in before.items():
            equal = after.get(name) == expected
            different += not equal
            verdict = "equal" if equal else f"DIFFERENT: {after.get(name)}"
            print(f"{dataset:10} {name:16} {expected['codes'][:16]} {verdict}")
    return min(different, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
