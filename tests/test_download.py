"""Downloads from a server on this machine: good, wrong, broken off, refused."""

import hashlib
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from dlchkit.data.catalog import load
from dlchkit.data.download import fetch
from dlchkit.data.loaders import coco

BODY = np.random.default_rng(0).bytes(300_000)
MD5 = f"md5:{hashlib.md5(BODY).hexdigest()}"


class Server:
    """Serves files by path and counts the requests; ``breaks_after`` bytes it closes the connection."""

    def __init__(self):
        self.files = {"/a.zip": BODY}
        self.requests = 0
        self.breaks_after = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def url(self, path="/a.zip"):
        return f"http://127.0.0.1:{self._http.server_port}{path}"

    def answer(self, request):
        self.requests += 1
        body = self.files.get(request.path)
        if body is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.breaks_after])
        request.close_connection = True

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    one = Server()
    yield one
    one.close()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_good_file_arrives_once(server, tmp_path, capfd):
    for _ in range(2):
        path = fetch(server.url(), tmp_path / "sub" / "a.zip", checksum=MD5)
        assert path.read_bytes() == BODY
    assert server.requests == 1
    assert names_in(tmp_path / "sub") == ["a.zip"]
    assert capfd.readouterr() == ("", "")  # no terminal here, so no bar


def test_a_wrong_checksum_leaves_nothing(server, tmp_path, refused):
    server.files["/a.zip"] = BODY[:-1] + b"!"
    with refused(server.url(), "another checksum", "nothing of it was kept"):
        fetch(server.url(), tmp_path / "a.zip", checksum=MD5)
    assert names_in(tmp_path) == []
    server.files["/a.zip"] = BODY
    assert fetch(server.url(), tmp_path / "a.zip", checksum=MD5).read_bytes() == BODY


def test_a_file_that_is_there_but_wrong_is_replaced(server, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"old")
    assert fetch(server.url(), tmp_path / "a.zip", checksum=MD5).read_bytes() == BODY


def test_a_broken_download_leaves_nothing_and_starts_over(server, tmp_path, refused):
    server.breaks_after = 100_000
    with refused(server.url(), "could not be fetched", "100000 bytes read"):
        fetch(server.url(), tmp_path / "a.zip", checksum=MD5)
    assert names_in(tmp_path) == []
    server.breaks_after = None
    assert fetch(server.url(), tmp_path / "a.zip", checksum=MD5).read_bytes() == BODY
    assert names_in(tmp_path) == ["a.zip"]


def test_a_refusal_and_no_server_are_one_line(server, tmp_path, refused):
    with refused(server.url("/none.zip"), "404"):
        fetch(server.url("/none.zip"), tmp_path / "a.zip", checksum=MD5)
    server.close()
    with refused(server.url(), "could not be fetched", "ConnectionError"):
        fetch(server.url(), tmp_path / "a.zip", checksum=MD5)
    server.__init__()
    assert names_in(tmp_path) == []


# --- COCO: annotations fetched, pictures by hand ---

CATEGORIES = [  # not in the order of ids
    {"id": 7, "name": "train"},
    {"id": 1, "name": "person"},
    {"id": 90, "name": "toothbrush"},
]


def annotations(part):
    """Seven pictures: the last has no instance; picture i has captions "first i", "second i"."""
    first = {"train": 100, "val": 200}[part]
    images = [{"id": first + i, "file_name": f"{first + i:012d}.jpg"} for i in range(7)]
    instances = [
        {"image_id": first + i, "category_id": c, "iscrowd": c == 90}
        for i in range(6)
        for c in ((1, 7) if i == 0 else ([1, 7, 90][i % 3],))
    ]
    captions = [
        {"image_id": image["id"], "caption": f" {word} {image['id']}\n"}
        for word in ("first", "second")
        for image in reversed(images)
    ]
    return {
        "instances": {"images": images, "annotations": instances, "categories": CATEGORIES},
        "captions": {"images": images, "annotations": captions},
    }


def write_coco(folder, *, parts=("train", "val"), pictures=("train", "val"), year=2017, **changes):
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    for part in parts:
        for kind, content in annotations(part).items():
            text = json.dumps(content | changes.get(kind, {}))
            (folder / "annotations" / f"{kind}_{part}{year}.json").write_text(text, encoding="utf-8")
    for part in pictures:
        (folder / f"{part}{year}").mkdir(exist_ok=True)
        for image in annotations(part)["instances"]["images"]:
            Image.new("RGB", (8, 8), (image["id"], 0, 0)).save(folder / f"{part}{year}" / image["file_name"])
    return folder


def test_coco_with_categories_in_the_order_of_their_ids(tmp_path):
    data = load(write_coco(tmp_path))
    assert data.class_names == ("person", "train", "toothbrush") and data.split is None
    assert data.ids.tolist() == [str(first + i) for first in (100, 200) for i in range(6)]
    assert data.labels[:6].astype(int).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert data.texts[:2].tolist() == ["first 100", "first 101"]
    assert data.images[6] == str((tmp_path / "val2017" / "000000000200.jpg").resolve())
    assert [line.rsplit("image ")[1] for line in data.left_out] == ["106: 106 has no label", "206: 206 has no label"]


@pytest.mark.parametrize("caption, text", [(1, "second 100"), ("all", "first 100 second 100")])
def test_another_caption_of_coco_and_pictures_elsewhere(tmp_path, caption, text):
    write_coco(tmp_path / "set", year=2014, pictures=())
    write_coco(tmp_path / "pictures", year=2014)
    assert load(tmp_path / "set", images=tmp_path / "pictures", caption=caption).texts[0] == text


