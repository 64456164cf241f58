"""A string that may name a file, and cannot: a text stays a text, and a name is refused in one line."""

import numpy as np
import pytest

from dlchkit.data.catalog import load, load_source
from dlchkit.data.content import content_digest
from dlchkit.data.settings import read_settings, write_settings
from dlchkit.encoders import WordCountEncoder, make_text_encoder
from dlchkit.encoders.cache import cached_features
from dlchkit.encoders.prepared_data import PreparedData, open_data
from dlchkit.encoders.state_files import read_state
from dlchkit.errors import DataError
from dlchkit.lifelong.exact import ExactHashing
from dlchkit.runs.notebook import notebook_path
from dlchkit.runs.shards import fit_shards

IMPOSSIBLE = {"too long": "/" + 5000 * "a", "too long a name": 5000 * "a", "with a zero": "/a\0b"}
TEXTS = {"a path": "/etc/hostname is a file", **IMPOSSIBLE}


@pytest.mark.parametrize("first", TEXTS.values(), ids=TEXTS)
def test_a_text_that_begins_like_a_path_is_a_text(first, tmp_path):
    texts = np.array([f"{first} red", "a red car", "a green car"])
    encoder = WordCountEncoder(texts)
    assert np.array_equal(cached_features(encoder, texts, folder=tmp_path), encoder.encode(texts))


def test_a_text_that_names_a_file_leaves_the_other_texts_texts(tmp_path):
    (tmp_path / "file").write_text("content")
    texts = np.array([str(tmp_path / "file"), "a red car"])
    before = content_digest(texts)
    (tmp_path / "file").write_text("changed")
    assert content_digest(texts) == before != content_digest(texts[::-1])


@pytest.mark.parametrize("name", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize(
    "use",
    [
        load,
        load_source,
        lambda name: make_text_encoder(f"/{name}", np.array(["a", "b"])),
        notebook_path,
        read_state,
        lambda name: fit_shards(ExactHashing(8), [name]),
        lambda name: open_data(name).check(),
        lambda name: open_data("scenes", image_weights=name).check(),
        lambda name: open_data("scenes", source=name).check(),
    ],
    ids=[
        "data",
        "source",
        "text encoder",
        "notebook",
        "weights",
        "shard",
        "open_data",
        "image_weights",
        "source domain",
    ],
)
def test_a_name_that_no_file_can_have_is_refused_in_one_line(name, use):
    with pytest.raises(DataError) as caught:
        use(name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_settings_may_hold_any_text(name, tmp_path):
    settings = read_settings(name, text_encoder=name)
    assert PreparedData(settings).state == PreparedData(settings).state
    write_settings(settings, tmp_path / "data.yaml")
