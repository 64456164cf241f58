"""Read MIRFlickr-25K as its authors give it out: photos, their tags, and lists of the photos of each label."""

import re
from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.listed_pictures import find_listed, picture_root, unreadable_listed
from dlchkit.data.loaders.row_checks import assemble, read_lines
from dlchkit.data.loaders.tag_texts import tag_texts
from dlchkit.errors import DataError

PAGE = "https://press.liacs.nl/mirflickr/mirdownload.html"
ARCHIVES = ("mirflickr25k.zip", "mirflickr25k_annotations_v080.zip")
RELEVANT = "_r1"  # at the end of a list's name: photos for which the label is relevant, not only visible


def holds_mirflickr(place: Path) -> bool:
    """Tell whether a folder has tags as the first archive unpacks them."""
    return _tag_folder(place) is not None


def load_mirflickr(
    folder: Path,
    *,
    images: str | Path = "",
    min_tag_count: int = 20,
    relevant_labels: bool = False,
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    """Read ``im1.jpg``, ``meta/tags/tags1.txt`` and so on, and ``mirflickr25k_annotations_v080/LABEL.txt``.

    Parameters
    ----------
    folder : Path
        Holds both archives unpacked: ``mirflickr/`` (or what is in it) and the folder of annotations, side by side or
        one in the other.
    images : str or Path
        Folder below which the photos lie; "" is the data set's own folder.
    min_tag_count : int
        Tags of fewer photos are left out; 20 leaves the 1,386 tags of hashing papers, 1 takes all.
    relevant_labels : bool
        Take the 14 stricter lists (``LABEL_r1.txt``) as labels of their own beside the 24, which makes 38.
    skip_bad_rows : bool
        Leave out photos that are not there or cannot be read, and tags that cannot be read, and list them.
    follow_links : bool
        Read photos behind links that lead out of their folder.

    Returns
    -------
    PairedDataset
        Picture files and texts, a photo's tags joined by spaces; ids are "im1" and so on; classes are the names of
        the lists. Photos without any label or tag are left out, one line each. ``split`` is None.

    Notes
    -----
    The 24 lists name "potential" labels: what is visible in a photo, however small. Hashing papers use these.
    """
    tag_folder = _tag_folder(folder)
    assert tag_folder is not None
    lists = _label_lists(folder, tag_folder.parent.parent, relevant_labels)
    tag_files = {int(found[1]): path for path in tag_folder.iterdir() if (found := _TAGS.fullmatch(path.name))}
    labelled = {name: _photo_numbers(path) for name, path in lists.items()}
    numbers = sorted(tag_files.keys() | set().union(*labelled.values()))
    if not numbers:
        raise DataError(f"{tag_folder} holds no tags1.txt and so on, and no list names a photo")
    problems, tags = {}, []
    for i, number in enumerate(numbers):
        try:
            tags.append([line.strip() for line in read_lines(tag_files[number])] if number in tag_files else [])
        except DataError as error:
            tags.append([])
            problems[i] = str(error)
    texts, note = tag_texts(tags, min_tag_count)
    root = picture_root(folder, images)
    files, missing = find_listed([f"im{number}.jpg" for number in numbers], root, follow_links=follow_links)
    return assemble(
        ids=[f"im{number}" for number in numbers],
        labels=np.array([[number in photos for photos in labelled.values()] for number in numbers]),
        class_names=tuple(labelled),
        images=np.array([str(root.resolve() / name) for name in files]),
        texts=np.array(texts),
        problems=unreadable_listed(files, root) | missing | problems,
        bare={i: "has no tag that counts" for i, text in enumerate(texts) if not text},
        row_name=lambda i: f"{folder} im{numbers[i]}",
        skip_bad_rows=skip_bad_rows,
        notes=(
            f"labels are the {len(lists)} lists {'with' if relevant_labels else 'without'} those of relevant photos",
            note,
        ),
    )


_TAGS = re.compile(r"tags([1-9]\d*)\.txt")


def _tag_folder(place: Path) -> Path | None:
    """Find the folder of tags in lower case without spaces, else that of tags as they were written."""
    found = [root / "meta" / name for root in (place / "mirflickr", place) for name in ("tags", "tags_raw")]
    return next((path for path in found if path.is_dir()), None)


def _label_lists(folder: Path, photos: Path, relevant: bool) -> dict[str, Path]:
    """Find the lists of photos by the name of their label."""
    around = dict.fromkeys((folder, photos))
    named = [path for place in around for path in sorted(place.glob("*annotations*")) if path.is_dir()]
    flat = [place for place in around if any(place.glob(f"*{RELEVANT}.txt"))]
    for place in (*named, *flat):
        lists = {path.stem: path for path in sorted(place.glob("*.txt")) if path.stem.lower() != "readme"}
        lists = {name: path for name, path in lists.items() if relevant or not name.endswith(RELEVANT)}
        if lists:
            return lists
    raise DataError(
        f"{folder} has tags but no lists of annotations; fetch {ARCHIVES[1]} from {PAGE} "
        f"and unpack it to {folder / Path(ARCHIVES[1]).stem}"
    )


def _photo_numbers(path: Path) -> set[int]:
    """Read a list of photos, a number a line."""
    lines = [line.strip() for line in read_lines(path)]
    wrong = next((i for i, line in enumerate(lines) if line and not line.isdecimal()), None)
    if wrong is not None:
        raise DataError(
            f"{path} line {wrong + 1} is {lines[wrong][:40]!r}; a list of annotations has a photo's number a line"
        )
    return {int(line) for line in lines if line}
