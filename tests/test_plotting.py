"""Figures show what the records hold, and the sentences below them state the right numbers."""

import base64
import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from dlchkit import plotting
from dlchkit.data import DIRECTIONS, PairedDataset, SourceDataset
from dlchkit.errors import DataError
from dlchkit.metrics.words import joined
from dlchkit.plotting.sentences import drop_split, stage_means
from dlchkit.plotting.style import looks
from dlchkit.records import MethodRecord

NAN = float("nan")
CLASSES = ("cat", "<script>", "price in $ and $")


def method(rows, seconds):
    return MethodRecord(R=dict.fromkeys(DIRECTIONS, rows), seconds=seconds, old_codes_unchanged=[True] * len(seconds))


@pytest.fixture
def methods():
    """Joint drops 0.10 on stage 0; finetune 0.60 and so forgets 0.50; dlch 0.15 and 0.05."""
    return {
        "joint": method([[0.9, NAN], [0.8, 0.7]], [10, 20]),
        "finetune": method([[0.9, NAN], [0.3, 0.7]], [10, 5]),
        "dlch": method([[0.85, NAN], [0.7, 0.6]], [10, 4]),
    }


@pytest.fixture
def pairs():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 20, 3), dtype=np.uint8)
    texts = np.array(["a cat", "costs $5 or $6", "<script>alert(1)</script>", "word " * 80, "", "last"])
    labels = np.eye(3, dtype=bool)[np.arange(6) % 3]
    names = np.array([f"item{i}" for i in range(6)])
    return PairedDataset(ids=names, labels=labels, class_names=CLASSES, groups=names, images=pixels, texts=texts)


def drawn(figure):
    """All words of a figure, after drawing it once."""
    assert Image.open(io.BytesIO(plotting.png(figure))).width == round(figure.get_figwidth() * figure.dpi) <= 800
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible())


