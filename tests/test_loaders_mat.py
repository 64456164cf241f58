"""MATLAB's files: both forms, every order of axes, pictures that stay on disk, one clear line for every bad file."""

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dlchkit.data.catalog import load
from dlchkit.data.content import content_digest
from dlchkit.data.loaders import mat_subprocess
from dlchkit.data.loaders.hdf5_pictures import StoredImages
from dlchkit.data.loaders.mat_files import find_key, read_matrix, row_axis
from dlchkit.encoders.images import as_pixels

N, TAGS, CLASSES, HEIGHT, WIDTH = 11, 5, 4, 6, 8
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (N, HEIGHT, WIDTH, 3), dtype=np.uint8)
WORDS = RANDOM.integers(0, 2, (N, TAGS)).astype(np.float64)
LABELS = np.eye(CLASSES)[np.arange(N) % CLASSES]
LABELS[0, 1] = 1

AXES = {
    "n, 3, height, width": (0, 3, 1, 2),
    "n, height, width, 3": (0, 1, 2, 3),
    "height, width, 3, n": (1, 2, 3, 0),
    "3, height, width, n": (3, 1, 2, 0),
}


@pytest.fixture
def own_process():
    """Reading starts a process, as it does for people."""


@pytest.fixture(autouse=True)
def read_here(monkeypatch, request):
    """Without `own_process`, reading spares the process."""
    if "own_process" not in request.fixturenames:
        monkeypatch.setattr(mat_subprocess, "read_variables", mat_subprocess.read_in_this_process)


def write_v73(path, *, as_matlab=True, **arrays):
    """What MATLAB's save -v7.3 leaves: axes from last to first, classes as attributes, 512 bytes before the HDF5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            dataset = file.create_dataset(name, data=values.T if as_matlab else values, chunks=True, compression="gzip")
            if as_matlab:
                dataset.attrs["MATLAB_class"] = np.bytes_(str(values.dtype).replace("float64", "double"))
    return path


def write_v5(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, arrays)
    return path


@pytest.fixture
def three_files(tmp_path):
    """Writes the three files as they circulate; keyword arguments replace or (with None) drop a part."""

    in_matlab = PIXELS.transpose(1, 2, 3, 0)

    def write(images=in_matlab, tags=WORDS, labels=LABELS, folders=False):
        for part, key, values in (("iall", "IAll", images), ("yall", "YAll", tags), ("lall", "LAll", labels)):
            if values is not None:
                path = (tmp_path / key if folders else tmp_path) / f"mirflickr25k-{part}.mat"
                (write_v73 if part == "iall" else write_v5)(path, **{key: values})
        return tmp_path

    return write


# --- pixels, tags and labels ---


@pytest.mark.parametrize("folders", [False, True])
def test_the_three_file_form(three_files, folders):
    data = load(three_files(folders=folders))
    assert np.array_equal(np.asarray(data.images), PIXELS)
    assert data.text_features.dtype == np.float32 and np.array_equal(data.text_features, WORDS)
    assert data.labels.dtype == bool and np.array_equal(data.labels, LABELS)
    assert data.ids.tolist() == [str(i) for i in range(N)] == data.groups.tolist()
    assert data.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert data.texts is None
    assert data.split is None


@pytest.mark.parametrize("key", ["images", "IAll"])
@pytest.mark.parametrize("as_matlab", [False, True])
@pytest.mark.parametrize("as_file", [False, True])
def test_the_single_file_form(tmp_path, key, as_matlab, as_file):
    arrays = {"YAll": WORDS, "LAll": LABELS, key: PIXELS.transpose(0, 3, 1, 2)}
    file = write_v73(tmp_path / "FLICKR-25K.mat", as_matlab=as_matlab, **arrays)
    data = load(str(file if as_file else tmp_path))
    assert np.array_equal(np.asarray(data.images), PIXELS)
    assert np.array_equal(data.text_features, WORDS)
    assert np.array_equal(data.labels, LABELS)


@pytest.mark.parametrize("name, below", [("MSCOCO_deep_rand.h5py", ""), ("flickr.mat", ""), ("flickr.mat", "mat/")])
@pytest.mark.parametrize("labels", ["LAll", "labels"])
def test_features_tags_and_labels_in_one_file(tmp_path, name, below, labels):
    features = RANDOM.normal(size=(N, 7))
    write_v73(tmp_path / below / name, as_matlab=False, XAll=features, YAll=WORDS, **{labels: LABELS})
    for place in (tmp_path, tmp_path / below / name):
        data = load(place)
        assert data.images is None and np.array_equal(data.image_features, features.astype(np.float32))
        assert np.array_equal(data.text_features, WORDS) and np.array_equal(data.labels, LABELS)


def test_one_file_without_pictures_or_features_says_so(tmp_path, refused):
    path = write_v5(tmp_path / "flickr.mat", YAll=WORDS, LAll=LABELS, other=WORDS)
    with refused(f"{path} has neither IAll or images (pixels) nor XAll (features); it holds LAll, YAll, other"):
        load(tmp_path)


def test_features_that_are_called_like_pictures(three_files, tmp_path):
    """As UCCH's archive of MIRFlickr has them, beside the pixels or without."""
    features = RANDOM.normal(size=(N, 7))
    three_files(images=None)
    write_v5(tmp_path / "mirflickr25k-iall-vgg.mat", XAll=features)
    assert load(tmp_path).images is None
    data = load(three_files())
    assert np.array_equal(data.image_features, features.astype(np.float32))
    assert np.array_equal(np.asarray(data.images), PIXELS)


