"""Checks of items to learn and of learners to merge; a mistake ends in one line."""

from itertools import combinations

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import SIDES
from dlchkit.errors import DataError


def checked_items(image: np.ndarray, text: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels as bool, if these are rows of the same items and all features finite."""
    parts = (image, text, labels)
    tables = all(len(np.shape(part)) == 2 for part in parts)
    if not tables or len({len(part) for part in parts}) > 1 or len(labels) == 0:
        raise DataError(
            f"image {np.shape(image)}, text {np.shape(text)} and labels {np.shape(labels)} "
            f"must be rows of the same items, one at least"
        )
    labels = binary_labels(labels)
    for side, x in zip(SIDES, (image, text), strict=True):
        broken = ~np.isfinite(x).all(1)
        if broken.any():
            raise DataError(
                f"{side} features of row {int(broken.argmax())} are not finite; "
                f"an item that cannot be seen cannot be learned"
            )
    return labels


def check_kin(learners: tuple) -> None:
    """Refuse learners whose sums or codes cannot be put together."""
    first, *rest = learners
    first._need_features()
    for other in rest:
        for side in SIDES:
            if other.n_bits != first.n_bits or not first.features[side].equals(other.features.get(side)):
                raise DataError(
                    f"{side} features or code lengths differ; only shards of one ancestor can be merged, see shard()"
                )
    wide = max((one.class_names or () for one in learners), key=len)
    if any((one.class_names or ()) != wide[: len(one.class_names or ())] for one in learners):
        raise DataError("learners to merge have different classes in one column; put them together with add_sums")
    twice = [one.seen & other.seen for one, other in combinations(learners, 2)]
    if any(len(seen.ids) or len(seen.shards) for seen in twice):
        raise DataError("learners to merge have learned the same items, which would count twice")
    leader = max(learners, key=lambda one: one.codes.coded.sum())
    if not all(leader.codes.knows_codes_of(other.codes) for other in learners):
        raise DataError(
            "codes were given out in two places, so they may collide; "
            "let shards add() their items, and give codes once, in merge()"
        )
