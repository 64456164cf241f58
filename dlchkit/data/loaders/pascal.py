"""Read Pascal Sentence (Rashtchian et al. 2010): pictures of 20 classes, five sentences each, a folder per class."""

import unicodedata
from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.picture_files import outside_problem
from dlchkit.data.loaders.row_checks import assemble, choose_caption, read_lines
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError

PICTURES = (".jpg", ".jpeg", ".png")


def holds_pascal(place: Path) -> bool:
    """Tell whether a folder has a class folder with a sentence file named like a picture of that class."""
    if not place.is_dir():
        return False
    return not _found(place, (".txt",)).keys().isdisjoint(_found(place, PICTURES))


def load_pascal(
    folder: Path, *, caption: int | str = "all", skip_bad_rows: bool = False, follow_links: bool = False
) -> PairedDataset:
    """Read pictures ``CLASS/NAME.jpg`` and their sentences ``CLASS/NAME.txt``.

    Parameters
    ----------
    folder : Path
        The class folders of pictures and of sentences may be one tree or two beside each other, e.g.
        ``dataset/CLASS/NAME.jpg`` and ``sentence/CLASS/NAME.txt``.
    caption : int or str
        Which of a picture's sentences, from 0, or "all" joined into one text.
    skip_bad_rows : bool
        Leave out pictures that cannot be read or have no sentence, and list them.
    follow_links : bool
        Read pictures behind links that lead out of the folder.

    Returns
    -------
    PairedDataset
        Picture files and texts; one label per item, classes by name; ids are "CLASS/NAME". ``split`` is None: no
        official list circulates.
    """
    files = _found(folder, (".txt",))
    pictures = _found(folder, PICTURES)
    names = sorted(files.keys() | pictures.keys())
    class_names = tuple(sorted({name.split("/")[0] for name in names}))
    outside = {name: outside_problem(path, folder, follow_links=follow_links) for name, path in pictures.items()}
    unreadable = unreadable_pictures({name: path for name, path in pictures.items() if not outside[name]})
    texts = []
    problems = {}
    for i, name in enumerate(names):
        sentences = [line for line in read_lines(files[name]) if line.strip()] if name in files else []
        texts.append(choose_caption(sentences, caption))
        if name not in pictures:
            problems[i] = "has sentences but no picture"
        elif problem := outside[name] or unreadable.get(name):
            problems[i] = problem
        elif not texts[i]:
            problems[i] = f"has no sentence at position {caption}" if sentences else "has no sentences"
    return assemble(
        ids=names,
        labels=np.array([[name.split("/")[0] == c for c in class_names] for name in names]),
        class_names=class_names,
        images=np.array([str(pictures[name].resolve()) if name in pictures else "" for name in names]),
        texts=np.array(texts),
        problems=problems,
        row_name=lambda i: f"{folder} picture {names[i]}",
        skip_bad_rows=skip_bad_rows,
    )


def _found(folder, suffixes) -> dict[str, Path]:
    """Find files by "CLASS/NAME", in class folders of the folder or of the folders in it."""
    found = {}
    for path in sorted((*folder.glob("*/*.*"), *folder.glob("*/*/*.*"))):
        below = path.relative_to(folder)
        if path.suffix.lower() in suffixes and not any(part.startswith(".") for part in below.parts):
            name = unicodedata.normalize("NFC", f"{path.parent.name}/{path.stem}")
            if name in found:
                raise DataError(f"{folder} holds {name} twice: {found[name].relative_to(folder)} and {below}; keep one")
            found[name] = path
    return found
