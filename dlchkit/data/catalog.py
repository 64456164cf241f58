"""One door to all data: `load` for image-text pairs, `load_source` for the source domain."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.data import PairedDataset, SourceDataset, scenes
from dlchkit.data.loaders import clip_hashing_files, coco, dcmh_files, items_csv, npz_archive, pascal, wikipedia
from dlchkit.data.loaders.row_checks import without_small_classes
from dlchkit.data.loaders.source_folder import load_source_folder
from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, data_home, datasets_home, one_at_a_time

SCENES_PAIRS, SCENES_SOURCE = 2400, 3200


class Form(NamedTuple):
    """A form in which pairs lie on disk: what it is called, how it is known, how it is read."""

    title: str
    holds: Callable[[Path], bool]
    load: Callable[..., PairedDataset]


FORMS = (
    Form("a folder with items.csv", items_csv.holds_items, items_csv.load_items),
    Form("the Wikipedia set", wikipedia.holds_wikipedia, wikipedia.load_wikipedia),
    Form("COCO annotations", coco.holds_coco, coco.load_coco),
    Form("index.mat, caption.mat and label.mat", clip_hashing_files.holds_captioned, clip_hashing_files.load_captioned),
    Form("IAll, YAll and LAll in .mat files", dcmh_files.holds_iall, dcmh_files.load_iall),
    Form("a .npz file", npz_archive.holds_archive, npz_archive.load_archive),
    Form("class folders of pictures and sentences", pascal.holds_pascal, pascal.load_pascal),
)

FETCH = {
    "mirflickr": "fetch mirflickr25k-iall.mat, -yall.mat and -lall.mat from the links of https://github.com/jiangqy/DCMH-CVPR2017",
    "nuswide": "fetch nus-wide-tc21-iall.mat, -yall.mat and -lall.mat (or tc10) from the links of https://github.com/jiangqy/DCMH-CVPR2017",
    "coco": f"load it with download=True for the annotations, fetch train2017.zip and val2017.zip from {coco.PAGE}, unpack them",
    "wikipedia": f"fetch {', '.join(wikipedia.FILES)} from {wikipedia.PAGE}",
    "pascal": "fetch pictures and sentences of https://vision.cs.uiuc.edu/pascal-sentences/ as CLASS/NAME.jpg and CLASS/NAME.txt",
}
DOWNLOADS = {"coco": coco.download_coco}


def load(
    name_or_path: str | Path = "scenes",
    *,
    n: int = SCENES_PAIRS,
    seed: int = 0,
    min_class_size: int = 0,
    root: str | Path | None = None,
    download: bool = False,
    **options,
) -> PairedDataset:
    """Load labelled image-text pairs.

    Parameters
    ----------
    name_or_path : "scenes", the data set that the kit renders; "mirflickr", "nuswide",
        "coco", "wikipedia" or "pascal", which lie in ``root/NAME``; the name of another
        folder in ``root``; or the path of a folder or file, known by the files it holds
    n, seed : how many scenes, and which; for "scenes" only
    min_class_size : classes with fewer rows are left out, with the rows that then have no label
    root : folder of data sets; None for ``$DLCHKIT_DATASETS``, else ``data_home()/"datasets"``
    download : fetch first what the data set's terms allow and is not there yet
    **options : of the loader that reads the form, in `dlchkit.data.loaders`: ``skip_bad_rows``
        everywhere; ``text``, ``labels``, ``group``, ``image`` and ``id`` name columns of
        an items.csv; ``images`` and ``caption`` where pictures lie apart or have several
        texts. Column names that say nothing else than the defaults are ignored by forms
        without columns; any other option that a form lacks is refused.

    Raises
    ------
    DataError
        One line: what is missing or wrong, where, and what would be right.

    Examples
    --------
    >>> data = load("scenes", n=20)
    >>> len(data), data.images.shape, data.labels.shape
    (20, (20, 64, 64, 3), (20, 16))
    """
    if name_or_path == "scenes":
        _accepted(_scenes, "scenes", "drawn by the kit", options)
        data = _scenes(n, seed)
        return without_small_classes(data, min_class_size, Path("scenes")) if min_class_size else data
    if download:
        _download(name_or_path, root)
    place = locate(name_or_path, root=root)
    form = next(form for form in FORMS if form.holds(place))
    data = form.load(place, **_accepted(form.load, place, form.title, options))
    return without_small_classes(data, min_class_size, place)


def locate(name_or_path: str | Path, *, root: str | Path | None = None) -> Path:
    """The folder or file that `load` would read, absolute; refused where there is none or nothing that the kit reads."""
    place = _place(name_or_path, root)
    known = str(name_or_path) if str(name_or_path) in FETCH else None
    if not place.exists() and not known:
        raise DataError(f"{str(name_or_path)!r} is neither a folder nor a data set of the kit; the kit has 'scenes', {', '.join(map(repr, FETCH))}")
    if not place.exists() or not any(form.holds(place) for form in FORMS):
        if known:
            raise DataError(f"data set {known!r} is not in {place}: {FETCH[known]}, and put them into {place}; see datasets/{known}.md")
        raise DataError(f"{place} holds none of what the kit reads: {'; '.join(form.title for form in FORMS)}; see datasets/README.md")
    return place.resolve()


def load_source(name_or_path: str | Path = "scenes", *, use: str = "images", n: int = SCENES_SOURCE, seed: int = 0) -> SourceDataset:
    """Load the labelled, single-modal source domain.

    Parameters
    ----------
    name_or_path : "scenes" (single objects drawn in another style), or a folder or its name
        as for `load`; see `dlchkit.data.loaders.source_folder.load_source_folder`
    use : "images" or "features": what a folder is read for
    n, seed : how many pictures, and which; for "scenes" only
    """
    if name_or_path == "scenes":
        pixels, labels = _rendered("source", n, seed, scenes.render_source)
        return SourceDataset(labels=labels, class_names=scenes.SOURCE_KINDS, images=pixels)
    return load_source_folder(locate_source(name_or_path), use=use)


def locate_source(name_or_path: str | Path) -> Path:
    """The folder of a source domain that `load_source` would read; refused where there is none."""
    folder = _place(name_or_path, None)
    if not folder.is_dir():
        name = str(name_or_path)
        raise DataError(f"{name!r} is neither a folder nor a source domain of the kit; the kit has 'scenes'")
    return folder.resolve()


def _place(name_or_path, root) -> Path:
    """A known name below ``root``; any other as the path it is, or a folder of that name below ``root``."""
    path = Path(name_or_path)
    below = (Path(root) if root is not None else datasets_home()) / path
    return below if str(name_or_path) in FETCH or (len(path.parts) == 1 and not path.exists() and below.exists()) else path


def _download(name_or_path, root):
    if str(name_or_path) not in DOWNLOADS:
        raise DataError(
            f"the kit downloads {', '.join(map(repr, DOWNLOADS))} only, not {str(name_or_path)!r}; fetch its files by hand, see datasets/README.md"
        )
    DOWNLOADS[str(name_or_path)](_place(name_or_path, root))


def _accepted(loader, place, title, options) -> dict:
    """The options that a loader has; others may only repeat the defaults of items.csv, or are refused."""
    has = inspect.signature(loader).parameters
    columns = inspect.signature(items_csv.load_items).parameters
    known = {name for form in FORMS for name in inspect.signature(form.load).parameters}
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"load() has no option {name!r}; it has {', '.join(sorted(known - {'place', 'folder'}))}")
        if name not in has and name != "skip_bad_rows" and not (name in columns and value == columns[name].default):
            raise DataError(f"{name} is {value!r}, but {place} is {title}, which has no such choice; leave {name} out")
    return {name: value for name, value in options.items() if name in has}


def _scenes(n, seed) -> PairedDataset:
    pixels, texts, labels = _rendered("pairs", n, seed, scenes.render_pairs)
    ids = np.array([f"scene-{i:05d}" for i in range(n)])
    return PairedDataset(ids=ids, labels=labels, class_names=scenes.KINDS, groups=ids, images=pixels, texts=np.asarray(texts))


def _rendered(part, n, seed, render):
    """Render, or read what was rendered before: the arrays of one part of scenes."""
    path = data_home() / "scenes" / f"{part}-v{scenes.VERSION}-n{n}-seed{seed}.npz"
    arrays = _kept(path)
    if arrays is None:
        with one_at_a_time(path):  # of several processes that ask at once one renders, the others wait and read
            arrays = _kept(path)
            if arrays is None:
                arrays = [np.asarray(array) for array in render(n, seed=seed)]
                with atomic_path(path) as temporary:
                    np.savez(temporary, *arrays)
    return arrays


def _kept(path) -> list | None:
    """The arrays of a .npz file; None if it is absent, or damaged from outside: then it is rendered again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[f"arr_{i}"] for i in range(len(stored.files))]
    except Exception:  # NumPy, zipfile and zlib raise many kinds
        return None