def test_pixels_of_an_older_version_are_refused_for_what_they_are(three_files, tmp_path, refused):
    three_files(images=None)
    write_v5(tmp_path / "mirflickr25k-iall.mat", IAll=PIXELS)
    with refused("mirflickr25k-iall.mat is no HDF5 file", "'-v7.3'"):
        load(tmp_path)


# --- training and test part apart ---

SPLIT = {"tr": slice(0, 8), "te": slice(8, N)}
PARTS = {
    f"{side}_{name}": values[rows]
    for name, rows in SPLIT.items()
    for side, values in (("I", RANDOM.normal(size=(N, 9))), ("T", WORDS), ("L", LABELS))
}
OTHER_NAMES = {
    "I_tr": "VDatabase",
    "T_tr": "YDatabase",
    "L_tr": "databaseL",
    "I_te": "VTest",
    "T_te": "YTest",
    "L_te": "testL",
}


@pytest.mark.parametrize("names", [{name: name for name in PARTS}, OTHER_NAMES], ids=["I_tr", "VDatabase"])
@pytest.mark.parametrize("files", ["one", "two", "six", "mat/one"])
@pytest.mark.filterwarnings("ignore:.* are the database:UserWarning")
def test_training_and_test_part_are_database_and_queries(tmp_path, names, files):
    arrays = {names[part]: values for part, values in PARTS.items()}
    stem = {"one": lambda name: "mir", "mat/one": lambda name: "mat/mir", "six": lambda name: name}
    stem["two"] = lambda name: "train" if "tr" in name or "atabase" in name else "test"
    for file in {stem[files](name) for name in arrays}:
        write_v73(tmp_path / f"{file}.mat", **{name: a for name, a in arrays.items() if stem[files](name) == file})
    data = load(tmp_path)
    assert data.split.tolist() == ["database"] * 8 + ["query"] * 3
    assert data.ids[[0, 8]].tolist() == ["database/0", "query/0"]
    assert np.array_equal(data.image_features[:8], PARTS["I_tr"].astype(np.float32))
    assert np.array_equal(data.text_features, WORDS) and np.array_equal(data.labels, LABELS)
    assert f"{names['I_tr']} and its texts are the database, {names['I_te']} and its texts the queries" in data.notes[0]


@pytest.mark.filterwarnings("ignore:.* are the database:UserWarning")
def test_class_numbers_stand_for_classes(tmp_path, refused):
    numbers = LABELS.argmax(1)[:, None] + 1.0
    split = {"L_tr": numbers[:8], "L_te": numbers[8:].T}
    path = write_v5(tmp_path / "wiki.mat", **PARTS | split)
    data = load(path)
    assert data.class_names == ("class 1", "class 2", "class 3", "class 4") and (data.labels.sum(1) == 1).all()
    assert np.array_equal(data.labels.argmax(1), LABELS.argmax(1))
    (tmp_path / "classes.txt").write_text("sky\nsea\ndog\ncar\n", encoding="utf-8")
    assert load(path).class_names == ("sky", "sea", "dog", "car")
    write_v5(path, **PARTS | split | {"L_te": numbers[8:] + 0.5})
    with refused("L_te in", "holds 1.5", "whole numbers"):
        load(path)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"I_te": np.ones((3, 8))}, ["I_tr has 9 columns, I_te has 8"]),
        ({"L_te": np.ones((3, 3))}, ["L_tr has 4 columns, L_te has 3"]),
        ({"L_te": LABELS[:2]}, ["rows disagree", "L_te (2, 4)"]),
        ({"L_tr": LABELS[:8] * 2}, ["L_tr in", "holds 2.0 in row 0, column 0"]),
        ({"T_te": np.full((3, TAGS), np.nan)}, ["query/0: texts holds NaN"]),
        ({"I_tr": np.array(["a"])}, ["I_tr in", "matrix of numbers"]),
    ],
)
@pytest.mark.filterwarnings("ignore:.* are the database:UserWarning")
def test_parts_that_do_not_fit_are_refused(tmp_path, refused, changes, said):
    write_v5(tmp_path / "mir.mat", **PARTS | changes)
    with refused(*said):
        load(tmp_path)


