"""Raw photos with tags: MIRFlickr-25K and NUS-WIDE as their authors give them out."""

import numpy as np
import pytest
from PIL import Image

from dlchkit.data.catalog import load

pytestmark = pytest.mark.filterwarnings("ignore:texts are:UserWarning", "ignore:labels are:UserWarning")


def write_text(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_photo(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


# --- MIRFlickr ---

TAGS = {1: ["sea", "beach", "canon"], 2: ["sea"], 3: [], 4: ["dog", "beach"], 5: ["nikon"], 10: ["dog", "sea", "größe"]}
LISTS = {"sky": [1, 2, 3, 5, 10], "dog": [4, 10], "dog_r1": [4], "sky_r1": [2]}


@pytest.fixture
def mirflickr(tmp_path):
    """Writes six photos as both archives unpack; keyword arguments replace lists of annotations."""

    def write(photos="mirflickr", annotations="mirflickr25k_annotations_v080", tags="tags", **lists):
        for number, words in TAGS.items():
            write_text(tmp_path / photos / f"meta/{tags}/tags{number}.txt", *words)
            write_photo(tmp_path / photos / f"im{number}.jpg", number)
        write_text(tmp_path / annotations / "README.txt", "24 potential labels")
        for name, numbers in (LISTS | lists).items():
            write_text(tmp_path / annotations / f"{name}.txt", *numbers)
        return tmp_path

    return write


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"photos": "."},
        {"annotations": "mirflickr/annotations"},
        {"annotations": "."},
        {"tags": "tags_raw"},
    ],
)
def test_mirflickr_as_its_archives_unpack(mirflickr, places):
    data = load(mirflickr(**places), min_tag_count=2)
    assert data.ids.tolist() == ["im1", "im2", "im4", "im10"]
    assert data.texts.tolist() == ["sea beach", "sea", "dog beach", "dog sea"]
    assert data.class_names == ("dog", "sky")
    assert data.labels.tolist() == [[False, True], [False, True], [True, False], [True, True]]
    assert [path.rsplit("/")[-1] for path in data.images] == ["im1.jpg", "im2.jpg", "im4.jpg", "im10.jpg"]
    assert [line.split(" im")[1] for line in data.left_out] == [
        "3: has no tag that counts",
        "5: has no tag that counts",
    ]
    assert data.split is None and "2 lists without those of relevant photos" in data.notes[0]
    assert "3 of 6 tags that occur in 2 photos or more" in data.notes[1]


def test_mirflickr_with_rare_tags_and_relevant_labels(mirflickr):
    data = load(mirflickr(dog_r1=[4, 10], sky_r1=[1, 2]), min_tag_count=1, relevant_labels=True, min_class_size=2)
    assert data.class_names == ("dog", "dog_r1", "sky", "sky_r1") and data.texts[-1] == "dog sea größe"
    assert "4 lists with those of relevant photos" in data.notes[0]


def test_mirflickr_that_does_not_fit_is_refused(mirflickr, tmp_path, refused):
    folder = mirflickr()
    with refused("there is no usable row", "im1: has no tag that counts"):
        load(folder)
    with refused("min_tag_count is 0", "1 or more"):
        load(folder, min_tag_count=0)
    (tmp_path / "mirflickr/im2.jpg").unlink()
    with refused("im2: picture 'im2.jpg' is not below", "--skip-bad-rows"):
        load(folder, min_tag_count=2)
    assert len(load(folder, min_tag_count=2, skip_bad_rows=True)) == 3
    (tmp_path / "mirflickr/meta/tags/tags1.txt").write_bytes(b"\xff\xfe")
    with refused("im1:", "tags1.txt is not UTF-8 text", "(and 1 more rows)"):
        load(folder, min_tag_count=2)
    write_text(tmp_path / "mirflickr25k_annotations_v080/sky.txt", 1, "im2", 3)
    with refused("sky.txt line 2 is 'im2'", "a photo's number a line"):
        load(folder)


def test_mirflickr_without_annotations_says_where_they_are(mirflickr, tmp_path, refused):
    folder = mirflickr()
    (tmp_path / "mirflickr25k_annotations_v080").rename(tmp_path / "elsewhere")
    with refused("no lists of annotations", "mirflickr25k_annotations_v080.zip", "press.liacs.nl"):
        load(folder)
