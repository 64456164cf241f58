"""A person's own folder: the good ways to write it, and one clear line for every bad one."""

import csv

import numpy as np
import pytest
from PIL import Image

from dlchkit.data.catalog import load, load_source
from dlchkit.data.loaders.items_csv import load_items
from dlchkit.data.loaders.source_folder import load_source_folder

TEXTS = ["a red shirt", "a blue shirt", "a red shoe", "a blue shoe", "one more shoe"]
KINDS = ["shirt", "shirt", "shoe", "shoe", "shoe"]


def write_picture(path, seed=0, size=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def write_items(tmp_path):
    """Writes items.csv from columns given by name, and returns the folder."""

    def write(**columns):
        with open(tmp_path / "items.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return tmp_path

    return write


@pytest.fixture
def shop(write_items, tmp_path):
    """Writes the five items above with pictures; keyword arguments change or (with None) drop columns."""
    files = [f"pictures/{i}.{'jpg' if i % 2 else 'png'}" for i in range(5)]
    for i, name in enumerate(files):
        write_picture(tmp_path / name, seed=i)

    def write(**changes):
        columns = {"id": [f"sku{i}" for i in range(5)], "image": files, "text": TEXTS, "label": KINDS, **changes}
        return write_items(**{name: values for name, values in columns.items() if values is not None})

    return write


def changed(values, row, value):
    return [value if i == row else old for i, old in enumerate(values)]


# --- good folders ---


def test_one_label_per_item(shop, tmp_path):
    data = load_items(shop())
    assert data.ids.tolist() == ["sku0", "sku1", "sku2", "sku3", "sku4"] == data.groups.tolist()
    assert data.class_names == ("shirt", "shoe")
    assert data.labels.dtype == bool and data.labels.argmax(1).tolist() == [0, 0, 1, 1, 1]
    assert data.texts.tolist() == TEXTS
    assert data.images[1] == str((tmp_path / "pictures/1.jpg").resolve())
    assert data.image_features is None and data.left_out == ()


def test_a_column_may_give_its_most_frequent_values_only(shop, refused):
    colours = ["red", "blue", "red", "blue|green", "black"]
    data = load_items(shop(colour=colours), labels="label, colour:2")
    assert data.class_names == ("colour=blue", "colour=red", "label=shirt", "label=shoe")
    assert data.labels[:, :2].tolist() == [[False, True], [True, False], [False, True], [True, False], [False, False]]
    alone = load_items(shop(colour=colours), labels="colour:1")
    assert alone.class_names == ("blue",) and alone.ids.tolist() == ["sku1", "sku3"]  # equally frequent ones go by name
    assert len(alone.left_out) == 3 and "sku0" in alone.left_out[0]
    for spec in ("colour:", "colour:0", "colour:two", "colour:-1"):
        with refused(f"{spec!r}", "items.csv", "column:10"):
            load_items(shop(colour=colours), labels=f"label,{spec}")


def test_the_door_takes_a_folder_as_a_string(shop):
    assert len(load(str(shop()), labels="label")) == 5


def test_several_columns_name_their_classes_by_column(shop):
    folder = shop(label=None, kind=KINDS, colour=["red", "blue", "red", "blue", ""])
    data = load_items(folder, labels="kind, colour")
    assert data.class_names == ("colour=blue", "colour=red", "kind=shirt", "kind=shoe")
    assert data.labels.astype(int).tolist() == [[0, 1, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1]]


def test_a_cell_may_hold_several_labels(shop):
    data = load_items(shop(label=["a|b", " b | a ", "b", "a||b", "b|"]))
    assert data.class_names == ("a", "b")
    assert data.labels.astype(int).tolist() == [[1, 1], [1, 1], [0, 1], [1, 1], [0, 1]]


def test_a_group_column_and_columns_of_other_names(shop):
    folder = shop(id=None, text=None, label=None, sku=list("vwxyz"), caption=TEXTS, kind=KINDS, maker=list("AABBB"))
    data = load_items(folder, id="sku", text="caption", labels="kind", group="maker")
    assert data.groups.tolist() == list("AABBB") and data.ids.tolist() == list("vwxyz")
    assert data.texts.tolist() == TEXTS


def test_a_row_without_a_group_is_a_group_of_its_own(shop):
    data = load_items(shop(maker=["A", "", "A ", " ", "B"]), group="maker")
    assert data.groups[0] == data.groups[2] and len(set(data.groups)) == 4


def test_features_may_stand_for_pictures_and_ids_for_themselves(shop, tmp_path):
    np.save(tmp_path / "image_features.npy", np.arange(10).reshape(5, 2))
    np.save(tmp_path / "text_features.npy", np.ones((5, 3)))
    data = load_items(shop(image=None, id=None))
    assert data.images is None and data.ids.tolist() == list("01234")
    assert data.image_features.dtype == np.float32 and data.image_features.tolist()[4] == [8, 9]
    assert data.text_features.shape == (5, 3)


def test_a_byte_order_mark_quotes_and_line_breaks_are_read(shop):
    folder = shop(text=["with, comma", 'with "quotes"', "over\ntwo lines", "größe ☀", "plain"])
    raw = (folder / "items.csv").read_bytes()
    (folder / "items.csv").write_bytes(b"\xef\xbb\xbf" + raw)
    data = load_items(folder)
    assert data.ids[0] == "sku0"
    assert data.texts.tolist() == ["with, comma", 'with "quotes"', "over\ntwo lines", "größe ☀", "plain"]


def test_small_classes_go_with_the_rows_they_leave_bare(shop):
    data = load(shop(label=["shirt", "shirt|rare", "rare2", "shoe", "shoe"]), min_class_size=2)
    assert data.class_names == ("shirt", "shoe")
    assert data.ids.tolist() == ["sku0", "sku1", "sku3", "sku4"]
    assert data.labels.argmax(1).tolist() == [0, 0, 1, 1]


# --- names that a person reads as one, or as none ---


def test_labels_that_read_alike_are_one(shop):
    kinds = ["Caf\u00e9", "Cafe\u0301 ", "red  shirt", "red\u00a0shirt", "red shirt|Caf\u00e9\u200b"]
    with pytest.warns(UserWarning, match="labels written in several ways that read alike count as one"):
        data = load(shop(label=kinds))
    assert data.class_names == ("Caf\u00e9", "red shirt")
    assert data.labels.astype(int).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]]
    assert data.notes == ("labels written in several ways that read alike count as one: 'Caf\u00e9', 'red shirt'",)


