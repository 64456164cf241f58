"""Every form of files is recognised by what a folder holds, and by one form only."""

import numpy as np
import pytest
import scipy.io

from dlchkit.data.catalog import FORMS
from dlchkit.data.loaders import mat_subprocess


@pytest.fixture(autouse=True)
def read_here(monkeypatch):
    monkeypatch.setattr(mat_subprocess, "read_variables", mat_subprocess.read_in_this_process)


NUMBERS = {name: np.eye(3) for name in ("XAll", "YAll", "LAll", "I_tr", "T_tr", "L_tr", "I_te", "T_te", "L_te")}
TEXTS = {"index": ["a.jpg"], "caption": ["a"], "category": np.eye(2)}
ALL, SPLIT = list(NUMBERS)[:3], list(NUMBERS)[3:]

# title of the form -> folders, each by its files: text, or variables of a .mat file
HOLDINGS = {
    "a folder with items.csv": [{"items.csv": "", "image_features.npy": "", "images/a.jpg": ""}],
    "the Wikipedia set": [
        {
            "trainset_txt_img_cat.list": "",
            "testset_txt_img_cat.list": "",
            "raw_features.mat": ["I_tr", "T_tr", "I_te", "T_te"],
        }
    ],
    "MIRFlickr's photos and tags": [
        {"mirflickr/im1.jpg": "", "mirflickr/meta/tags/tags1.txt": "sea", "mirflickr25k_annotations_v080/sea.txt": "1"},
        {"im1.jpg": "", "meta/tags_raw/tags1.txt": "sea", "sea.txt": "1", "sea_r1.txt": "1"},
    ],
    "NUS-WIDE's lists": [
        {"ImageList/Imagelist.txt": "a\\1_2.jpg", "Groundtruth/AllLabels/Labels_sea.txt": "1", "images/1_2.jpg": ""},
        {
            "TrainImagelist.txt": "a\\1_2.jpg",
            "TestImagelist.txt": "a\\1_3.jpg",
            "TrainTestLabels/Labels_sea_Train.txt": "1",
        },
    ],
    "Karpathy's caption file": [
        {"dataset_coco.json": "{}", "annotations/instances_val2014.json": "{}", "val2014/a.jpg": ""},
        {"dataset_flickr30k.json": "{}", "labels.npy": "", "flickr30k-images/a.jpg": ""},
    ],
    "COCO annotations": [
        {"annotations/instances_val2017.json": "{}", "annotations/captions_val2017.json": "{}", "val2017/a.jpg": ""},
        {"instances_train2014.json": "{}", "captions_train2014.json": "{}", "images/train2014/a.jpg": ""},
    ],
    "index.mat, caption.mat and label.mat": [
        {f"{at}{name}.mat": [key] for name, key in (("index", "index"), ("caption", "caption"), ("label", "category"))}
        | {"images/a.jpg": ""}
        for at in ("", "mat/")
    ],
    "IAll or XAll, YAll and LAll in .mat files": [
        {"a-iall.mat": ["XAll"], "a-yall.mat": ["YAll"], "a-lall.mat": ["LAll"]},
        {"a-iall-vgg.mat": ["XAll"], "a-yall.mat": ["YAll"], "a-lall.mat": ["LAll"]},
        {"IAll/a-iall.mat": "", "YAll/a-yall.mat": ["YAll"], "LAll/a-lall.mat": ["LAll"]},
        {"FLICKR-25K.mat": ALL},
    ],
    "I_tr, T_tr, L_tr, I_te, T_te and L_te in .mat files": [
        {"wiki.mat": SPLIT},
        {"mat/wiki.mat": SPLIT},
        {f"{name}.mat": [name] for name in SPLIT},
    ],
    "lists of pictures and labels": [
        {"train.txt": "a/b.jpg 0 1", "test.txt": "a/c.jpg 1 0", "database.txt": "a/d.jpg 1 0", "a/b.jpg": ""},
        {"train.txt": "a/b.jpg 0 1", "captions.txt": "a/b.jpg\ta", "classes.txt": "x\ny"},
    ],
    "a .npz file": [{"a.npz": ""}],
    "class folders of pictures and sentences": [
        {"bird/1.jpg": "", "bird/1.txt": "a"},
        {"dataset/bird/1.jpg": "", "sentence/bird/1.txt": "a"},
    ],
}


def write(folder, holdings):
    for name, content in holdings.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            scipy.io.savemat(path, {key: (NUMBERS | TEXTS)[key] for key in content})
        else:
            path.write_text(content, encoding="utf-8")
    return folder


def test_every_form_has_folders_here():
    assert [form.title for form in FORMS] == list(HOLDINGS)


@pytest.mark.parametrize("title, number", [(title, i) for title in HOLDINGS for i in range(len(HOLDINGS[title]))])
def test_a_folder_is_recognised_by_one_form_only(tmp_path, title, number):
    folder = write(tmp_path, HOLDINGS[title][number])
    assert [form.title for form in FORMS if form.holds(folder)] == [title]


@pytest.mark.parametrize(
    "holdings",
    [
        {},
        {"train.txt": "n01/a.jpg 0", "images/n01/a.jpg": ""},  # class numbers, as of ImageNet
        {"test.txt": "a text 1", "a.jpg": ""},
        {"dataset_info.json": "{}"},
        {"bird/1.jpg": "", "bird/2.txt": ""},
        {"a.npz": "", "b.npz": ""},
        {"some.mat": ["XAll"]},
        {"some.mat": ["I_tr", "T_tr", "I_te", "T_te"]},
    ],
)
def test_other_folders_are_of_no_form(tmp_path, holdings):
    folder = write(tmp_path, holdings)
    assert not [form.title for form in FORMS if form.holds(folder)]