def test_a_part_without_pictures_is_refused_or_left_out_by_name(tmp_path, refused):
    write_coco(tmp_path, pictures=("val",))
    source = "train2017.zip from https://cocodataset.org"
    with refused("train2017 has annotations but no pictures", source, str(tmp_path / "train2017")):
        load(tmp_path)
    data = load(tmp_path, skip_bad_rows=True)
    assert len(data) == 6 and data.left_out[0].startswith("train2017: left out whole")
    with refused("train2017 has annotations but no pictures"):
        load(write_coco(tmp_path / "bare", pictures=()), skip_bad_rows=True)


def numbered_from_1(folder):
    """Renumber the images of both parts from the same number, as people do who write parts of their own."""
    for path in (folder / "annotations").glob("*.json"):
        content = json.loads(path.read_text())
        for image in content["images"]:
            image["id"] %= 100
        for annotation in content["annotations"]:
            annotation["image_id"] %= 100
        path.write_text(json.dumps(content))
    return folder


def test_ids_that_parts_of_coco_share_are_told_apart(tmp_path):
    write_coco(tmp_path)
    before = load(tmp_path)
    after = load(numbered_from_1(tmp_path))
    assert after.ids.tolist() == [f"{part}2017/{i}" for part in ("train", "val") for i in range(6)]
    assert np.array_equal(after.labels, before.labels)
    assert after.texts.tolist() == before.texts.tolist()


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"images": [{"id": 200, "file_name": f"{i}.jpg"} for i in range(2)], "annotations": []}, "images one id"),
        ({"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}], "annotations": []}, "categories one id"),
        ({"categories": [{"id": i, "name": "cat"} for i in (1, 7, 90)]}, "several classes are called 'cat'"),
        ({"images": [], "annotations": []}, "no image at all"),
    ],
)
def test_repeated_ids_and_names_of_coco_are_refused(tmp_path, refused, changes, said):
    folder = write_coco(tmp_path, parts=("val",), pictures=("val",), instances=changes)
    if "annotations" in changes:
        (folder / "annotations" / "captions_val2017.json").write_text('{"annotations": []}')
    with refused(said):
        load(folder)


def test_a_single_missing_picture_is_refused_or_left_out(tmp_path, refused):
    (write_coco(tmp_path) / "val2017" / "000000000203.jpg").unlink()
    with refused("image 203: picture 000000000203.jpg is not in", "mend the row"):
        load(tmp_path)
    assert "203" not in load(tmp_path, skip_bad_rows=True).ids


def test_a_damaged_picture_of_coco_is_refused_or_left_out(tmp_path, refused):
    picture = write_coco(tmp_path) / "val2017" / "000000000203.jpg"
    picture.write_bytes(picture.read_bytes()[:-20])
    with refused("image 203: picture ", "000000000203.jpg is ", "cut short"):
        load(tmp_path)
    assert "203" not in load(tmp_path, skip_bad_rows=True).ids


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/secret.jpg", "link.jpg"])
def test_no_file_name_of_coco_leads_out_of_its_folder(tmp_path, refused, name):
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.jpg")
    images = [{"id": 200 + i, "file_name": f"{200 + i:012d}.jpg" if i else name} for i in range(7)]
    folder = write_coco(tmp_path / "set", parts=("val",), pictures=("val",), instances={"images": images})
    (folder / "val2017" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with refused("image 200: picture", name, "leads out of" if name == "link.jpg" else "is not in"):
        load(folder)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"instances": {"annotations": [{"image_id": 999, "category_id": 1}]}}, ["do not fit together", "999"]),
        ({"instances": {"annotations": [{"image_id": 100, "category_id": 2}]}}, ["do not fit together", "2"]),
        ({"captions": {"annotations": [{"image_id": 999, "caption": "x"}]}}, ["do not fit together"]),
        ({"captions": {"annotations": []}}, ["has no caption at position 0", "(and 13 more rows)"]),
    ],
)
def test_annotations_that_do_not_fit_are_refused(tmp_path, refused, changes, said):
    with refused(*said):
        load(write_coco(tmp_path, **changes))


def test_missing_and_damaged_annotations_are_refused(tmp_path, refused):
    folder = write_coco(tmp_path)
    captions = folder / "annotations" / "captions_val2017.json"
    captions.write_text(captions.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with refused(str(captions), "not readable JSON"):
        load(folder)
    captions.write_text("{}", encoding="utf-8")
    with refused(str(captions), "no 'annotations'"):
        load(folder)
    captions.unlink()
    with refused("captions_val2017.json does not exist", "https://cocodataset.org"):
        load(folder)
    write_coco(folder, year=2014)
    with refused("2014 and of 2017", "keep one year"):
        load(folder)


def test_coco_downloads_its_annotations_and_says_what_pictures_are_missing(server, tmp_path, monkeypatch, refused):
    archive = tmp_path / "made.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for part in ("train", "val"):
            for kind, content in annotations(part).items():
                members.writestr(f"annotations/{kind}_{part}2017.json", json.dumps(content))
        members.writestr("../outside.json", "{}")
    server.files["/annotations.zip"] = archive.read_bytes()
    monkeypatch.setattr(coco, "ANNOTATIONS_URL", server.url("/annotations.zip"))
    monkeypatch.setattr(coco, "ANNOTATIONS_CHECKSUM", f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}")
    root = tmp_path / "root"
    for _ in range(2):
        with refused("train2017 has annotations but no pictures"):
            load("coco", root=root, download=True)
    assert server.requests == 1 and names_in(root / "coco") == ["annotations"] and not (root / "outside.json").exists()
    write_coco(root / "coco", parts=())
    assert len(load("coco", root=root, download=True)) == 12
