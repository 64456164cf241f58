"""Pictures on disk: names with accents, links, folders in folders."""

import os
import unicodedata

import pytest
from PIL import Image

from dlchkit.data.catalog import load, load_source
from dlchkit.data.loaders.picture_files import find_file

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Café/Möbel.png") for form in ("NFC", "NFD"))


def write_picture(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(path)


@pytest.mark.parametrize("named", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("there", [COMPOSED, DECOMPOSED, f"{COMPOSED[:4]}/{DECOMPOSED.rpartition('/')[2]}"])
def test_accents_may_be_composed_or_not(tmp_path, named, there):
    write_picture(tmp_path / there)
    assert find_file(tmp_path, named).samefile(tmp_path / there)
    rows = [f"{named},a,x", "1.png,b,x", "2.png,c,y", "3.png,d,y"]
    for i in (1, 2, 3):
        write_picture(tmp_path / f"{i}.png", i * 50)
    (tmp_path / "items.csv").write_text("\n".join(["image,text,label", *rows]), encoding="utf-8")
    assert load(tmp_path).images[0] == str((tmp_path / there).resolve())


def test_of_two_spellings_on_disk_the_exact_one_is_taken(tmp_path):
    for name in (COMPOSED, DECOMPOSED):
        write_picture(tmp_path / name)
        assert find_file(tmp_path, name) == tmp_path / name


# --- a folder of pictures that is a link ---


@pytest.fixture
def linked(tmp_path):
    """Four pictures on another disk, reached by ``images``, a link."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for i in range(4):
        write_picture(tmp_path / "disk" / f"{i}.png", i * 50)
    (folder / "images").symlink_to(tmp_path / "disk")
    rows = [f"images/{i}.png,text {i},{'ab'[i % 2]}" for i in range(4)]
    (folder / "items.csv").write_text("\n".join(["image,text,label", *rows]), encoding="utf-8")
    return folder


def test_links_out_of_the_folder_are_followed_on_wish_only(linked, refused):
    with refused("line 2: image file images/0.png is behind a link", "--follow-links"):
        load(linked)
    data = load(linked, follow_links=True)
    assert data.images.tolist() == [str((linked.parent / "disk" / f"{i}.png").resolve()) for i in range(4)]
    text = (linked / "items.csv").read_text()
    for name in ("../disk/0.png", "images/../disk/0.png", str(linked.parent / "disk" / "0.png")):
        (linked / "items.csv").write_text(text.replace("images/0.png", name))
        with refused("line 2: ", "lies outside the folder"):
            load(linked, follow_links=True)


def test_following_links_is_refused_where_there_are_no_files(tmp_path, refused):
    with refused("follow_links is True", "scenes is drawn by the kit"):
        load("scenes", n=4, follow_links=True)
    assert len(load("scenes", n=4, follow_links=False)) == 4


# --- the source domain ---


def test_a_source_is_read_as_image_folder_reads_it(tmp_path):
    for name in ("dog/a.PNG", "dog/2024/spring/b.jpg", "cat/x/c.webp", "cat/d.bmp"):
        write_picture(tmp_path / name)
    for name in ("dog/Thumbs.db", "dog/notes.txt", "dog/.hidden/e.png", "cat/._d.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    source = load_source(tmp_path)
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [0, 0, 1, 1]
    assert [os.path.relpath(path, tmp_path.resolve()) for path in source.images] == [
        "cat/d.bmp",
        "cat/x/c.webp",
        "dog/2024/spring/b.jpg",
        "dog/a.PNG",
    ]


def test_a_class_without_any_picture_is_refused(tmp_path, refused):
    write_picture(tmp_path / "dog" / "a.png")
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "Thumbs.db").write_text("no picture")
    with refused("cat holds no picture"):
        load_source(tmp_path)


@pytest.mark.parametrize(
    "link, target",
    [
        ("images", "disk"),
        ("images/dog", "disk/dog"),
        ("images/dog/more", "disk/cat"),
        ("images/dog/b.png", "disk/cat/c.png"),
    ],
)
def test_links_out_of_a_source_are_followed_on_wish_only(tmp_path, refused, link, target):
    source = tmp_path / "source"
    write_picture(tmp_path / "disk" / "cat" / "c.png")
    write_picture(tmp_path / "disk" / "dog" / "d.png")
    write_picture(source / "images" / "cat" / "c.png")
    write_picture(source / "images" / "dog" / "a.png")
    place = source / link
    if place.is_dir():
        place.rename(tmp_path / "away")
    place.symlink_to(tmp_path / target)
    with refused(str(source), "is behind a link that leads out of the folder", "--follow-links"):
        load_source(source)
    assert load_source(source, follow_links=True).class_names == ("cat", "dog")


def test_links_in_a_circle_end_and_a_link_to_nowhere_is_refused(tmp_path, refused):
    for name in ("dog/a.png", "cat/b.png"):
        write_picture(tmp_path / name)
    (tmp_path / "dog" / "again").symlink_to(tmp_path / "dog")
    assert len(load_source(tmp_path)) == 2
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "none.png")
    with refused("gone.png does not exist"):
        load_source(tmp_path)