def visible_axes(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def test_R_shows_each_number_below_the_diagonal_on_one_scale(methods):
    figure = plotting.plot_R(methods, "image_to_text")
    words = drawn(figure)
    assert all(name in words for name in methods) and words.count("0.70") == 3 and "nan" not in words
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 3 and len({image.get_clim() for image in images}) == 1
    assert all(image.get_array().mask.tolist() == [[False, True], [False, False]] for image in images)


def test_R_marks_what_is_not_defined():
    assert "–" in drawn(plotting.plot_R({"dlch": method([[NAN, NAN], [0.5, 0.5]], [1, 1])}, "text_to_image"))
    assert "–" in drawn(plotting.plot_R({"dlch": method([[NAN]], [1])}, "text_to_image"))


def test_stages_are_drawn_as_means_over_all_queries_so_far(methods):
    figure = plotting.plot_stages(methods)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert len(figure.axes) == 2 and list(lines) == list(methods)
    assert lines["dlch"].get_ydata() == pytest.approx([0.85, 0.65])
    assert (
        len({line.get_marker() for line in lines.values()})
        == len({line.get_linestyle() for line in lines.values()})
        == 3
    )


def test_forgetting_is_split_by_joint_retraining(methods):
    assert drop_split(methods, "finetune", "image_to_text") == pytest.approx((0.1, 0.5))
    assert drop_split(methods, "joint", "image_to_text") == pytest.approx((0.1, 0))
    words = drawn(plotting.plot_forgetting(methods))
    assert words.count("0.100 + 0.500") == words.count("0.100 + 0.050") == 2
    assert "database grew harder" in words and "forgot" in words


def test_forgetting_may_be_a_gain_or_unsplit(methods):
    methods["dlch"] = method([[0.7, NAN], [0.75, 0.6]], [1, 1])
    figure = plotting.plot_forgetting(methods)
    assert "0.100 − 0.150" in drawn(figure) and figure.axes[0].get_xlim()[0] < -0.15
    assert "dlch gained 0.150" in plotting.describe_forgetting(methods)
    del methods["joint"]
    words = drawn(plotting.plot_forgetting(methods))
    assert "0.600" in words and "no joint retraining" in words and "grew harder" not in words
    assert "finetune dropped 0.600" in plotting.describe_forgetting(methods)


def test_seconds_tell_the_saving_on_the_increments(methods):
    figure = plotting.plot_seconds(methods)
    words = drawn(figure)
    assert "dlch: 80% less than joint" in words and "finetune: 75% less than joint" in words
    assert [bar.get_height() for bar in figure.axes[0].containers[0]] == [10, 20]


def test_sentences_state_the_numbers(methods):
    assert plotting.describe_R(methods, "image_to_text") == (
        "After the last stage the mean mAP for image to text is 0.75 (joint), 0.50 (finetune) and 0.65 (dlch); "
        "the first stage's queries fell furthest with finetune, from 0.90 to 0.30."
    )
    assert (
        "from 0.90 to 0.75 (joint), from 0.90 to 0.50 (finetune) and from 0.85 to 0.65 (dlch)"
        in plotting.describe_stages(methods)
    )
    forgotten = plotting.describe_forgetting(methods)
    split = "joint retraining dropped 0.100 as the database grew, and beyond that finetune forgot 0.500 and dlch forgot"
    assert f"{split} 0.050" in forgotten
    assert plotting.describe_seconds(methods) == (
        "Training on the stages after the first took 20.0 s (joint), 5.0 s (finetune, 75% less than joint) "
        "and 4.0 s (dlch, 80% less than joint), by the wall clock."
    )


def test_one_stage_and_unknown_methods_are_drawn_too():
    methods = {name: method([[0.5]], [1.0]) for name in ("joint", "mine", "other")}
    assert "mine" in drawn(plotting.plot_R(methods, "image_to_text"))
    for draw in (plotting.plot_stages, plotting.plot_forgetting, plotting.plot_seconds):
        assert "mine" in drawn(draw(methods))
    assert "not defined" in plotting.describe_forgetting(methods)
    assert "only stage took 1.0 s (joint)" in plotting.describe_seconds(methods)


def test_a_method_that_learned_all_at_once_has_a_last_row_only(methods):
    methods["dcmh"] = MethodRecord(
        R={direction: [[NAN, NAN], [0.5, 0.4]] for direction in DIRECTIONS}, seconds=[NAN, 7.0], old_codes_unchanged=[]
    )
    figures = [
        plotting.plot_R(methods, "image_to_text"),
        plotting.plot_stages(methods),
        plotting.plot_forgetting(methods),
        plotting.plot_seconds(methods),
    ]
    assert all("nan" not in drawn(figure) for figure in figures)
    assert "dcmh: all at once" in drawn(figures[-1])
    said = [
        plotting.describe_R(methods, "image_to_text"),
        plotting.describe_stages(methods),
        plotting.describe_forgetting(methods),
        plotting.describe_seconds(methods),
    ]
    assert all("nan" not in sentence and "not defined" not in sentence for sentence in said)
    assert (
        "7.0 s (dcmh, everything at once)" in said[-1] and "0.45 (dcmh)" in said[0] and "dcmh" not in said[1] + said[2]
    )


def test_many_methods_are_told_apart_by_marker_alone():
    names = ["joint", "dlch", "finetune", "frozen", "lwf", "ewc", "replay", "der++", "dcmh", "itq", "lsh"]
    assert (
        len({look.marker for look in looks(names).values()})
        == len({look.colour for look in looks(names).values()})
        == len(names)
    )


def test_a_method_looks_the_same_in_every_company():
    assert looks(["dlch"])["dlch"] == looks(["mine", "joint", "dlch"])["dlch"]
    assert len(set(looks(["joint", "finetune", "dlch", "mine", "other"]).values())) == 5


def test_stage_means_leave_out_the_future():
    assert stage_means(method([[0.4, 0.9], [0.2, 0.6]], [1, 1]), "image_to_text") == pytest.approx([0.4, 0.4])


def test_joined_reads_as_prose():
    assert [joined(list("abc")[:n]) for n in range(1, 4)] == ["a", "a and b", "a, b and c"]


def test_pairs_carry_captions_and_labels(pairs):
    figure = plotting.show_pairs(pairs, range(5))
    words = drawn(figure)
    assert len(visible_axes(figure)) == 5
    assert "costs $5 or $6" in words and "cat" in words and "price in $ and $" in words and "…" in words


def test_pairs_come_from_files_or_as_texts_alone(pairs, tmp_path):
    for row in range(2):
        Image.fromarray(pairs.images[row]).resize((900, 600)).save(tmp_path / f"{row}.png")
    files = np.array([str(tmp_path / f"{row}.png") for row in range(2)])
    from_files = PairedDataset(
        ids=pairs.ids[:2], labels=pairs.labels[:2], class_names=CLASSES, groups=pairs.groups[:2], images=files
    )
    assert max(plotting.show_pairs(from_files, [0, 1]).axes[0].images[0].get_array().shape) <= 256
    texts_alone = PairedDataset(
        ids=pairs.ids, labels=pairs.labels, class_names=CLASSES, groups=pairs.groups, texts=pairs.texts
    )
    figure = plotting.show_pairs(texts_alone, [0])
    assert "a cat" in drawn(figure) and not figure.axes[0].images
    (tmp_path / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png"):
        plotting.show_pairs(from_files, [1])


def test_pictures_of_cameras_and_shops_are_drawn_as_the_encoder_sees_them(pairs, tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (40, 20), "teal").save(tmp_path / "0.jpg", exif=turned)
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "1.png")
    files = np.array([str(tmp_path / name) for name in ("0.jpg", "1.png")])
    two = PairedDataset(
        ids=pairs.ids[:2], labels=pairs.labels[:2], class_names=CLASSES, groups=pairs.groups[:2], images=files
    )
    upright, cut_out = (axes.images[0].get_array() for axes in plotting.show_pairs(two, [0, 1]).axes[:2])
    assert upright.shape == (40, 20, 3) and cut_out.min() == 255


def test_source_images_carry_their_class(pairs):
    source = SourceDataset(labels=np.arange(6) % 3, class_names=CLASSES, images=pairs.images)
    figure = plotting.show_source(source, [0, 2, 4])
    assert [" ".join(axes.get_xlabel().split()) for axes in figure.axes] == ["cat", "price in $ and $", "<script>"]
    with pytest.raises(DataError, match="no images"):
        plotting.show_source(
            SourceDataset(labels=source.labels, class_names=CLASSES, image_features=np.zeros((6, 2), np.float32)), [0]
        )


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_retrieval_tells_right_from_wrong_without_colour(pairs, direction):
    figure = plotting.show_retrieval(
        pairs, [0, 1], [[2, 3], [4, 5]], [[0, 3], [1, 2]], [[True, False], [True, True]], direction=direction
    )
    words = drawn(figure)
    assert len(figure.axes) == 6
    assert words.count("✓ right") == 3
    assert words.count("✗ wrong") == 1
    assert "distance 3" in words
    right, wrong = (figure.axes[i].spines["left"].get_linestyle() for i in (1, 2))
    assert right == "-" and wrong != "-"
    assert bool(figure.axes[0].images) == (direction == "image_to_text")


def test_one_query_needs_no_list(pairs):
    assert len(plotting.show_retrieval(pairs, 0, [1, 2], [0, 1], [True, False], direction="text_to_image").axes) == 3


def test_what_a_typed_text_found_is_shown_with_verdict_distance_labels_and_caption(pairs):
    figure = plotting.show_found(pairs, "costs $9, <b>bold</b>", [1, 0, 5], [2, 2, 7], [True, False, True], columns=2)
    words = drawn(figure)
    assert "“costs $9, <b>bold</b>”" in words and len(visible_axes(figure)) == 3
    titles = [axes.get_title(loc="center") for axes in visible_axes(figure)]
    assert titles == [
        "✓ right, distance 2\n<script>",
        "✗ wrong, distance 2\ncat",
        "✓ right, distance 7\nprice in $ and $",
    ]
    assert "costs $5 or $6" in words
    right, wrong = (figure.axes[i].spines["left"].get_linestyle() for i in (0, 1))
    assert right == "-" and wrong != "-"


def test_where_nobody_said_what_is_meant_nothing_is_judged(pairs):
    words = drawn(plotting.show_found(pairs, "word " * 80, [0], [3]))
    assert "distance 3" in words and "right" not in words and "wrong" not in words
    assert plotting.describe_found("cat", [3, 3]) == "The 2 pictures nearest to “cat” are all 3 bits away."
    assert (
        plotting.describe_found("cat", [3, 5], [True, False])
        == "The 2 pictures nearest to “cat” are 3 to 5 bits away; 1 of them is right."
    )


def test_nothing_found_is_nothing_to_show(pairs, refused):
    with refused("nothing was found for 'cat'", "larger radius"):
        plotting.show_found(pairs, "cat", [], [])


def test_scores_write_their_numbers_and_what_is_missing():
    scores = {
        "target only": {"image_to_text": 0.61, "text_to_image": 0.58},
        "CHTN": {"image_to_text": 0.72, "text_to_image": NAN},
    }
    words = drawn(plotting.plot_scores(scores, title="Transfer", chance=0.2))
    assert all(part in words for part in ("0.610", "0.580", "0.720", "–", "chance (0.200)", "Transfer"))
    sentence = "The mAP is highest for image to text with CHTN (0.720) and for text to image with target only (0.580)."
    assert plotting.describe_scores(scores) == sentence


def test_curves_histories_and_codes_have_their_axes():
    curve = plotting.plot_curve([8, 16], {"a": [1, 2], "b": [2, 3]}, x_label="bits", y_label="mAP")
    assert "bits" in drawn(curve) and len(curve.axes[0].lines) == 2
    history = plotting.plot_history({"loss": [3, 2, 1], "class_loss": [1], "drift": [1, 2], "rest": [0, 0]})
    assert [axes.get_title(loc="left") for axes in visible_axes(history)] == ["loss", "class loss", "drift", "rest"]
    codes = np.where(np.arange(40 * 8).reshape(40, 8) % 3, 1, -1)
    mesh = plotting.plot_codes(codes, rows=5).axes[0].collections[0]
    assert np.array_equal(np.reshape(mesh.get_array(), (5, 8)), codes[:5] > 0)


def test_a_figure_is_shown_once_with_its_alt_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *content, **options: shown.append((content, options)))
    plotting.show(plotting.plot_history({"loss": [1, 2]}), "the loss rises")
    (((content,), options),) = shown
    assert options["metadata"] == {"image/png": {"alt": "the loss rises"}}
    assert base64.b64decode(content["image/png"]).startswith(b"\x89PNG") and content["text/plain"] == "the loss rises"


def test_a_figure_is_saved_whole(tmp_path):
    path = plotting.save_figure(plotting.plot_history({"loss": [1, 2]}), tmp_path / "new" / "loss.png")
    assert Image.open(path).format == "PNG" and [file.name for file in path.parent.iterdir()] == ["loss.png"]


@pytest.mark.slow
def test_drawing_leaves_the_settings_alone_and_torch_out(methods):
    before = dict(matplotlib.rcParams)
    plotting.plot_R(methods, "image_to_text")
    assert dict(matplotlib.rcParams) == before
    program = (
        "import sys, dlchkit.plotting, dlchkit.reports; "
        "sys.exit(int('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
