"""Wikipedia, Pascal Sentence and .npz files as their authors write them, and how a name finds its folder."""

import zipfile

import numpy as np
import pytest
import scipy.io
from PIL import Image

from dlchkit.data.catalog import FETCH, load, locate
from dlchkit.data.loaders import npz_archive
from dlchkit.data.loaders.npz_archive import outline_archive

RANDOM = np.random.default_rng(1)


# --- names and folders ---


@pytest.mark.parametrize("name", FETCH)
def test_a_data_set_that_is_not_there_says_what_to_fetch_and_where_to_put_it(tmp_path, monkeypatch, refused, name):
    with refused(f"'{name}' is not in {tmp_path / name}", "http", "put them into", f"datasets/{name}.md"):
        load(name, root=tmp_path)
    monkeypatch.delenv("DLCHKIT_DATASETS", raising=False)
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    with refused(str(tmp_path / "datasets" / name)):
        load(name)


def test_a_folder_of_ones_own_is_found_by_its_name_below_the_folder_of_data_sets(tmp_path, monkeypatch):
    arrays = {"image_features": np.eye(4), "text_features": np.eye(4), "labels": np.eye(2, dtype=bool)[[0, 0, 1, 1]]}
    np.savez(tmp_path / "mine.npz", **arrays)
    monkeypatch.setenv("DLCHKIT_DATASETS", str(tmp_path))
    assert locate("mine.npz") == tmp_path / "mine.npz" and len(load("mine.npz")) == 4
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    monkeypatch.setenv("DLCHKIT_DATASETS", str(tmp_path / "below"))
    np.savez(tmp_path / "below" / "mine.npz", **{name: array[:2] for name, array in arrays.items()})
    assert locate("mine.npz") == tmp_path / "mine.npz"  # what lies here goes first
    assert locate("mine.npz", root=tmp_path / "below") == tmp_path / "mine.npz"


def test_every_named_data_set_has_a_card():
    from dlchkit.storage import resource_folder

    for name in FETCH:
        assert f'load("{name}"' in (resource_folder("datasets") / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["wikipedia", "a/folder", "features.npz"])
def test_downloads_that_the_kit_does_not_make_are_refused(refused, place):
    with refused("the kit downloads 'coco' only", place, "by hand"):
        load(place, download=True)


def test_scenes_takes_the_common_options_and_refuses_columns(refused):
    assert len(load("scenes", n=40, text="text", labels="label", group="", skip_bad_rows=False)) == 40
    fewer = load("scenes", n=40, min_class_size=6)
    assert 2 <= len(fewer.class_names) < 16 and fewer.labels.sum(0).min() >= 6 and fewer.labels.any(1).all()
    with refused("text is 'caption'", "scenes"):
        load("scenes", n=40, text="caption")


# --- Wikipedia ---

TRAIN, TEST = 12, 693  # the PKU order belongs to a test list of this length


@pytest.fixture(scope="module")
def wikipedia_arrays():
    return {
        f"{side}_{key}": RANDOM.random((n, width))
        for side, width in (("I", 3), ("T", 2))
        for key, n in (("tr", TRAIN), ("te", TEST))
    }


@pytest.fixture
def wikipedia(tmp_path, wikipedia_arrays):
    """Writes the set below a root; keyword arguments replace arrays or (by file stem) texts."""

    def write(**changes):
        folder = tmp_path / "wikipedia"
        folder.mkdir(exist_ok=True)
        texts = {
            "trainset_txt_img_cat": "".join(f"t{i:03}-1\timage{i}\t{i % 3 + 1}\n" for i in range(TRAIN)),
            "testset_txt_img_cat": "".join(f"q{i:03}-1\timage{i}\t{i % 3 + 1}\n" for i in range(TEST)),
            "categories": "art\nbiology\nsport\n",
        }
        for stem, text in texts.items():
            (folder / f"{stem}.list").write_text(changes.pop(stem, text), encoding="utf-8")
        scipy.io.savemat(folder / "raw_features.mat", wikipedia_arrays | changes)
        return folder

    return write


