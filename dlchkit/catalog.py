"""One door to all data: `load` for image-text pairs, `load_source` for the source domain."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from dlchkit import scenes
from dlchkit.data import PairedDataset, SourceDataset
from dlchkit.errors import DataError
from dlchkit.folder import load_folder, load_source_folder
from dlchkit.storage import atomic_path, data_home

SCENES_PAIRS, SCENES_SOURCE = 2400, 3200


def load(name_or_path: str | Path = "scenes", *, n: int = SCENES_PAIRS, seed: int = 0, **columns) -> PairedDataset:
    """Load labelled image-text pairs.

    Parameters
    ----------
    name_or_path : "scenes", the data set that the kit renders, or the path of a folder
        with an items.csv
    n, seed : how many scenes, and which; for "scenes" only
    **columns : how to read a folder, see `dlchkit.folder.load_folder`; not for "scenes"

    Examples
    --------
    >>> data = load("scenes", n=20)
    >>> len(data), data.images.shape, data.labels.shape
    (20, (20, 64, 64, 3), (20, 16))
    """
    if name_or_path == "scenes":
        pixels, texts, labels = _rendered("pairs", n, seed, scenes.render_pairs)
        ids = np.array([f"scene-{i:05d}" for i in range(n)])
        return PairedDataset(ids=ids, labels=labels, class_names=scenes.KINDS, groups=ids, images=pixels, texts=np.asarray(texts))
    return load_folder(_existing(name_or_path), **columns)


def load_source(name_or_path: str | Path = "scenes", *, use: str = "images", n: int = SCENES_SOURCE, seed: int = 0) -> SourceDataset:
    """Load the labelled, single-modal source domain.

    Parameters
    ----------
    name_or_path : "scenes" (single objects drawn in another style), or a folder, see
        `dlchkit.folder.load_source_folder`
    use : "images" or "features": what a folder is read for
    n, seed : how many pictures, and which; for "scenes" only
    """
    if name_or_path == "scenes":
        pixels, labels = _rendered("source", n, seed, scenes.render_source)
        return SourceDataset(labels=labels, class_names=scenes.SOURCE_KINDS, images=pixels)
    return load_source_folder(_existing(name_or_path), use=use)


def _existing(path):
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{str(path)!r} is neither a folder nor a data set of the kit; the kit has 'scenes'")
    return folder


def _rendered(part, n, seed, render):
    """Render, or read what was rendered before: the arrays of one part of scenes."""
    path = data_home() / "scenes" / f"{part}-v{scenes.VERSION}-n{n}-seed{seed}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[f"arr_{i}"] for i in range(len(stored.files))]
    except (ValueError, EOFError, OSError, KeyError, BadZipFile):
        pass  # absent, or damaged from outside: rendered again
    arrays = [np.asarray(array) for array in render(n, seed=seed)]
    with atomic_path(path) as temporary:
        np.savez(temporary, *arrays)
    return arrays
