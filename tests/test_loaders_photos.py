"""Raw photos with tags: MIRFlickr-25K and NUS-WIDE as their authors give them out."""

import numpy as np
import pytest
from PIL import Image

from dlchkit.data.catalog import load

pytestmark = pytest.mark.filterwarnings(
    "ignore:texts are:UserWarning", "ignore:labels are:UserWarning", "ignore:the training list:UserWarning"
)


def write_text(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_photo(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


# --- MIRFlickr ---

TAGS = {1: ["sea", "beach", "canon"], 2: ["sea"], 3: [], 4: ["dog", "beach"], 5: ["nikon"]}
TAGS |= {10: ["dog", "sea", "größe"]}
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


# --- NUS-WIDE ---

PHOTOS = ["actor/0001_11", "actor/0002_12", "sky/0001_13", "sky/0002_14", "dog/0001_15", "dog/0002_16"]
WORDS = {11: "actor man", 12: "", 13: "sky  blue sea", 14: "blue", 15: "dog größe", 16: "dog"}
CONCEPTS = {"sky": [1, 1, 1, 1, 0, 0], "dog": [0, 0, 1, 0, 1, 0]}
LAST = 3  # photos in the training part


@pytest.fixture
def nuswide(tmp_path):
    """Writes six photos as the archives unpack; keyword arguments replace columns of labels."""

    def write(photos="Flickr/{}.jpg", parts=False, tags=None, **columns):
        sides = {"Train": slice(LAST), "Test": slice(LAST, None)} if parts else {"": slice(None)}
        vocabulary = sorted({word for words in WORDS.values() for word in words.split()})
        for side, rows in sides.items():
            backslashes = [f"{name}.jpg".replace("/", "\\") for name in PHOTOS[rows]]
            write_text(tmp_path / "ImageList" / f"{side}Imagelist.txt", *backslashes)
            for concept, column in (CONCEPTS | columns).items():
                place = f"TrainTestLabels/Labels_{concept}_{side}.txt" if parts else f"AllLabels/Labels_{concept}.txt"
                write_text(tmp_path / "Groundtruth" / place, *column[rows])
            matrix = [" ".join(str(int(w in words.split())) for w in vocabulary) + " " for words in WORDS.values()]
            if tags:
                write_text(
                    tmp_path / "NUS_WID_Tags" / (f"{side}_Tags1k.dat" if parts else "AllTags1k.txt"), *matrix[rows]
                )
        if tags:
            write_text(tmp_path / "NUS_WID_Tags" / tags, *vocabulary)
        else:
            write_text(tmp_path / "NUS_WID_Tags/All_Tags.txt", *(f"{id}      {words} " for id, words in WORDS.items()))
        for i, name in enumerate(PHOTOS):
            write_photo(tmp_path / photos.format(name, name=name.split("/")[1]), i)
        return tmp_path

    return write


KEPT = [0, 2, 3, 4]  # 1 has no tag, 5 no label


@pytest.mark.parametrize("photos", ["Flickr/{}.jpg", "images/{}.jpg", "images/{name}.jpg", "{}.jpg"])
@pytest.mark.parametrize("tags", [None, "TagList1k.txt", "Final_Tag_List.txt"])
def test_nuswide_as_its_archives_unpack(nuswide, photos, tags):
    data = load(nuswide(photos, tags=tags))
    assert data.ids.tolist() == [f"{PHOTOS[i]}.jpg" for i in KEPT]
    assert [set(text.split()) for text in data.texts] == [set(WORDS[11 + i].split()) for i in KEPT]
    assert data.class_names == ("dog", "sky") and data.labels.tolist() == [[0, 1], [1, 1], [0, 1], [1, 0]]
    assert [line.rsplit("/")[-1] for line in data.left_out] == [
        "0002_12.jpg: has no tag that counts",
        "0002_16.jpg has no label",
    ]
    assert data.images[0].endswith("0001_11.jpg") and data.split is None


@pytest.mark.parametrize("tags", [None, "TagList1k.txt"])
def test_nuswide_in_two_parts_brings_its_split(nuswide, tags):
    data = load(nuswide(parts=True, tags=tags))
    assert data.split.tolist() == ["database", "database", "query", "query"]
    assert data.labels.tolist() == [[0, 1], [1, 1], [0, 1], [1, 0]]
    assert "the training list is the database, the test list the queries" in data.notes


def test_photos_that_are_not_there_are_counted(nuswide, tmp_path, refused):
    folder = nuswide(photos="Flickr/{}.jpg")
    for name in ("dog/0002_16", "actor/0001_11"):
        (tmp_path / f"Flickr/{name}.jpg").unlink()
    with pytest.warns(UserWarning, match="2 of 6 photos have no file of their own and are left out"):
        data = load(folder)
    assert data.ids[0] == "sky/0001_13.jpg" and "2 of 6 photos" in data.left_out[0]
    (tmp_path / "Flickr").rename(tmp_path / "away")
    with refused("none of 6 photos has a file below", "images="):
        load(folder, images=tmp_path / "ImageList")
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.save(tmp_path / "image_features.npy", features)
    data = load(folder)
    assert data.images is None and np.array_equal(data.image_features, features[KEPT])
    np.save(tmp_path / "image_features.npy", features[1:])
    with refused("image_features.npy has 5 rows, but there are 6 items"):
        load(folder)


def test_rare_tags_of_nuswide_may_be_left_out(nuswide):
    assert load(nuswide(), min_tag_count=2).texts.tolist() == ["blue", "blue", "dog"]


def test_nuswide_that_does_not_fit_is_refused(nuswide, tmp_path, refused):
    folder = nuswide(sky=[0, 1, 1, 1, 0])
    with refused("Labels_sky.txt needs 6 rows, as many as the list of images, of 1 times 0 or 1"):
        load(folder)
    with refused("Labels_sky.txt needs 6 rows"):
        load(nuswide(sky=[0, 1, 2, 1, 0, 0]))
    for path in (tmp_path / "Groundtruth/AllLabels").iterdir():
        path.unlink()
    with refused("AllLabels has no Labels_*.txt", "Groundtruth.zip", "http"):
        load(folder)
    nuswide()
    (tmp_path / "NUS_WID_Tags/All_Tags.txt").unlink()
    with refused("All_Tags.txt does not exist"):
        load(folder)
    write_text(tmp_path / "TagList1k.txt", "sea")
    with refused("AllTags1k.txt does not exist"):
        load(folder)
