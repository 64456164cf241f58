"""The settings of a data set: what is read, how items arrive, and how pictures and texts are encoded.

A data file (``datasets/NAME.yaml``, or one of your own) holds the settings that differ from the defaults::

    folder: fashion            # beside the data file, or below $DLCHKIT_DATASETS
    text: text_masked
    labels: articleType
    group: dup_group
"""

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlchkit.data.checked_values import Parameter, check_parameters, read_yaml
from dlchkit.errors import DataError
from dlchkit.storage import resource_folder

PLACES = ("folder", "source", "image_weights", "text_encoder")  # may be paths, "~" for the home folder among them


@dataclass(frozen=True)
class DataSettings:
    """Settings of a data set; the fields are the schema of data files and of every option named after them.

    Attributes
    ----------
    name : str
        a short name for tables; "" for the data file's, else the folder's
    folder : str
        "scenes" (drawn by the kit), the name of a data set below ``$DLCHKIT_DATASETS``, a folder, or a file
    text, labels, group, image, id : str
        columns of items.csv: texts; labels, several columns separated by commas; equal values of ``group``
        stay on one side of the split; picture files; unique names of the rows
    min_class_size : int
        classes with fewer rows are left out
    skip_bad_rows : bool
        leave unusable rows out and list them, instead of stopping at the first
    follow_links : bool
        read pictures behind links that lead out of the folder
    source : str
        labelled source domain: "scenes", a folder, "" for none; "auto" is "scenes" where an image encoder
        sees pictures, and none where the data brings its own features
    image_encoder : str
        "features" (those that the data brings), "small" (trained on the source), a torchvision
        classification model, or "auto": "features" where there are any, else "small"
    image_weights : str
        local weights file of the image encoder
    image_size : int
        pixels per side that a torchvision model sees; 0 for those of its published weights
    text_encoder : str
        "tfidf", "bow", "trained", or a sentence-transformers model
    n_pairs, n_source : int
        how many scenes, and how many source pictures, to render
    language : str
        of the scenes' captions and classes: "en", "ja" or "zh"
    classes_per_stage : list of int
        classes that arrive in each stage; [] for about 40% in the first of three to five stages
    arrival : str
        when an item of several stages arrives: "last", "first" or "leave_out"
    stream : str
        a published stream by name, e.g. "cash-coco-balanced": its classes and numbers of items in each stage
    epochs : int
        passes over the training data of a stage; 0 for a number that suits the data's size
    split_seed : int
        fixes which items are queries
    """

    name: str = ""
    folder: str = "scenes"
    text: str = "text"
    labels: str = "label"
    group: str = ""
    image: str = "image"
    id: str = "id"
    min_class_size: int = 0
    skip_bad_rows: bool = False
    follow_links: bool = False
    source: str = "auto"
    image_encoder: str = "auto"
    image_weights: str = ""
    image_size: int = 0
    text_encoder: str = "tfidf"
    n_pairs: int = 1600
    n_source: int = 2000
    language: str = "en"
    classes_per_stage: list[int] = field(default_factory=list)
    arrival: str = "last"
    stream: str = ""
    epochs: int = 0
    split_seed: int = 0

    @property
    def columns(self) -> dict[str, Any]:
        """The options of `dlchkit.data.catalog.load` that these settings give."""
        options = ("text", "labels", "group", "image", "id", "min_class_size", "skip_bad_rows", "follow_links")
        return {option: getattr(self, option) for option in options}

    def as_dict(self) -> dict[str, Any]:
        """Every setting by name, for records."""
        return dataclasses.asdict(self)


def setting_parameters() -> dict[str, Parameter]:
    """Name, type and default of every setting."""
    empty = DataSettings()
    types = {one.name: getattr(one.type, "__name__", str(one.type)) for one in dataclasses.fields(DataSettings)}
    return {name: Parameter(name, kind, getattr(empty, name)) for name, kind in types.items()}


def read_settings(data: str | Path = "scenes", **overrides: object) -> DataSettings:
    """Read the settings of a data set.

    Parameters
    ----------
    data : str or Path
        a data file (.yaml); a name for which the kit has one ("scenes", "wikipedia", "fashion", ...); or the
        folder or file itself, with default settings
    **overrides : object
        settings that win over those of the data file

    Raises
    ------
    DataError
        for a name that is no setting, with the nearest one, a value of the wrong type, or an unreadable file

    Examples
    --------
    >>> read_settings("scenes", n_pairs=100).classes_per_stage
    [10, 3, 3]
    """
    file = _data_file(str(data))
    settings: dict[str, Any]
    if file is None:
        settings = {"name": short_name(data), "folder": str(data)}
    else:
        settings = {"name": file.stem} | _content(file)
        beside = file.parent / settings["folder"]
        if settings["folder"] != "scenes" and os.path.exists(beside):
            settings["folder"] = str(beside)
    place = "the data settings" if file is None else f"data file {file.name}"
    given = settings | check_parameters(overrides, setting_parameters(), place)
    return DataSettings(**given | {name: os.path.expanduser(given[name]) for name in PLACES if name in given})


def short_name(data: str | Path) -> str:
    """A data set's name for tables: of a data file or another file without its ending, else the last part of its path.

    Examples
    --------
    >>> short_name("sets/shop.yaml"), short_name("shop-1.2"), short_name("fashion")
    ('shop', 'shop-1.2', 'fashion')
    """
    path = Path(data)
    if path.suffix in (".yaml", ".yml", ".npz", ".mat"):
        return path.stem
    return path.resolve().name if os.path.exists(path) else path.name


def _data_file(data: str) -> Path | None:
    if Path(data).suffix in (".yaml", ".yml"):
        return Path(data)
    own = resource_folder("datasets") / f"{data}.yaml"
    return own if Path(data).parts == (data,) and os.path.isfile(own) else None


def _content(file: Path) -> dict[str, Any]:
    content = read_yaml(file, "data file")
    if not isinstance(content, dict) or "folder" not in content:
        raise DataError(f"data file {file} must hold 'name: value' lines, 'folder' among them")
    return check_parameters(content, setting_parameters(), f"data file {file}")


def write_settings(settings: DataSettings, path: Path) -> None:
    """Write a data file that `read_settings` reads back as the same settings."""
    import yaml

    from dlchkit.storage import atomic_path

    content = settings.as_dict()
    if os.path.exists(settings.folder):
        content["folder"] = str(Path(settings.folder).resolve())
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
