"""Prepare the source domain "imagenet" from a folder with one folder of pictures per class; see imagenet.md.

    python datasets/prepare_imagenet.py ORIGINAL $DLCHKIT_DATASETS/imagenet
    python datasets/prepare_imagenet.py --check $DLCHKIT_DATASETS/imagenet
"""

from pathlib import Path

import numpy as np
from recipe import encode, run_recipe

from dlchkit.data.loaders.row_checks import read_lines
from dlchkit.errors import DataError

CLASSES = Path(__file__).with_name("imagenet_classes.txt")  # our 200 classes in their order: WordNet ids
PER_CLASS = 60
SUFFIXES = {".jpg", ".jpeg", ".png"}


def prepare(original: Path, folder: Path, options) -> None:
    """Write image_features.npy, labels.npy and classes.tsv."""
    classes = CLASSES.read_text(encoding="utf-8").split()
    pictures = [path for name in classes for path in pictures_of(original / name)]
    names = names_of_classes(original)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "image_features.npy", encode(pictures, options), allow_pickle=False)
    np.save(folder / "labels.npy", np.repeat(np.arange(len(classes), dtype=np.int16), PER_CLASS), allow_pickle=False)
    lines = [f"{name}\t{names.get(name, name)}\n" for name in classes]
    (folder / "classes.tsv").write_text("".join(lines), encoding="utf-8")


def pictures_of(folder: Path) -> list[Path]:
    """The first 60 pictures of a class by name, in its folder or below it."""
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(pictures) < PER_CLASS:
        raise DataError(f"class folder {folder} holds {len(pictures)} pictures; {PER_CLASS} are needed")
    return pictures[:PER_CLASS]


def names_of_classes(original: Path) -> dict[str, str]:
    """WordNet id -> name, from the words.txt of Tiny ImageNet in the original or beside it."""
    for path in (original / "words.txt", original.parent / "words.txt"):
        if path.is_file():
            return dict(line.split("\t", 1) for line in read_lines(path) if "\t" in line)
    return {}


def check(folder: Path) -> dict[str, str]:
    """Compare classes, labels and features of a prepared folder with the rules."""
    features = np.load(folder / "image_features.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    lines = read_lines(folder / "classes.tsv")
    same_classes = [line.split("\t")[0] for line in lines] == CLASSES.read_text(encoding="utf-8").split()
    same_labels = np.array_equal(labels, np.repeat(np.arange(len(lines)), PER_CLASS))
    return {
        "classes": f"{len(lines)}, {'those' if same_classes else 'not those'} of {CLASSES.name}, in its order",
        "labels": f"{'' if same_labels else 'not '}{PER_CLASS} rows for each class, in the order of the classes",
        "features": f"{features.shape[0]:,} x {features.shape[1]:,}, from {features.min():.3f} to {features.max():.3f}",
    }


def main() -> None:
    run_recipe(__doc__, prepare, check)


if __name__ == "__main__":
    main()
