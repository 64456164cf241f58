"""What exact hashing can learn from and merge with; anything else ends in one line."""

import numpy as np

from dlchkit.errors import DataError

SIDES = ("image", "text")


def checked_items(image: np.ndarray, text: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels as bool, if these are rows of the same items and all features finite."""
    shapes = np.shape(image), np.shape(text), np.shape(labels)
    if any(len(shape) != 2 for shape in shapes) or len({len(part) for part in (image, text, labels)}) > 1 or len(labels) == 0:
        raise DataError(f"image {shapes[0]}, text {shapes[1]} and labels {shapes[2]} must be rows of the same items, one at least")
    labels = checked_labels(labels)
    for name, x in (("image", image), ("text", text)):
        if not np.isfinite(x).all():
            raise DataError(
                f"{name} features of row {int((~np.isfinite(x)).any(1).argmax())} are not finite; an item that cannot be seen cannot be learned"
            )
    return labels


def checked_labels(labels: np.ndarray) -> np.ndarray:
    """Labels (n, n_classes) as bool, if they are rows of 0 and 1."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.isin(labels, (0, 1)).all():
        raise DataError(f"labels {labels.shape} must be rows of 0 and 1; a row says which classes an item has")
    return labels.astype(bool)


def check_kin(all_of_them: tuple) -> None:
    """Refuse learners whose sums or codes cannot be put together."""
    first, *rest = all_of_them
    first._need_features()
    for other, side in ((other, side) for other in rest for side in SIDES):
        if other.n_bits != first.n_bits or not first.features[side].equals(other.features.get(side)):
            raise DataError(f"{side} features or code lengths differ; only shards of one ancestor can be merged, see shard()")
    leader = max(all_of_them, key=lambda one: one.codes.coded.sum())
    if any(not leader.codes.knows_codes_of(other.codes) for other in all_of_them):
        raise DataError("codes were given out in two places, so they may collide; let shards add() their items, and give codes once, in merge()")
