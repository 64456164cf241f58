"""Find and read data sets: `load` for image-text pairs, `load_source` for the source domain."""

import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.data import PairedDataset, SourceDataset, scenes
from dlchkit.data.loaders import (
    clip_hashing_files,
    coco,
    dcmh_files,
    hash_lists,
    items_csv,
    karpathy,
    mirflickr_photos,
    npz_archive,
    nuswide_lists,
    pascal,
    train_test_mat,
    wikipedia,
)
from dlchkit.data.loaders.names import differing_by_case, names_of_nothing
from dlchkit.data.loaders.row_checks import without_small_classes
from dlchkit.data.loaders.shared_pictures import keep_pictures_whole
from dlchkit.data.loaders.source_folder import load_source_folder
from dlchkit.errors import DataError
from dlchkit.storage import data_home, datasets_home, made_once

SCENES_PAIRS = 2400
SCENES_SOURCE = 3200


class Form(NamedTuple):
    """A form in which pairs lie on disk: its name, how it is recognised, how it is read, and which options it has."""

    title: str
    holds: Callable[[Path], bool]
    load: Callable[..., PairedDataset]
    options: frozenset[str]


def _form(title: str, holds: Callable, load: Callable, *options: str) -> Form:
    return Form(title, holds, load, frozenset(options) | {"skip_bad_rows"})


FORMS = (
    _form("a folder with items.csv", items_csv.holds_items, items_csv.load_items, *items_csv.COLUMNS, "follow_links"),
    _form("the Wikipedia set", wikipedia.holds_wikipedia, wikipedia.load_wikipedia),
    _form(
        "MIRFlickr's photos and tags",
        mirflickr_photos.holds_mirflickr,
        mirflickr_photos.load_mirflickr,
        *("images", "min_tag_count", "relevant_labels", "follow_links"),
    ),
    _form(
        "NUS-WIDE's lists",
        nuswide_lists.holds_nuswide,
        nuswide_lists.load_nuswide,
        *("images", "min_tag_count", "follow_links"),
    ),
    _form(
        "Karpathy's caption file", karpathy.holds_karpathy, karpathy.load_karpathy, "images", "caption", "follow_links"
    ),
    _form("COCO annotations", coco.holds_coco, coco.load_coco, "images", "caption", "follow_links"),
    _form(
        "index.mat, caption.mat and label.mat",
        clip_hashing_files.holds_captioned,
        clip_hashing_files.load_captioned,
        "images",
        "caption",
        "follow_links",
    ),
    _form("IAll or XAll, YAll and LAll in .mat files", dcmh_files.holds_iall, dcmh_files.load_iall),
    _form(
        "I_tr, T_tr, L_tr, I_te, T_te and L_te in .mat files",
        train_test_mat.holds_train_test,
        train_test_mat.load_train_test,
    ),
    _form(
        "lists of pictures and labels",
        hash_lists.holds_lists,
        hash_lists.load_lists,
        "images",
        "caption",
        "follow_links",
    ),
    _form("a .npz file", npz_archive.holds_archive, npz_archive.load_archive),
    _form(
        "class folders of pictures and sentences", pascal.holds_pascal, pascal.load_pascal, "caption", "follow_links"
    ),
)
OPTIONS = frozenset().union(*(form.options for form in FORMS))
REPEATED = items_csv.COLUMNS | {"follow_links": False}  # option -> the default, which other forms ignore

DCMH_LINKS = "from the links of https://github.com/jiangqy/DCMH-CVPR2017"
PASCAL_PAGE = "https://vision.cs.uiuc.edu/pascal-sentences/"
FETCH = {
    "mirflickr": (
        f"fetch {' and '.join(mirflickr_photos.ARCHIVES)} from {mirflickr_photos.PAGE} and unpack them, "
        f"or mirflickr25k-iall.mat, -yall.mat and -lall.mat {DCMH_LINKS}"
    ),
    "nuswide": (
        f"fetch nus-wide-tc21-iall.mat, -yall.mat and -lall.mat (or tc10) {DCMH_LINKS}, "
        f"or ImageList.zip, Groundtruth.zip, NUS_WID_Tags.zip and the photos, see {nuswide_lists.PAGE}, and unpack them"
    ),
    "coco": (
        "load it with download=True for the annotations, "
        f"fetch train2017.zip and val2017.zip from {coco.PAGE}, unpack them"
    ),
    "wikipedia": f"fetch {', '.join(wikipedia.FILES)} from {wikipedia.PAGE}",
    "pascal": f"fetch pictures and sentences of {PASCAL_PAGE} as CLASS/NAME.jpg and CLASS/NAME.txt",
}
DOWNLOADS = {"coco": coco.download_coco}