def test_wikipedia_by_name_with_its_official_split(wikipedia, wikipedia_arrays):
    data = load("wikipedia", root=wikipedia().parent)
    assert data.split.tolist() == ["database"] * TRAIN + ["query"] * TEST
    assert data.ids[[0, TRAIN]].tolist() == ["t000-1", "q000-1"] and data.class_names == ("art", "biology", "sport")
    assert data.labels.argmax(1).tolist() == [i % 3 for n in (TRAIN, TEST) for i in range(n)]
    assert (data.labels.sum(1) == 1).all()
    for side, values in (("I", data.image_features), ("T", data.text_features)):
        assert values.dtype == np.float32
        written = np.concatenate([wikipedia_arrays[f"{side}_tr"], wikipedia_arrays[f"{side}_te"]])
        assert np.array_equal(values, written.astype(np.float32))


@pytest.mark.slow
def test_the_pku_order_makes_validation_and_query(wikipedia, refused):
    folder = wikipedia()
    order = RANDOM.permutation(TEST)
    path = folder / "pku_split_indices.txt"
    path.write_text("# a comment\n" + "\n".join(map(str, order)) + "\n", encoding="utf-8")
    split = load(folder).split[TRAIN:]
    assert sorted(np.flatnonzero(split == "validation")) == sorted(order[:231]) and (split == "query").sum() == 462
    for wrong in (order[1:], [*order[1:], order[1]], [*order[1:], TEST], [*order[1:], "x"]):
        path.write_text("\n".join(map(str, wrong)), encoding="utf-8")
        with refused(str(path), "every position of the test list once, 0 to 692"):
            load(folder)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"I_tr": np.ones((11, 3))}, ["trainset_txt_img_cat.list has 12 rows", "features of 11 images and 12 texts"]),
        (
            {"T_te": np.full((TEST, 2), np.inf)},
            ["testset_txt_img_cat.list line 1: text holds NaN or infinity", "(and 692 more rows)"],
        ),
        ({"trainset_txt_img_cat": "a\tb\t1\nc\td\n"}, ["has 2 rows"]),
        (
            {"trainset_txt_img_cat": "a\tb\t1\n" * 11 + "c\td\n"},
            ["line 12 is not 'text id, tab, image id, tab, class 1 to 3'"],
        ),
        ({"trainset_txt_img_cat": "a\tb\t4\n" * 12}, ["line 1 is not", "class 1 to 3"]),
        ({"trainset_txt_img_cat": "a\tb\t0\n" * 12}, ["line 1 is not"]),
        ({"trainset_txt_img_cat": "a\tb\t1\n" * 12}, ["line 2: id 'a' occurs twice"]),
    ],
)
def test_wikipedia_files_that_do_not_fit_are_refused(wikipedia, refused, changes, said):
    with refused(*said):
        load(wikipedia(**changes))


@pytest.mark.parametrize("name", ["raw_features.mat", "testset_txt_img_cat.list", "categories.list"])
def test_a_missing_file_of_wikipedia_says_where_to_get_it(wikipedia, refused, name):
    folder = wikipedia()
    (folder / name).unlink()
    with refused(f"{folder / name} does not exist", "svcl.ucsd.edu", str(folder)):
        load(folder)


# --- Pascal Sentence ---

SENTENCES = ["A red plane.", "It flies."]


def write_picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def pascal(tmp_path):
    """Writes two classes of two pictures, in one tree or in two."""

    def write(pictures="dataset", sentences="sentence"):
        for i, name in enumerate(["bird/2008_1", "bird/2008_2", "aeroplane/2008_1", "aeroplane/2008_3"]):
            write_picture(tmp_path / pictures / f"{name}.jpg", seed=i)
            path = tmp_path / sentences / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(SENTENCES) + "\n\n", encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("trees", [("dataset", "sentence"), ("", ""), ("images", "texts")])