def test_image_features_may_stand_for_pixels_and_classes_may_be_named(three_files, tmp_path):
    three_files(images=None)
    features = RANDOM.normal(size=(N, 7))
    write_v5(tmp_path / "mirflickr25k-xall-vgg.mat", XAll=features.T)
    (tmp_path / "classes.txt").write_text("sky\nsea\ndog\ncar\n", encoding="utf-8")
    data = load(tmp_path)
    assert data.images is None and np.array_equal(data.image_features, features.astype(np.float32))
    assert data.class_names == ("sky", "sea", "dog", "car")


@pytest.mark.parametrize("form", ["v5", "v5 sparse", "v7.3", "v7.3 by h5py"])
@pytest.mark.parametrize("turned", [False, True])
def test_matrices_are_the_same_in_every_form_and_either_way_round(three_files, tmp_path, form, turned):
    three_files(tags=None, labels=None)
    for name, key, values in (("yall", "YAll", WORDS), ("lall", "LAll", LABELS)):
        values, path = values.T if turned else values, tmp_path / f"nus-wide-tc10-{name}.mat"
        if form.startswith("v5"):
            write_v5(path, **{key: scipy.sparse.csc_matrix(values) if "sparse" in form else values})
        else:
            write_v73(path, as_matlab="h5py" not in form, **{key: values})
    data = load(tmp_path)
    assert np.array_equal(data.text_features, WORDS) and np.array_equal(data.labels, LABELS)


def test_items_without_a_label_are_left_out_and_listed(three_files):
    labels = LABELS.copy()
    labels[[2, 9]] = 0
    data = load(three_files(labels=labels))
    kept = [i for i in range(N) if i not in (2, 9)]
    assert data.ids.tolist() == [str(i) for i in kept] and np.array_equal(np.asarray(data.images), PIXELS[kept])
    assert [line.rsplit(" row ")[1] for line in data.left_out] == ["2: 2 has no label", "9: 9 has no label"]


def test_small_classes_leave_for_every_form(three_files):
    data = load(three_files(), min_class_size=3)  # sizes are 3, 4, 3, 2
    assert data.class_names == ("class 0", "class 1", "class 2")
    assert np.array_equal(data.labels, LABELS[np.arange(N) % 4 != 3][:, :3])


def test_usual_column_names_are_ignored_and_others_refused(three_files, refused):
    folder = three_files()
    assert len(load(folder, text="text", labels="label", group="", min_class_size=0, skip_bad_rows=False)) == N
    for options in ({"text": "caption"}, {"labels": "kind"}, {"group": "sku"}, {"caption": 1}):
        with refused(f"{next(iter(options))} is ", "YAll and LAll", "leave"):
            load(folder, **options)
    with pytest.raises(TypeError, match="no option 'lable'; it has caption, "):
        load(folder, lable="x")


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"labels": LABELS * 2}, ["LAll", "holds 2.0 in row 0, column 0", "0 or 1"]),
        ({"labels": LABELS - LABELS * 2}, ["holds -1.0"]),
        ({"labels": np.where(LABELS, np.nan, 0)}, ["holds nan"]),
        ({"labels": LABELS[1:]}, ["rows disagree", "YAll in mirflickr25k-yall.mat (11, 5)", "(10, 4)"]),
        ({"labels": None}, ["no *-lall.mat"]),
        ({"tags": None}, ["no *-yall.mat", "mirflickr25k-lall.mat"]),
        ({"images": None}, ["no *-iall.mat (pixels) nor *-xall.mat"]),
        ({"images": PIXELS[1:].transpose(1, 2, 3, 0)}, ["IAll", "one axis of 11 items and one of 3 colours"]),
        ({"images": PIXELS.astype(np.float64).transpose(1, 2, 3, 0)}, ["float64", "uint8"]),
        ({"images": PIXELS[..., :2].transpose(1, 2, 3, 0)}, ["one of 3 colours"]),
        ({"images": WORDS}, ["IAll", "shape (5, 11)"]),
        (
            {"tags": np.where(WORDS > 9, 0, np.nan)},
            ["row 0: YAll holds NaN or infinity in row 0 (and 10 more rows)", "--skip-bad-rows"],
        ),
        ({"tags": np.array([["a", "b"]] * N)}, ["YAll", "matrix of numbers"]),
    ],
)
def test_files_that_do_not_fit_are_refused(three_files, refused, changes, said):
    folder = three_files(**changes)
    with refused(*said):
        load(folder)


