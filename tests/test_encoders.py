"""Frozen encoders and their cache: the features of the network they came from, computed once."""

import copy
import subprocess
import sys
import threading
import time
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.transforms._presets import ImageClassification

from dlchkit.data import SourceDataset, catalog
from dlchkit.data.content import content_digest
from dlchkit.encoders import cache
from dlchkit.encoders.cache import cached_features
from dlchkit.encoders.heads import HashHead
from dlchkit.encoders.images import ImageEncoder, small_network
from dlchkit.encoders.pretrain import Pretrained, pretrain_small_network, pretrained_network
from dlchkit.encoders.texts import SentenceEncoder, WordCountEncoder, make_text_encoder, train_sentence_encoder
from dlchkit.encoders.torchvision_networks import without_classifier
from dlchkit.runtime import seeded

SIZE = 64


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, size=(3, SIZE, SIZE, 3), dtype=np.uint8)


# --- the cache ---


class CountingEncoder:
    """Encodes anything as its position, and counts how often it was asked."""

    def __init__(self, fingerprint="weights 1"):
        self.fingerprint, self.calls = fingerprint, 0

    def encode(self, items):
        self.calls += 1
        return np.arange(2 * len(items), dtype=np.float32).reshape(-1, 2)


def test_the_same_content_is_encoded_once(pixels, tmp_path):
    encoder = CountingEncoder()
    first, second = (cached_features(encoder, pixels.copy(), folder=tmp_path) for _ in range(2))
    assert encoder.calls == 1 and len(list(tmp_path.glob("*.npy"))) == 1
    assert np.array_equal(first, second) and second.dtype == np.float32