@pytest.mark.parametrize("caption, text", [("all", "A red plane. It flies."), (0, "A red plane."), (1, "It flies.")])
def test_pascal_sentence_in_one_tree_or_two(pascal, trees, caption, text):
    data = load(pascal(*trees), **({} if caption == "all" else {"caption": caption}))
    assert data.ids.tolist() == ["aeroplane/2008_1", "aeroplane/2008_3", "bird/2008_1", "bird/2008_2"]
    assert data.class_names == ("aeroplane", "bird")
    assert data.labels.tolist() == [[True, False]] * 2 + [[False, True]] * 2
    assert data.texts.tolist() == [text] * 4
    assert all(path.endswith(f"{id}.jpg") for id, path in zip(data.ids, data.images, strict=True))
    assert data.split is None


def test_pictures_and_sentences_must_belong_together(pascal, refused):
    folder = pascal()
    bird = folder / "sentence/bird/2008_2.txt"
    for content, said in (("", "has no sentences"), ("one\n", "has no sentence at position 1")):
        bird.write_text(content, encoding="utf-8")
        with refused("picture bird/2008_2", said):
            load(folder, caption=1)
    bird.unlink()
    with refused("bird/2008_2", "has no sentences"):
        load(folder)
    (folder / "dataset/aeroplane/2008_3.jpg").write_bytes(b"no picture")
    with refused("aeroplane/2008_3", "not a readable picture", "(and 1 more rows)"):
        load(folder)
    (folder / "dataset/aeroplane/2008_1.jpg").unlink()
    with refused("aeroplane/2008_1", "has sentences but no picture", "(and 2 more rows)"):
        load(folder)
    write_picture(folder / "more/bird/2008_1.jpg")
    write_picture(folder / "again/bird/2008_1.jpg")
    with refused("holds bird/2008_1 twice", "keep one"):
        load(folder)


def test_bad_pictures_may_be_left_out(pascal):
    folder = pascal()
    for i in range(3):
        write_picture(folder / f"dataset/bird/x{i}.jpg")
    data = load(folder, skip_bad_rows=True)
    assert len(data) == 4 and [line.split(": ")[1] for line in data.left_out] == ["has no sentences"] * 3


# --- .npz ---


def features(n=6):
    return {
        "image_features": RANDOM.normal(size=(n, 4)),
        "text_features": RANDOM.normal(size=(n, 3)),
        "labels": np.eye(2, dtype=int)[np.arange(n) % 2],
    }


def test_an_archive_of_features_with_every_name(tmp_path):
    arrays = features() | {
        "ids": np.array(list("uvwxyz")),
        "groups": np.array([1, 1, 2, 2, 3, 3]),
        "class_names": np.array(["sky", "sea"]),
    }
    np.savez(tmp_path / "mine.npz", **arrays, split=np.array(["database", "query", "validation"] * 2))
    for place in (tmp_path, str(tmp_path / "mine.npz")):
        data = load(place)
        assert data.ids.tolist() == list("uvwxyz")
        assert data.groups.tolist() == list("112233")
        assert data.class_names == ("sky", "sea")
        assert data.split.tolist() == ["database", "query", "validation"] * 2
        assert data.images is None
        assert data.texts is None
        assert np.array_equal(data.image_features, arrays["image_features"].astype(np.float32))
        assert data.labels.dtype == bool
    assert locate(tmp_path / "mine.npz") == (tmp_path / "mine.npz").resolve()