def load(
    name_or_path: str | Path = "scenes",
    *,
    n: int | None = None,
    seed: int | None = None,
    language: str | None = None,
    min_class_size: int = 0,
    root: str | Path | None = None,
    download: bool = False,
    **options,
) -> PairedDataset:
    """Load labelled image-text pairs.

    Parameters
    ----------
    name_or_path : str or Path
        "scenes", the data set that the kit renders; "mirflickr", "nuswide", "coco", "wikipedia" or "pascal", which
        lie in ``root/NAME``; the name of another folder in ``root``; or the path of a folder or file, recognised
        by the files it holds.
    n, seed : int
        How many scenes, None for 2,400, and which, None for 0; other data have no such choice.
    language : str
        Of the scenes' captions and classes: "en", which None stands for, "ja" or "zh"; the pictures are the same.
    min_class_size : int
        Classes with fewer rows are left out, with the rows that then have no label.
    root : str, Path or None
        Folder of data sets; None for ``$DLCHKIT_DATASETS``, else ``data_home()/"datasets"``.
    download : bool
        Fetch first what the data set's terms allow and is not there yet.
    **options
        Options of the loader that reads the form, in `dlchkit.data.loaders`: ``skip_bad_rows`` everywhere;
        ``text``, ``labels``, ``group``, ``image`` and ``id`` name columns of an items.csv; ``images`` and
        ``caption`` where pictures lie apart or have several texts; ``min_tag_count`` and ``relevant_labels`` of raw
        photos with tags; ``follow_links`` where pictures are files. Forms without columns ignore column names that
        repeat the defaults; any other option that a form lacks is refused.

    Returns
    -------
    PairedDataset
        Rows of one picture are in one group, see `dlchkit.data.loaders.shared_pictures`; ``notes`` says so. A class
        name that differs from another by case alone, or names nothing ("nan"), is noted with a warning.

    Raises
    ------
    DataError
        Something is missing or wrong; the line says what, where, and what would be right.

    Examples
    --------
    >>> data = load("scenes", n=20)
    >>> len(data), data.images.shape, data.labels.shape
    (20, (20, 64, 64, 3), (20, 16))
    """
    if name_or_path == "scenes":
        _check_options(options, frozenset(), "scenes is drawn by the kit")
        data = _scenes(SCENES_PAIRS if n is None else n, seed or 0, language or "en")
        return without_small_classes(data, min_class_size, Path("scenes")) if min_class_size else data
    if download:
        _download(name_or_path, root)
    place = locate(name_or_path, root=root)
    form = next(form for form in FORMS if form.holds(place))
    for name, value in {"n": n, "seed": seed, "language": language}.items():
        if value is not None:
            raise DataError(f"{name} is {value!r}, but {place} is {form.title}; only scenes are drawn by {name}")
    _check_options(options, form.options, f"{place} is {form.title}")
    data = form.load(place, **{name: value for name, value in options.items() if name in form.options})
    data = without_small_classes(data, min_class_size, place)
    notes = (
        *data.notes,
        *differing_by_case("classes", data.class_names),
        *names_of_nothing("classes", data.class_names),
        *names_of_nothing("texts", () if data.texts is None else data.texts.tolist()),
    )
    for line in notes:
        warnings.warn_explicit(line, UserWarning, "dlchkit", 0)  # pages show it: no path of this machine
    return keep_pictures_whole(replace(data, notes=notes))


def locate(name_or_path: str | Path, *, root: str | Path | None = None) -> Path:
    """Find the folder or file that `load` would read; refused where there is none or no form that the kit reads.

    Returns
    -------
    Path
        An absolute path.
    """
    place = _place(name_or_path, root)
    name = str(name_or_path)
    if os.path.exists(place) and any(form.holds(place) for form in FORMS):
        return place.resolve()
    if name in FETCH:
        raise DataError(
            f"data set {name!r} is not in {place}: {FETCH[name]}, and put them into {place}; see datasets/{name}.md"
        )
    if os.path.exists(place):
        titles = "; ".join(form.title for form in FORMS)
        raise DataError(f"{place} holds none of what the kit reads: {titles}; see datasets/README.md")
    known = ", ".join(map(repr, FETCH))
    here = "" if place.is_absolute() else f" ({place} counts from the current folder, {Path.cwd()})"
    raise DataError(f"{name!r} is neither a folder nor a data set of the kit{here}; the kit has 'scenes', {known}")