@pytest.mark.parametrize(
    "column, values, said",
    [
        ("label", ["Shoes|SHOES|shoes"] * 5, "classes 'SHOES', 'Shoes', 'shoes' differ by case alone"),
        ("label", ["hat|nan|NULL|n/a"] * 5, "classes 'NULL', 'n/a', 'nan' are names of nothing"),
        ("text", ["nan", "a shirt", "NaN", "a shoe", "nan "], "texts 'NaN', 'nan', 'nan ' are names of nothing"),
        ("maker", ["A", "a", "B", "C", "D"], "groups 'A', 'a' differ by case alone"),
        ("maker", ["nan", "A", "nan", "C", "D"], "groups 'nan' are names of nothing"),
        ("maker", ["A  B", "A B", "B", "C", "D"], "groups written in several ways that read alike count as one: 'A B'"),
    ],
)
def test_names_that_need_a_look_get_one_line(shop, column, values, said):
    folder = shop(**{"maker": list("abcde")} | {column: values})
    with pytest.warns(UserWarning, match=said) as warned:
        data = load(folder, group="maker")
    assert [warning.filename for warning in warned] == ["dlchkit"]  # no path of a machine on pages
    (note,) = data.notes
    assert note.startswith(said)


def test_a_group_is_one_however_it_is_written(shop):
    data = load_items(shop(maker=["Caf\u00e9  A", "Cafe\u0301 A", "B", "C", "D"]), group="maker")
    assert data.groups[0] == data.groups[1]


# --- bad columns and files ---