def test_other_content_order_or_weights_are_encoded_anew(pixels, tmp_path):
    one_pixel_off = pixels.copy()
    one_pixel_off[-1, -1, -1, -1] ^= 1
    encoder, other = CountingEncoder(), CountingEncoder("weights 2")
    for items in (
        pixels,
        one_pixel_off,
        pixels[::-1],
        pixels[:2],
        pixels.transpose(0, 2, 1, 3).copy(),
        pixels.reshape(3, SIZE // 2, SIZE * 2, 3),
    ):
        cached_features(encoder, items, folder=tmp_path)
    cached_features(other, pixels, folder=tmp_path)
    assert (encoder.calls, other.calls) == (6, 1)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00cut short"])
def test_a_damaged_file_is_computed_again_and_mended(pixels, tmp_path, content):
    encoder = CountingEncoder()
    features = cached_features(encoder, pixels, folder=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(content)
    for _ in range(2):
        assert np.array_equal(cached_features(encoder, pixels, folder=tmp_path), features)
    assert encoder.calls == 2


def test_a_file_cut_short_or_of_another_length_is_computed_again(pixels, tmp_path):
    encoder = CountingEncoder()
    cached_features(encoder, pixels, folder=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-4])
    cached_features(encoder, pixels, folder=tmp_path)
    np.save(path, np.zeros((2, 2), np.float32))
    cached_features(encoder, pixels, folder=tmp_path)
    assert encoder.calls == 3


def test_files_are_known_by_their_bytes_and_texts_by_their_letters(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")
    digest = content_digest(np.array([str(one)]))
    assert content_digest(np.array([str(two)])) == digest
    two.write_text("b")
    assert content_digest(np.array([str(two)])) != digest
    assert content_digest(np.array(["ab", "c"])) != content_digest(np.array(["a", "bc"]))


ENCODES = """
import pathlib, runpy, sys, time
import numpy as np

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
cached_features = runpy.run_path(sys.argv[3])["cached_features"]  # without the encoders, which take seconds to import

class Slow:
    fingerprint = "slow"
    def encode(self, items):
        with open(folder / "log", "a") as log:
            log.write(name)
        while name == "a":  # until it is killed
            time.sleep(0.02)
        time.sleep(0.5)
        return np.arange(2 * len(items), dtype=np.float32).reshape(-1, 2)

(folder / f"{name}.ready").touch()
print(cached_features(Slow(), np.array(["x", "y"]), folder=folder / "features").tolist())
"""


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
def test_of_several_processes_one_encodes_and_a_killed_one_leaves_no_lock(tmp_path):
    def start(name):
        command = [sys.executable, "-c", ENCODES, str(tmp_path), name, cache.__file__]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    log, processes = tmp_path / "log", [start("a")]
    try:
        wait_until(log.exists)
        processes += [start("b"), start("c")]
        wait_until(lambda: (tmp_path / "b.ready").exists() and (tmp_path / "c.ready").exists())
        time.sleep(0.2)
        assert log.read_text() == "a"  # the others wait
        processes[0].kill()
        said = [process.communicate(timeout=60)[0] for process in processes[1:]]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert said == ["[[0.0, 1.0], [2.0, 3.0]]\n"] * 2
    assert log.read_text() in ("ab", "ac")
    assert len(list((tmp_path / "features").glob("*.npy"))) == 1


def in_two_threads(function):
    found = []
    threads = [threading.Thread(target=lambda: found.append(function())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_network_is_trained_once_and_again_if_its_file_is_damaged(tmp_path, monkeypatch, pixels):
    trained = []

    def train(source, **_):
        trained.append(1)
        time.sleep(0.3)
        return Pretrained(torch.nn.Linear(2, 2), {"loss": [float(len(trained))]})

    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    monkeypatch.setattr("dlchkit.encoders.pretrain.pretrain_small_network", train)
    source = SourceDataset(labels=np.array([0, 1, 0]), class_names=("a", "b"), images=pixels)
    one, other = in_two_threads(lambda: pretrained_network(source))
    assert one == other and one[1] == {"loss": [1.0]} and len(trained) == 1
    one[0].write_bytes(one[0].read_bytes()[:-3])
    assert pretrained_network(source) == (one[0], {"loss": [2.0]}) == pretrained_network(source)


def test_scenes_are_rendered_once_by_two_at_a_time(tmp_path, monkeypatch):
    rendered = []

    def render(n, *, seed):
        rendered.append(1)
        time.sleep(0.3)
        return np.zeros((n, 4, 4, 3), np.uint8), np.arange(n)

    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    monkeypatch.setattr("dlchkit.data.scenes.render_source", render)
    one, other = in_two_threads(lambda: catalog.load_source("scenes", n=3))
    assert one.labels.tolist() == other.labels.tolist() == [0, 1, 2] and len(rendered) == 1


# --- images ---


def random_network(name):
    with seeded(0):
        return models.get_model(name, weights=None).eval()


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """An encoder with random weights, and the state file it came from."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    save_file(random_network("squeezenet1_1").state_dict(), path)
    return ImageEncoder.from_torchvision("squeezenet1_1", weights=path, size=SIZE, device="cpu"), path


def test_pixels_and_files_of_the_same_pictures_give_the_same_features(squeezenet, pixels, tmp_path):
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for path, picture in zip(files, pixels, strict=True):
        Image.fromarray(picture).save(path)
    encoder = squeezenet[0]
    assert np.array_equal(encoder.encode(np.array(list(map(str, files)))), encoder.encode(pixels))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_pictures_of_any_shape_and_colour_mode_are_read(squeezenet, tmp_path, mode):
    Image.new("RGB", (90, 40), "teal").convert(mode).save(tmp_path / "a.png")
    assert squeezenet[0].encode(np.array([str(tmp_path / "a.png")])).shape == (1, 512)


def test_the_fingerprint_covers_weights_and_size(squeezenet, tmp_path):
    encoder, path = squeezenet
    state = random_network("squeezenet1_1").state_dict()
    state["features.0.bias"] += 1
    save_file(state, tmp_path / "other.safetensors")

    def fingerprint(weights, size):
        return ImageEncoder.from_torchvision("squeezenet1_1", weights=weights, size=size, device="cpu").fingerprint

    assert fingerprint(path, SIZE) == encoder.fingerprint
    others = {fingerprint(tmp_path / "other.safetensors", SIZE), fingerprint(path, 32)}
    assert len(others | {encoder.fingerprint}) == 3


def test_the_fingerprint_covers_all_that_changes_features():
    """Equal names and weights: what differs is a setting of the network, a number format, or the preprocessing."""
    with seeded(0):
        network = models.squeezenet1_1(weights=None)

    def fingerprint(*, change=None, **settings):
        trunk = without_classifier(copy.deepcopy(network))
        if change is not None:
            change(trunk)
        return ImageEncoder(trunk, **{"name": "mine", "size": SIZE, "device": "cpu"} | settings).fingerprint

    crop = {"crop_size": SIZE, "resize_size": SIZE}
    presets = [ImageClassification(**crop | change) for change in ({}, {"resize_size": 70}, {"mean": [0.5] * 3})]
    prints = [
        fingerprint(),
        fingerprint(name="other"),
        fingerprint(size=32),
        *(fingerprint(preparation=preset) for preset in presets),
        fingerprint(change=lambda trunk: setattr(trunk, "transform_input", True)),
        fingerprint(change=lambda trunk: setattr(trunk.features[2], "stride", 1)),
        fingerprint(change=lambda trunk: trunk.features[0].bias.data.add_(1)),
        fingerprint(change=lambda trunk: trunk.double()),
    ]
    assert len(set(prints)) == len(prints) and fingerprint() == prints[0]


def test_the_fingerprint_follows_how_pictures_are_read(squeezenet, monkeypatch):
    before = squeezenet[0].fingerprint
    monkeypatch.setattr("dlchkit.encoders.images.READING", "another version")
    assert squeezenet[0].fingerprint != before


def test_a_very_long_picture_takes_little_memory(squeezenet):
    long = np.zeros((1, 40_000, 3), np.uint8)  # 64 x 2,560,000 once its shorter side is resized
    assert np.array_equal(squeezenet[0].encode(long[None]), squeezenet[0].encode(np.zeros((1, 8, 8, 3), np.uint8)))


def test_a_preparation_has_one_size(refused):
    preset = ImageClassification(crop_size=SIZE)
    with refused("source_size", "a preparation for each size"):
        ImageEncoder(nn.Identity(), size=SIZE, name="mine", source_size=32, preparation=preset)


def test_a_picture_that_cannot_be_read_is_named(squeezenet, pixels, tmp_path, refused):
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for content in (b"no picture", whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / "a.png").write_bytes(content)
        with refused(str(tmp_path / "a.png"), "not a readable picture", "--skip-bad-rows"):
            squeezenet[0].encode(np.array([str(tmp_path / "a.png")]))


def test_weights_that_cannot_be_fetched_are_said_in_one_line(monkeypatch, refused):
    def unreachable(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", unreachable)
    with refused("SqueezeNet1_1_Weights.IMAGENET1K_V1", "Name or service not known", "local state file"):
        ImageEncoder.from_torchvision("squeezenet1_1")


def test_the_small_network_depends_on_its_seed_alone():
    state = torch.get_rng_state()
    first, again, other = (without_classifier(small_network(3, seed=seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    assert torch.equal(torch.get_rng_state(), state)


def pictures(n):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    return SourceDataset(labels=np.arange(n) % 3, class_names=("a", "b", "c"), images=images)


def test_training_the_small_network_leaves_no_batch_of_one_picture():
    said, source = [], pictures(72)  # 65 to train on, 64 in a batch
    trained = pretrain_small_network(source, epochs=1, on_epoch=lambda *news: said.append(news))
    assert {name: len(values) for name, values in trained.history.items()} == {"loss": 1, "accuracy": 1}
    assert said == [(0, 1, {name: values[0] for name, values in trained.history.items()})]


def test_too_few_pictures_or_none_to_train_on_are_refused(refused):
    with refused("19 pictures", "20 at least"):
        pretrain_small_network(pictures(19))
    features = SourceDataset(labels=np.arange(30) % 3, class_names=("a", "b", "c"), image_features=np.zeros((30, 2)))
    with refused("features, no pictures"):
        pretrain_small_network(features)


def test_a_hash_head_treats_every_row_by_itself():
    with seeded(0):
        head, features = HashHead(6, 8, 5).eval(), torch.randn(4, 6)
    with torch.no_grad():
        codes = head(features)
        assert codes.shape == (4, 8) and codes.abs().max() < 1
        assert torch.allclose(head(features[2:3]), codes[2:3], atol=1e-6)
        assert torch.allclose(head(features * 3 + 1), codes, atol=1e-3)  # length and offset of a row do not count


# --- texts ---

TEXTS = np.array(
    ["a red house by the sea", "the red car", "a green house", "one tree by the sea", "the green tree", "red sea"]
)


def test_bag_of_words_marks_the_words_that_occur():
    encoder = WordCountEncoder(TEXTS[:2], kind="bow")
    marks = encoder.encode(np.array(["red red SEA", "nothing known"])).tolist()
    assert marks == [[0, 0, 0, 1, 1, 0], [0] * 6]  # by car house red sea the


def test_tfidf_rows_have_length_one_and_rare_words_weigh_more():
    encoder = WordCountEncoder(TEXTS)
    features = encoder.encode(TEXTS)
    assert features.dtype == np.float32 and np.allclose(np.linalg.norm(features, axis=1), 1)
    words = encoder._vectorizer.get_feature_names_out().tolist()
    assert features[1, words.index("car")] > features[1, words.index("red")] > 0


def test_word_counts_take_the_most_frequent_words_and_know_their_vocabulary():
    assert WordCountEncoder(TEXTS, max_features=3).encode(TEXTS).shape == (6, 3)
    prints = {
        WordCountEncoder(texts, kind=kind).fingerprint for texts in (TEXTS, TEXTS[:3]) for kind in ("bow", "tfidf")
    }
    assert len(prints) == 4
    assert WordCountEncoder(TEXTS).fingerprint == WordCountEncoder(TEXTS).fingerprint


def test_bad_word_counts_are_refused(refused):
    with refused("no text holds a word"):
        WordCountEncoder(np.array(["?", "a", "!"]))
    with refused("kind is 'tf-idf'", "'bow' or 'tfidf'"):
        WordCountEncoder(TEXTS, kind="tf-idf")


@pytest.mark.slow
def test_a_sentence_encoder_is_trained_the_same_way_twice_and_stored(tmp_path):
    state = torch.get_rng_state()
    first, again, other = (train_sentence_encoder(TEXTS, dimensions=8, epochs=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    features = first.encode(TEXTS)
    assert features.shape == (6, 8) and features.dtype == np.float32
    assert np.array_equal(features, again.encode(TEXTS)) and first.fingerprint == again.fingerprint
    assert not np.allclose(features, other.encode(TEXTS)) and first.fingerprint != other.fingerprint
    first.model.save_pretrained(str(tmp_path / "model"))
    reloaded = make_text_encoder(str(tmp_path / "model"), TEXTS)
    assert isinstance(reloaded, SentenceEncoder)
    assert np.allclose(reloaded.encode(TEXTS), features, atol=1e-6)


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    """The folder of a transformer of one layer with random weights, which splits words into letters."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    letters = [chr(n) for n in range(97, 123)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    with seeded(0):
        BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture
def sentence_model(tiny_bert):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    return lambda: SentenceTransformer(modules=[Transformer(str(tiny_bert)), Pooling(8)], device="cpu")


CHANGES = {
    "length": lambda model: setattr(model, "max_seq_length", 16),
    "a longer length": lambda model: setattr(model, "max_seq_length", 300),
    "prompt": lambda model: model.__dict__.update(prompts={"query": "search for: "}, default_prompt_name="query"),
    "dimensions": lambda model: setattr(model, "truncate_dim", 4),
    "weights": lambda model: next(model.parameters()).data.add_(0.1),
    "number format": lambda model: model.bfloat16(),
    "pooling": lambda model: setattr(model[1], "pooling_mode", "max"),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_cached_features_are_those_of_the_sentence_model_as_it_is_now(sentence_model, tmp_path, change):
    texts = np.array(["red shoes " * 30, "a hat"])
    encoder = SentenceEncoder(sentence_model())
    before = cached_features(encoder, texts, folder=tmp_path)
    assert encoder.fingerprint == SentenceEncoder(sentence_model()).fingerprint
    CHANGES[change](encoder.model)
    after = cached_features(encoder, texts, folder=tmp_path)
    assert np.array_equal(after, encoder.encode(texts)) and len(list(tmp_path.glob("*.npy"))) == 2
    assert change == "a longer length" or before.shape != after.shape or not np.array_equal(before, after)


@pytest.mark.slow
def test_training_a_sentence_encoder_needs_words(refused):
    with refused("no text holds a word"):
        train_sentence_encoder(np.array(["?", "!"]))
    for texts in (["one", "word", "each"], ["one", "two words", "three"]):
        with refused("two words or more", "use 'tfidf'"):
            train_sentence_encoder(np.array(texts))


@pytest.mark.slow
def test_a_sentence_encoder_that_is_not_there_is_refused(tmp_path, refused):
    with refused(str(tmp_path / "none"), "does not exist"):
        make_text_encoder(str(tmp_path / "none"), TEXTS)
    with refused(str(tmp_path / "none")[:20], "could not be loaded", "'tfidf' or 'trained'"):
        SentenceEncoder(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with refused("could not be loaded"):
        SentenceEncoder(tmp_path / "empty")
    with refused("device is 'nonsense'"):
        SentenceEncoder(tmp_path, device="nonsense")


@pytest.mark.parametrize(
    "name, kind", [("tfidf", WordCountEncoder), ("bow", WordCountEncoder), ("trained", SentenceEncoder)]
)
def test_a_parameter_names_the_text_encoder(name, kind):
    assert isinstance(make_text_encoder(name, TEXTS), kind)