def test_a_process_sends_what_was_read(own_process, tmp_path):
    path = write_v5(
        tmp_path / "all.mat", whole=WORDS, thin=scipy.sparse.csc_matrix(WORDS), texts=cells(["a", "b"]), odd={"a": 1}
    )
    names = ["whole", "thin", "texts", "odd", "absent"]
    held, sent = mat_subprocess.read_variables(path, names)
    read = mat_subprocess.read_in_this_process(path, names)
    assert held == read[0] == sorted(names[:-1]) and sent.keys() == read[1].keys()
    assert np.array_equal(sent["whole"], WORDS) and np.array_equal(sent["thin"], WORDS)
    assert sent["texts"] == read[1]["texts"] == [["a"], ["b"]] and sent["odd"] == read[1]["odd"]


def test_a_missing_key_is_named_with_those_that_are_there(three_files, refused, tmp_path):
    three_files()
    write_v5(tmp_path / "mirflickr25k-yall.mat", Tags=WORDS, other=WORDS)
    with refused("mirflickr25k-yall.mat has no 'YAll' or 'tags'; it holds Tags, other"):
        load(tmp_path)


@pytest.mark.parametrize("part", ["iall", "yall", "lall"])
@pytest.mark.parametrize("damage", ["cut short", "no mat", "empty"])
def test_a_damaged_file_is_refused(own_process, three_files, refused, tmp_path, part, damage):
    path = three_files() / f"mirflickr25k-{part}.mat"
    raw = path.read_bytes()
    damaged = {"cut short": raw[: len(raw) * 2 // 3], "no mat": b"<html>sign in</html>" * 50, "empty": b""}
    path.write_bytes(damaged[damage])
    causes = {"cut short": "cut short: fetch it again", "no mat": "begins with b'<html>sign in", "empty": "it is empty"}
    with refused(str(path), "not a readable .mat file", causes[damage]):
        load(tmp_path)


def test_two_data_sets_in_one_folder_are_refused(three_files, refused, tmp_path):
    three_files()
    write_v5(tmp_path / "nus-wide-tc21-lall.mat", LAll=LABELS)
    with refused("mirflickr25k-lall.mat and nus-wide-tc21-lall.mat", "one data set"):
        load(tmp_path)


@pytest.mark.parametrize("lines", ["sky\nsea\ndog\n", "sky\nsea\nsky\ncar\n", "sky\n\nsea\ndog\n"])
def test_class_names_must_fit_the_columns(three_files, refused, tmp_path, lines):
    (tmp_path / "classes.txt").write_text(lines, encoding="utf-8")
    with refused("classes.txt", "different name for each of the 4"):
        load(three_files())


def test_rows_and_columns_must_be_told_apart(refused):
    assert row_axis({"a": (3, 9), "b": (9, 4), "c": (9, 9)}) == 9
    with refused("rows disagree: a (3, 9), b (8, 4)"):
        row_axis({"a": (3, 9), "b": (8, 4)})
    with refused("rows cannot be told from columns"):
        row_axis({"a": (9, 4), "b": (4, 9)})


def test_cells_are_no_matrix(tmp_path, refused):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["x"] = np.array([file.ref], dtype=h5py.ref_dtype)
    with refused("x in", "a cell"):
        read_matrix(tmp_path / "a.mat", "x")
    with refused("has no 'y' or 'z'; it holds x"):
        find_key(tmp_path / "a.mat", ("y", "z"))


# --- pictures that stay in their file ---


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
@pytest.mark.parametrize("as_matlab", [False, True])
def test_every_order_of_axes_gives_the_same_pictures(tmp_path, axes, as_matlab):
    stored = StoredImages(write_v73(tmp_path / "a.mat", as_matlab=as_matlab, IAll=PIXELS.transpose(axes)), "IAll", N)
    assert stored.shape == PIXELS.shape and stored.dtype == np.uint8 and len(stored) == N
    assert np.array_equal(np.asarray(stored), PIXELS)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = write_v73(tmp_path_factory.mktemp("stored") / "a.mat", IAll=PIXELS.transpose(1, 2, 3, 0))
    return StoredImages(path, "IAll", N)


ROWS = st.lists(st.integers(-N, N - 1), max_size=2 * N).map(lambda rows: np.array(rows, dtype=np.int64))
MASKS = st.lists(st.booleans(), min_size=N, max_size=N).map(np.array)
SLICES = st.slices(N)


@settings(deadline=None, max_examples=60)
@given(first=ROWS | MASKS | SLICES, second=SLICES)
def test_rows_are_chosen_as_in_an_array(stored, first, second):
    assert np.array_equal(np.asarray(stored[first][second]), PIXELS[first][second])
    assert stored[first].shape == PIXELS[first].shape


def test_single_pictures_and_going_through_them(stored):
    assert np.array_equal(stored[np.int64(3)], PIXELS[3]) and np.array_equal(stored[-1], PIXELS[-1])
    assert np.array_equal(np.stack(list(stored)), PIXELS)
    with pytest.raises(IndexError):
        stored[N]


def test_choosing_rows_reads_nothing(stored, monkeypatch):
    monkeypatch.setattr(StoredImages, "_read", lambda *_: pytest.fail("read too early"))
    assert len(stored[::2][np.array([1, 0])]) == 2


def test_encoders_take_them_like_pixels(stored):
    assert np.array_equal(as_pixels(stored[2:7], 4), as_pixels(PIXELS[2:7], 4))
    assert np.array_equal(np.asarray(Image.fromarray(stored[0])), PIXELS[0])


def test_the_feature_cache_knows_them_by_their_pixels(stored):
    assert content_digest(stored[1:5]) == content_digest(PIXELS[1:5])


def test_a_file_that_vanishes_later_is_one_line(tmp_path, refused):
    images = StoredImages(write_v73(tmp_path / "a.mat", IAll=PIXELS.transpose(1, 2, 3, 0)), "IAll", N)
    (tmp_path / "a.mat").unlink()
    with refused("a.mat does not exist"):
        images[0]


# --- pictures by name, with captions ---

CAPTIONS = ["a red dog", "the sea", "two  birds", "größe ☀", "x"]
KINDS = np.eye(2)[[1, 1, 0, 0, 1]]


def write_pictures(folder, names):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS[i]).save(folder / name)


@pytest.fixture
def captioned(tmp_path):
    """Writes pictures im1.jpg ... im5.jpg and the three files; keyword arguments replace variables."""

    def write(**changes):
        write_pictures(tmp_path, [f"mirflickr/im{i}.jpg" for i in range(1, 6)])
        index = [f"/home/someone/data/mirflickr/im{i}.jpg" for i in range(1, 6)]
        variables = {"index": index, "caption": CAPTIONS, "category": KINDS} | changes
        for file, keys in (("index", ("index",)), ("caption", ("caption",)), ("label", ("category", "label"))):
            for key in keys:
                if variables.get(key) is not None:
                    write_v5(tmp_path / f"{file}.mat", **{key: variables[key]})
        return tmp_path

    return write


def cells(rows):
    array = np.empty((len(rows), 1), dtype=object)
    array[:, 0] = rows
    return array


@pytest.mark.parametrize(
    "as_what", [list, np.array, lambda rows: np.array(rows)[:, None], cells, lambda rows: cells(rows).T]
)
def test_pictures_captions_and_labels_by_name(captioned, as_what):
    data = load(captioned(caption=as_what(CAPTIONS), index=as_what([f"D:\\data\\im{i}.jpg" for i in range(1, 6)])))
    assert data.texts.tolist() == CAPTIONS and np.array_equal(data.labels, KINDS)
    assert data.ids.tolist() == [f"mirflickr/im{i}.jpg" for i in range(1, 6)]
    assert [path.rsplit("/", 1)[1] for path in data.images] == [f"im{i}.jpg" for i in range(1, 6)]


def test_mat_files_beside_the_pictures(captioned, tmp_path):
    captioned()
    (tmp_path / "mirflickr").rename(tmp_path / "images")
    (tmp_path / "mat").mkdir()
    for path in tmp_path.glob("*.mat"):
        path.rename(tmp_path / "mat" / path.name)
    data = load(tmp_path)
    assert data.ids[0] == "images/im1.jpg" and data.texts.tolist() == CAPTIONS


def test_a_damaged_picture_is_refused_or_left_out(captioned, refused):
    folder = captioned()
    picture = folder / "mirflickr" / "im2.jpg"
    picture.write_bytes(picture.read_bytes()[:-20])
    with refused("row 1: picture mirflickr/im2.jpg is ", "cut short"):
        load(folder)
    assert len(load(folder, skip_bad_rows=True)) == 4


def test_another_key_for_labels_a_text_file_and_pictures_elsewhere(captioned, tmp_path, tmp_path_factory):
    captioned(caption=None, category=None, label=KINDS)
    (tmp_path / "caption.txt").write_text("\n".join(CAPTIONS) + "\n", encoding="utf-8")
    elsewhere = tmp_path_factory.mktemp("pictures")
    write_pictures(elsewhere, [f"im{i}.jpg" for i in range(1, 6)])
    data = load(tmp_path, images=elsewhere)
    assert data.texts.tolist() == CAPTIONS and data.images[0] == str(elsewhere / "im1.jpg") and data.ids[0] == "im1.jpg"


@pytest.mark.parametrize("caption, expected", [(0, "one"), (1, "two"), ("all", "one two")])
def test_one_of_several_captions(captioned, caption, expected):
    several = cells([np.array(["one", "two"], dtype=object)] * 5)
    assert load(captioned(caption=several), caption=caption).texts.tolist() == [expected] * 5


def test_a_missing_caption_position_is_refused(captioned, refused):
    with refused("row 0: has no caption at position 3", "(and 4 more rows)"):
        load(captioned(), caption=3)
    with refused("caption is -1"):
        load(captioned(), caption=-1)


def test_a_name_that_occurs_twice_is_told_by_its_folders(captioned, tmp_path, refused):
    captioned()
    write_pictures(tmp_path, ["other/im1.jpg"])
    assert load(tmp_path).ids[0] == "mirflickr/im1.jpg"
    write_v5(tmp_path / "index.mat", index=[f"/a/third/im{i}.jpg" for i in range(1, 6)])
    with refused("row 0: picture '/a/third/im1.jpg' may be"):
        load(tmp_path)


@pytest.mark.parametrize("path", ["../../secret.jpg", "/etc/secret.jpg", "C:\\secret.jpg", "secret.jpg"])
@pytest.mark.parametrize("linked", [False, True])
def test_no_path_leads_out_of_the_folder(captioned, tmp_path, tmp_path_factory, refused, path, linked):
    outside = tmp_path_factory.mktemp("outside")
    write_pictures(outside, ["secret.jpg"])
    folder = captioned(index=[path, *(f"im{i}.jpg" for i in range(2, 6))])
    if linked:
        (tmp_path / "secret.jpg").symlink_to(outside / "secret.jpg")
    with refused("row 0: picture", "secret.jpg", "leads out of" if linked else "is not below"):
        load(folder)
    data = load(folder, skip_bad_rows=True)
    assert len(data) == 4 and not any("secret" in name for name in data.images) and len(data.left_out) == 1


@pytest.mark.parametrize(
    "changes, said",
    [
        (
            {"index": ["im1.jpg", "im2.jpg"]},
            ["rows disagree", "index.mat names 2 pictures, there are 5 captions and label.mat has 5 rows"],
        ),
        ({"caption": CAPTIONS[:3]}, ["5 pictures, there are 3 captions"]),
        ({"category": KINDS * 3}, ["holds 3.0 in row 0, column 1"]),
        ({"index": KINDS}, ["index in", "must hold texts"]),
        ({"index": ["im9.jpg", *(f"im{i}.jpg" for i in range(2, 6))]}, ["row 0: picture 'im9.jpg' is not below"]),
        (
            {"index": ["im2.jpg", *(f"im{i}.jpg" for i in range(2, 6))]},
            ["row 1: names the picture mirflickr/im2.jpg of row 0 again"],
        ),
        ({"caption": ["a", " ", "c", "d", "e"]}, ["row 1: has no caption"]),
        ({"caption": None}, ["neither caption.mat nor caption.txt"]),
    ],
)
def test_captioned_files_that_do_not_fit_are_refused(captioned, refused, changes, said):
    with refused(*said):
        load(captioned(**changes))


def test_a_picture_folder_that_is_not_there(captioned, tmp_path, refused):
    with refused(str(tmp_path / "nowhere"), "images="):
        load(captioned(), images=tmp_path / "nowhere")