def test_an_archive_with_the_least_and_short_names(tmp_path):
    arrays = features()
    arrays["labels"][1] = 0
    np.savez(
        tmp_path / "mine.npz", image=arrays["image_features"], text=arrays["text_features"], labels=arrays["labels"]
    )
    data = load(tmp_path)
    assert data.ids.tolist() == ["0", "2", "3", "4", "5"] == data.groups.tolist()
    assert data.class_names == ("class 0", "class 1")
    assert data.split is None and len(data.left_out) == 1 and "row 1: 1 has no label" in data.left_out[0]
    assert np.array_equal(data.text_features, arrays["text_features"][[0, 2, 3, 4, 5]].astype(np.float32))


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"image_features": None}, ["needs 'image_features'", "only text_features, labels"]),
        ({"text_features": np.ones(6)}, ["needs 'text_features'", "text_features: shape (6,)"]),
        ({"text_features": np.ones((5, 3))}, ["text_features", "has 5 rows, labels have 6 rows"]),
        ({"image": np.ones((6, 4))}, ["both 'image_features' and 'image'"]),
        ({"labels": None}, ["needs 'labels'"]),
        ({"labels": np.arange(6)}, ["needs 'labels', a matrix", "shape (6,)"]),
        ({"labels": np.full((6, 2), 2)}, ["labels", "holds 2 in row 0, column 0"]),
        ({"ids": np.array(list("aabcde"))}, ["row 1: id 'a' occurs twice"]),
        ({"ids": np.array(["a", "b", "", "c", "d", "e"])}, ["row 2: id is empty"]),
        ({"class_names": np.array(["sky", "sky"])}, ["several classes are called 'sky'"]),
        ({"class_names": np.array(["Caf\u00e9", "Cafe\u0301"])}, ["several classes are called 'Caf\u00e9'"]),
        ({"ids": np.array(list("abcd"))}, ["ids", "has 4 rows"]),
        ({"ids": np.ones(6)}, ["ids", "texts or whole numbers"]),
        ({"class_names": np.array(["a", "b", "c"])}, ["class_names", "has 3 rows", "2 classes"]),
        ({"split": np.array(["train"] * 6)}, ["split", "'train'", "database, query, validation"]),
        ({"group": np.arange(6)}, ["'group'", "none of", "groups"]),
        ({"image_features": np.full((6, 4), np.nan)}, ["row 0", "NaN or infinity", "(and 5 more rows)"]),
        ({"ids": np.array(list("abcdef"), dtype=object)}, ["not a readable .npz file of plain arrays"]),
    ],
)
def test_archives_that_do_not_fit_are_refused(tmp_path, refused, changes, said):
    arrays = {name: values for name, values in (features() | changes).items() if values is not None}
    np.savez(tmp_path / "mine.npz", **arrays)
    with refused("mine.npz", *said):
        load(tmp_path)


@pytest.mark.parametrize("damage", ["cut short", "another file", "a plain array"])
def test_a_damaged_archive_is_refused(tmp_path, refused, damage):
    path = tmp_path / "mine.npz"
    np.savez(path, **features())
    if damage == "a plain array":
        with open(path, "wb") as file:
            np.save(file, np.ones(3))
    else:
        path.write_bytes({"cut short": path.read_bytes()[:-40], "another file": b"no archive"}[damage])
    with refused(str(path), "not a readable .npz file"):
        load(tmp_path)


def test_a_part_that_is_no_array_is_refused(tmp_path, refused):
    path = tmp_path / "mine.npz"
    np.savez(path, **features())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("ids.npy", b"no array")
    for read in (load, outline_archive):
        with refused(str(path), "not a readable .npz file"):
            read(path)


def test_a_small_file_that_unpacks_to_very_much_is_refused_before_it_is_unpacked(tmp_path, refused, monkeypatch):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **(features() | {"image_features": np.zeros((6, 10**5))}))
    assert len(load(path)) == 6
    monkeypatch.setattr(npz_archive, "LARGEST", 10**6)
    monkeypatch.setattr(np, "load", None)
    for read in (load, outline_archive):
        with refused(str(path), "unpacks to 0.0 GB", "numpy.savez, or in parts"):
            read(path)


def test_the_outline_says_what_would_be_learned_without_the_features(tmp_path):
    arrays = features() | {"ids": np.array(list("uvwxyz")), "split": np.array(["database", "query", "database"] * 2)}
    arrays["labels"][2] = 0
    plain, packed, other = (tmp_path / f"{name}.npz" for name in ("plain", "packed", "other"))
    np.savez(plain, **arrays)
    np.savez_compressed(packed, **arrays, class_names=np.array(["sky", "sea"]))
    np.savez(other, **(arrays | {"text_features": arrays["text_features"] + 1}))
    found = [outline_archive(path) for path in (plain, packed, other)]
    assert all(one.ids.tolist() == ["u", "x", "z"] and one.n_items == 3 for one in found)
    assert [one.named for one in found] == [False, True, False]
    assert found[0].content == found[1].content != found[2].content
    (tmp_path / "classes.txt").write_text("sky\nsea\n")
    assert outline_archive(plain).named