@pytest.mark.parametrize(
    "columns, options, hint",
    [
        ({"text": None, "texts": TEXTS}, {}, "no column 'text'; did you mean 'texts'?"),
        ({}, {"labels": "lable"}, "no column 'lable'; did you mean 'label'?"),
        ({}, {"labels": "label,colour"}, "no column 'colour'"),
        ({}, {"group": "brand"}, "no column 'brand'; there are id, image, text, label"),
        ({}, {"id": "idd"}, "no column 'idd'; did you mean 'id'?"),
        ({"image": None, "images": TEXTS}, {}, "no column 'image'; did you mean 'images'?"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest(shop, refused, columns, options, hint):
    folder = shop(**columns)
    with refused(str(folder / "items.csv"), hint):
        load_items(folder, **options)


def test_no_folder_and_no_csv(tmp_path, refused):
    with refused("nowhere", "neither a folder", "'scenes'"):
        load(tmp_path / "nowhere")
    with refused("nowhere", "neither a folder"):
        load_source(str(tmp_path / "nowhere"))
    with refused("items.csv does not exist", "one row per item"):
        load_items(tmp_path)
    with refused(str(tmp_path), "none of what the kit reads", "items.csv"):
        load(tmp_path)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "no rows"),
        (b"id,image,text,label\n", "no rows"),
        (
            b"id,image,text,label\nb,b.png,two\n",
            "line 2: it has 3 cells, the header has 4",
        ),
        (
            b"id,image,text,label\na,a.png,one,two,x\n",
            "line 2: it has 5 cells, the header has 4; quote a cell that holds a comma",
        ),
        (b"id;image;text, or title;label\na;a.png;one;x\n", "separates its columns by semicolons"),
        (b"id\timage\ttext\tlabel\na\ta.png\tone\tx\n", "separates its columns by tabs"),
        (b'id,"image,text\n"a",label\n', "line 1: the quote that opens cell 2 does not close at its end"),
        (b"id,image,text,text,label\na,a.png,one,two,x\n", "has the column 'text' twice"),
        ("id,image,Caf\u00e9, Cafe\u0301,label\na,a.png,one,two,x\n".encode(), "has the column 'Caf\u00e9' twice"),
        ("id,image,text,label\na,a.png,größe,x\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused(tmp_path, refused, content, said):
    (tmp_path / "items.csv").write_bytes(content)
    with refused(str(tmp_path / "items.csv"), said):
        load_items(tmp_path)


# --- bad rows ---


def break_png(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_ROWS = {
    "empty text": ({"text": changed(TEXTS, 2, "  ")}, "column 'text' is empty"),
    "empty label": ({"label": changed(KINDS, 2, " | ")}, "column 'label' is empty"),
    "image not named": ({"image": changed(["pictures/0.png"] * 5, 2, "")}, "column 'image' is empty"),
    "image absent": (
        {"image": changed(["pictures/0.png"] * 5, 2, "pictures/none.png")},
        "pictures/none.png does not exist",
    ),
    "image a folder": ({"image": changed(["pictures/0.png"] * 5, 2, "pictures")}, "pictures is a folder"),
    "image outside": (
        {"image": changed(["pictures/0.png"] * 5, 2, "../elsewhere.png")},
        "../elsewhere.png lies outside the folder",
    ),
    "id twice": ({"id": ["a", "b", "a", "d", "e"]}, "id 'a' occurs twice"),
    "id empty": ({"id": ["a", "b", " ", "d", "e"]}, "id is empty"),
}


@pytest.mark.parametrize("columns, said", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line_or_left_out(shop, refused, columns, said):
    folder = shop(**columns)
    with refused(f"{folder / 'items.csv'} line 4: ", said, "mend the row", "--skip-bad-rows"):
        load_items(folder)
    data = load_items(folder, skip_bad_rows=True)
    assert data.texts.tolist() == [TEXTS[i] for i in (0, 1, 3, 4)]
    (left_out,) = data.left_out
    assert "line 4: " in left_out and said in left_out


@pytest.mark.parametrize(
    "row, damage", [(2, break_png), (2, cut_short), (3, cut_short), (3, lambda path: path.write_text("no picture"))]
)
def test_a_damaged_picture_is_refused_with_its_line_or_left_out(shop, refused, row, damage):
    folder = shop()
    name = ["pictures/2.png", "pictures/3.jpg"][row - 2]
    damage(folder / name)
    with refused(f"line {row + 2}: image file {name} is "):
        load_items(folder)
    assert load_items(folder, skip_bad_rows=True).ids.tolist() == [f"sku{i}" for i in range(5) if i != row]


@pytest.mark.parametrize("kind", ["gif", "tiff", "bmp", "webp", "jpg", "png"])
def test_pictures_of_every_format_are_looked_at_whole(shop, refused, tmp_path, kind):
    files = [f"pictures/x{i}.{kind}" for i in range(5)]
    for i, name in enumerate(files):
        write_picture(tmp_path / name, seed=i)
    folder = shop(image=files)
    with open(folder / files[1], "ab") as file:
        file.write(bytes(8192))
    assert len(load_items(folder)) == 5
    cut_short(folder / files[3])
    with refused(f"line 5: image file {files[3]} is ", "cut short", "--skip-bad-rows"):
        load_items(folder)
    data = load_items(folder, skip_bad_rows=True)
    assert data.ids.tolist() == ["sku0", "sku1", "sku2", "sku4"] and len(data.left_out) == 1


@pytest.mark.parametrize("as_link", [False, True])
def test_a_picture_outside_the_folder_is_not_read(shop, refused, tmp_path, tmp_path_factory, as_link):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    write_picture(elsewhere)
    if as_link:
        (tmp_path / "pictures" / "link.png").symlink_to(elsewhere)
    name = "pictures/link.png" if as_link else str(elsewhere)
    folder = shop(image=changed(["pictures/0.png"] * 5, 2, name))
    said = "is behind a link that leads out of the folder; --follow-links" if as_link else "lies outside the folder"
    with refused("line 4: ", name, said):
        load_items(folder)
    if as_link:
        assert load_items(folder, follow_links=True).images[2] == str(elsewhere)
    else:
        with refused("lies outside the folder"):
            load_items(folder, follow_links=True)


def test_line_numbers_follow_the_file_not_the_rows(shop, refused):
    with refused("line 6: column 'text' is empty"):  # the row before spans two lines
        load_items(shop(text=["one", "two", "over\ntwo lines", "", "five"]))


def test_several_bad_rows_are_counted(shop, refused):
    with refused("line 2: ", "(and 2 more rows)"):
        load_items(shop(text=["", "", "fine", "", "fine"]))


def test_rows_left_out_are_left_out_of_the_features_too(shop, tmp_path):
    features = np.arange(10.0).reshape(5, 2)
    features[1, 0] = np.nan
    np.save(tmp_path / "image_features.npy", features)
    data = load_items(shop(text=changed(TEXTS, 3, ""), label=["a|b"] * 5), skip_bad_rows=True)
    assert data.ids.tolist() == ["sku0", "sku2", "sku4"]
    assert data.image_features.tolist() == [[0, 1], [4, 5], [8, 9]]
    assert [line.split(" line ")[1].split(":")[0] for line in data.left_out] == ["3", "5"]


def test_no_usable_row_at_all_is_refused(shop, refused):
    with refused("no usable row", "line 2: column 'text' is empty"):
        load_items(shop(text=[""] * 5), skip_bad_rows=True)


def test_too_few_classes_or_rows_are_refused(shop, refused):
    with refused("class 'hat'", "one row", "min_class_size"):
        load(shop(label=changed(KINDS, 4, "hat")))
    with refused("fewer than two classes with two rows or more ('shoe')", "add rows of others"):
        load(shop(label=["shoe"] * 5))
    with refused("0 classes with 9 rows or more", "lower min_class_size"):
        load(shop(), min_class_size=9)


# --- bad features ---


@pytest.mark.parametrize(
    "features, said",
    [
        (np.ones((4, 2)), "has 4 rows, but there are 5 items"),
        (np.ones(5), "shape (5,)"),
        (np.full((5, 2), "x"), "features are numbers"),
        (np.full((5, 2), None), "not a readable .npy array of numbers"),  # a pickled object array
    ],
)
@pytest.mark.parametrize("side", ["image", "text"])
def test_features_that_do_not_fit_are_refused(shop, refused, features, said, side):
    folder = shop()
    np.save(folder / f"{side}_features.npy", features)
    with refused(str(folder / f"{side}_features.npy"), said):
        load_items(folder)


def test_a_row_of_features_with_nan_is_refused_with_its_line(shop, refused):
    folder = shop()
    for bad in (np.nan, np.inf):
        np.save(folder / "text_features.npy", np.array([[1.0], [2.0], [bad], [4.0], [5.0]]))
        with refused("line 4: text_features.npy holds NaN or infinity in row 2"):
            load_items(folder)


def no_array(path):
    path.write_text("no array")


def empty(path):
    path.touch()


def an_archive(path):
    with open(path, "wb") as file:
        np.savez(file, np.ones((5, 2)))


def half_an_archive(path):
    an_archive(path)
    cut_short(path)


@pytest.mark.parametrize("write", [no_array, empty, an_archive, half_an_archive])
def test_a_features_file_that_is_no_array_is_refused(shop, refused, write):
    folder = shop()
    write(folder / "image_features.npy")
    with refused(str(folder / "image_features.npy"), "not a readable .npy array of numbers"):
        load_items(folder)


# --- the source domain ---


@pytest.fixture
def stored_features(tmp_path):
    np.save(tmp_path / "image_features.npy", np.arange(8.0).reshape(4, 2))
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2, 0]))
    (tmp_path / "classes.tsv").write_text("n01\tdog\nn02\tcat\nn03\tkoi\n", encoding="utf-8")
    return tmp_path


def test_a_source_of_features(stored_features):
    source = load_source(stored_features, use="features")
    assert source.class_names == ("dog", "cat", "koi") and source.labels.tolist() == [0, 1, 2, 0]
    assert source.image_features.dtype == np.float32 and source.image_features.shape == (4, 2)
    (stored_features / "classes.tsv").unlink()
    assert load_source(stored_features, use="features").class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    "labels, said",
    [
        (np.array([0, 1, 3, 0]), "holds 3; classes.tsv names 3"),
        (np.array([0, 1, -1, 0]), "holds -1; classes.tsv names 3"),
        (np.array([0, 1, 2]), "has 4 rows, but there are 3 items"),
        (np.array([0.5, 1, 2, 0]), "whole numbers"),
        (np.array(["a", "b", "c", "d"]), "whole numbers"),
        (np.zeros((4, 2), int), "whole numbers"),
        (np.zeros(0, int), "whole numbers"),
    ],
)
def test_source_labels_that_do_not_fit_are_refused(stored_features, refused, labels, said):
    np.save(stored_features / "labels.npy", labels)
    with refused(str(stored_features), said):
        load_source_folder(stored_features, use="features")


def test_source_features_must_be_there_and_finite(stored_features, refused):
    np.save(stored_features / "image_features.npy", np.array([[1.0], [2.0], [np.nan], [4.0]]))
    with refused("image_features.npy", "NaN or infinity in row 2"):
        load_source_folder(stored_features, use="features")
    (stored_features / "image_features.npy").unlink()
    with refused(str(stored_features), "no image_features.npy"):
        load_source_folder(stored_features, use="features")
    (stored_features / "labels.npy").unlink()
    with refused("labels.npy does not exist"):
        load_source_folder(stored_features, use="features")


@pytest.mark.parametrize("inside", ["", "images"])
def test_a_source_of_pictures_has_a_folder_per_class(tmp_path, inside):
    for name in ("n02/b.png", "n02/a.jpg", "n01/c.png"):
        write_picture(tmp_path / inside / name)
    (tmp_path / inside / ".ipynb_checkpoints").mkdir()
    (tmp_path / inside / "n01" / ".DS_Store").write_text("what a desktop leaves behind")
    (tmp_path / "classes.tsv").write_text("n01\tdog\n", encoding="utf-8")
    source = load_source(tmp_path)
    assert source.class_names == ("dog", "n02") and source.labels.tolist() == [0, 1, 1]
    assert [path.rsplit("/", 1)[1] for path in source.images] == ["c.png", "a.jpg", "b.png"]


def test_bad_sources_of_pictures_are_refused(tmp_path, refused):
    with refused(str(tmp_path), "0 class folders", "two at least"):
        load_source_folder(tmp_path, use="images")
    write_picture(tmp_path / "one" / "a.png")
    (tmp_path / "two").mkdir()
    with refused(str(tmp_path / "two"), "no picture"):
        load_source_folder(tmp_path, use="images")
    (tmp_path / "two" / "b.png").write_text("no picture")
    with refused(str(tmp_path / "two" / "b.png"), "not a readable picture"):
        load_source_folder(tmp_path, use="images")
    with refused("use is 'pictures'", "'images' or 'features'"):
        load_source_folder(tmp_path, use="pictures")


# --- the rendered data ---


def test_scenes_are_rendered_once_and_again_if_the_file_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    first = load("scenes", n=3)
    (stored,) = (tmp_path / "scenes").glob("*.npz")
    written = stored.stat().st_mtime_ns
    assert np.array_equal(load("scenes", n=3).images, first.images) and stored.stat().st_mtime_ns == written
    cut_short(stored)
    again = load("scenes", n=3)
    assert np.array_equal(again.images, first.images) and again.texts.tolist() == first.texts.tolist()
    assert load_source("scenes", n=3).images.shape == (3, 64, 64, 3)