def load_source(
    name_or_path: str | Path = "scenes",
    *,
    use: str = "images",
    n: int = SCENES_SOURCE,
    seed: int = 0,
    follow_links: bool = False,
) -> SourceDataset:
    """Load the labelled, single-modal source domain.

    Parameters
    ----------
    name_or_path : str or Path
        "scenes" (single objects drawn in another style), or a folder or its name as for `load`; see
        `dlchkit.data.loaders.source_folder.load_source_folder`.
    use : str
        "images" or "features": what a folder is read for.
    n, seed : int
        How many pictures, and which; for "scenes" only.
    follow_links : bool
        Read pictures behind links that lead out of the folder.
    """
    if name_or_path == "scenes":
        pixels, labels = _rendered("source", n, seed, scenes.render_source)
        return SourceDataset(labels=labels, class_names=scenes.SOURCE_KINDS, images=pixels)
    return load_source_folder(locate_source(name_or_path), use=use, follow_links=follow_links)


def locate_source(name_or_path: str | Path) -> Path:
    """Find the folder of a source domain that `load_source` would read; refused where there is none."""
    folder = _place(name_or_path, None)
    if not os.path.isdir(folder):
        name = str(name_or_path)
        raise DataError(f"{name!r} is neither a folder nor a source domain of the kit; the kit has 'scenes'")
    return folder.resolve()


def _place(name_or_path: str | Path, root: str | Path | None) -> Path:
    """Find a known name below ``root``; any other is a path, or else the name of a folder below ``root``.

    Here and elsewhere ``os.path`` answers, since pathlib raises OSError for a name that no file can have.
    """
    path = Path(name_or_path)
    below = (Path(root) if root is not None else datasets_home()) / path
    if str(name_or_path) in FETCH:
        return below
    is_name = len(path.parts) == 1 and not os.path.exists(path)
    return below if is_name and os.path.exists(below) else path


def _download(name_or_path: str | Path, root: str | Path | None) -> None:
    name = str(name_or_path)
    if name not in DOWNLOADS:
        known = ", ".join(map(repr, DOWNLOADS))
        raise DataError(
            f"the kit downloads {known} only, not {name!r}; fetch its files by hand, see datasets/README.md"
        )
    DOWNLOADS[name](_place(name_or_path, root))


def _check_options(options: dict, taken: frozenset[str], what: str) -> None:
    """Refuse options that no form has, and those that this form lacks, unless they repeat a default."""
    for name, value in options.items():
        if name not in OPTIONS:
            raise TypeError(f"load() has no option {name!r}; it has {', '.join(sorted(OPTIONS))}")
        repeats_default = name == "skip_bad_rows" or (name in REPEATED and value == REPEATED[name])
        if name not in taken and not repeats_default:
            raise DataError(f"{name} is {value!r}, but {what}, which has no such choice; leave {name} out")


def _scenes(n, seed, language) -> PairedDataset:
    names = scenes.class_names(language)
    part = "pairs" if language == "en" else f"pairs-{language}"
    pixels, texts, labels = _rendered(part, n, seed, partial(scenes.render_pairs, language=language))
    ids = np.array([f"scene-{i:05d}" for i in range(n)])
    return PairedDataset(ids=ids, labels=labels, class_names=names, groups=ids, images=pixels, texts=texts)


def _rendered(part: str, n: int, seed: int, render: Callable) -> list[np.ndarray]:
    """Render the arrays of one part of scenes, or read those rendered before."""

    def draw():
        arrays = [np.asarray(array) for array in render(n, seed=seed)]
        return arrays, lambda temporary: np.savez(temporary, *arrays)

    path = data_home() / "scenes" / f"{part}-v{scenes.VERSION}-n{n}-seed{seed}.npz"
    return made_once(path, _kept, draw)


def _kept(path: Path) -> list[np.ndarray] | None:
    """Read the arrays of a .npz file; None if it is absent or damaged, and is to be rendered again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[f"arr_{i}"] for i in range(len(stored.files))]
    except Exception:  # NumPy, zipfile and zlib raise many kinds
        return None
