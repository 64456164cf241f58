"""Learners meet queries: R, its databases of three kinds, and the flat measures made of it."""

import numpy as np
import pytest

from dlchkit.evaluation import compare, evaluate, evaluate_encoded, run_once, run_stream
from dlchkit.lifelong import DLCH, METHODS, FineTuning, JointRetraining, ReleasedDemo, make_learners
from dlchkit.metrics import mean_average_precision
from dlchkit.metrics.summary import summarise
from dlchkit.records import RunRecord

DIRECTIONS = {"image_to_text", "text_to_image"}
KINDS = ("learned", "encoded", "reencoded")


def small(learner, **options):
    return learner(16, **{"epochs": 3, "hidden": 32, "learning_rate": 1e-2, "device": "cpu", **options})


@pytest.fixture(scope="module")
def trained(stream):
    """Every learner after the whole stream, with its record."""
    learners = {
        learner.name: small(learner, epochs=20, batch_size=32) for learner in (DLCH, FineTuning, JointRetraining)
    }
    return {name: (learner, run_stream(learner, stream)) for name, learner in learners.items()}


def test_R_is_filled_up_to_the_diagonal(trained):
    for _, record in trained.values():
        assert record.R.keys() == DIRECTIONS and len(record.seconds) == 3
        for R in record.R.values():
            assert R.shape == (3, 3)
            assert np.array_equal(np.isnan(R), np.triu(np.ones((3, 3), bool), 1))
            assert np.nanmin(R) >= 0 and np.nanmax(R) <= 1


def test_the_last_row_of_R_is_what_evaluate_says(trained, stream):
    learner, record = trained["dlch"]
    for direction, row in evaluate(learner, stream).items():
        assert np.array_equal(record.R[direction][-1], row)
    at_five = evaluate(learner, stream[:2], k=5)
    assert at_five.keys() == DIRECTIONS and all(len(row) == 2 for row in at_five.values())


def test_an_encoded_database_is_ranked_by_the_codes_of_the_other_modality(trained, stream):
    learner, query, database = trained["joint"][0], stream[0].query, stream[0].database
    scores = evaluate_encoded(learner, query, database)
    expected = mean_average_precision(
        learner.encode("image", query.image), learner.encode("text", database.text), query.labels, database.labels
    )
    assert scores.keys() == DIRECTIONS and scores["image_to_text"] == expected


def test_each_stage_is_announced_once_it_is_done(stream):
    said = []
    record = run_stream(small(FineTuning, epochs=1), stream, on_stage=lambda *news: said.append(news))
    assert said == [(i, 3, seconds) for i, seconds in enumerate(record.seconds)]


def test_a_summary_has_every_measure_for_both_directions(trained):
    summary = summarise({name: record for name, (_, record) in trained.items()})
    per_direction = {
        "map",
        "average_over_stages",
        "forgetting_from_best",
        "forgetting_from_first",
        "backward_transfer",
        "forward_transfer",
        "forgetting_from_joint",
    }
    expected = {"train_seconds", "train_wall_seconds", "item_passes", "time_reduction", "pass_reduction", "kept_bytes"}
    expected |= {f"{measure}_{direction}" for measure in per_direction for direction in DIRECTIONS}
    assert summary.keys() == trained.keys()
    for name, measures in summary.items():
        assert measures.keys() == expected
        assert measures["kept_bytes"] == trained[name][1].kept_bytes[-1]
        R = trained[name][1].R["text_to_image"]
        assert measures["map_text_to_image"] == pytest.approx(R[-1].mean())
        gained = [R[2, 0] - R[0, 0], R[2, 1] - R[1, 1]]
        assert measures["backward_transfer_text_to_image"] == pytest.approx(np.mean(gained))
    assert summary["joint"]["time_reduction"] == summary["joint"]["forgetting_from_joint_image_to_text"] == 0


def test_without_joint_retraining_or_with_one_stage_the_summary_says_less(trained, stream):
    alone = summarise({"dlch": trained["dlch"][1]})["dlch"]
    assert not any("joint" in name or "time" in name for name in alone)
    one_stage = summarise({"joint": run_stream(small(JointRetraining, epochs=1), stream[:1])})["joint"]
    costs = {"train_seconds", "train_wall_seconds", "item_passes", "kept_bytes"}
    assert one_stage.keys() == costs | {"map_image_to_text", "map_text_to_image"}


def test_databases_of_three_kinds_are_coded_when_they_say(stream):
    learner, twin = small(FineTuning, epochs=5), small(FineTuning, epochs=5)
    record = run_stream(learner, stream, databases=KINDS)
    assert record.database_codes == "learned" and list(record.other_R) == ["encoded", "reencoded"]
    arrived = []
    for stage in stream:
        twin.observe(stage)
        arrived.append(twin.encode("text", stage.database.text))
    labels = np.concatenate([stage.database.labels for stage in stream])
    asked = stream[0].query
    query = twin.encode("image", asked.image)
    now = np.concatenate([twin.encode("text", stage.database.text) for stage in stream])
    for kind, codes in {"learned": twin.bank.codes, "encoded": np.concatenate(arrived), "reencoded": now}.items():
        R = record.R if kind == "learned" else record.other_R[kind]
        assert R["image_to_text"][2, 0] == mean_average_precision(query, codes, asked.labels, labels)
    assert not np.array_equal(np.concatenate(arrived), now)
    assert np.array_equal(
        run_stream(small(FineTuning, epochs=5), stream, databases=("reencoded",)).R["image_to_text"],
        record.other_R["reencoded"]["image_to_text"],
        equal_nan=True,
    )


def test_unseen_stages_are_scored_before_they_are_learned(stream, trained):
    learner = small(DLCH, epochs=20, batch_size=32)
    for stage in stream[:2]:
        learner.observe(stage)
    before = evaluate_encoded(learner, stream[2].query, stream[2].database)
    record = trained["dlch"][1]
    for direction, score in before.items():
        assert record.unseen[direction][2] == score and np.isnan(record.unseen[direction][0])
        assert record.chance[direction][1] == pytest.approx(0.5, abs=0.1)  # two classes of one size


def test_a_single_stage_method_fills_the_last_row_alone(stream, tmp_path):
    record = run_once(small(JointRetraining, epochs=10), stream, databases=KINDS)
    for R in (record.R, *record.other_R.values()):
        for matrix in R.values():
            assert np.isnan(matrix[:2]).all() and np.isfinite(matrix[2]).all()
    measures = summarise({"joint": record})["joint"]
    scores = {f"map{kind}_{d}" for kind in ("", "_encoded", "_reencoded") for d in DIRECTIONS}
    assert measures.keys() == scores | {"train_seconds", "train_wall_seconds", "item_passes", "kept_bytes"}
    run = RunRecord("03_increments", {}, methods={"joint": record})
    run.save(tmp_path)
    again = RunRecord.load(tmp_path).methods["joint"]
    assert np.array_equal(again.seconds, record.seconds, equal_nan=True)
    assert np.array_equal(again.kept_bytes, record.kept_bytes, equal_nan=True)
    assert np.isnan(again.kept_bytes).tolist() == [True, True, False]
    read, written = (one.other_R["encoded"]["text_to_image"] for one in (again, record))
    assert np.array_equal(read, written, equal_nan=True)


def test_one_protocol_for_all_methods(stream):
    said = []
    learners = make_learners(["itq", "finetune"], 16, epochs=1, hidden=16, device="cpu")
    records = compare(learners, stream, on_stage=lambda name: lambda *news: said.append((name, news[0])))
    assert list(records) == ["itq", "finetune"]
    assert np.isnan(records["itq"].R["image_to_text"][0, 0])
    assert np.isfinite(records["finetune"].R["image_to_text"][0, 0])
    assert said == [("finetune", 0), ("finetune", 1), ("finetune", 2)]


def test_learners_are_made_by_their_names(refused):
    learners = make_learners(["replay", "joint", "lsh"], 32, rehearsal=7, epochs=2, seed=3)
    assert [learner.name for learner in learners] == ["replay", "joint", "lsh"]
    assert all(learner.bank.n_bits == 32 and learner.seed == 3 for learner in learners)
    assert learners[0].rehearsed.size == 7 and learners[1].epochs == 2
    with refused("no method 'finetuning'", "did you mean 'finetune'"):
        make_learners(["finetuning"], 16)
    with refused("'joint' is named twice"):
        make_learners(["joint", "joint"], 16)


def test_settings_do_not_follow_from_the_name_of_a_parameter(monkeypatch):
    class Renamed(FineTuning):
        name = "renamed"

        def __init__(self, n_bits=64, **options):
            super().__init__(n_bits, **options)

    monkeypatch.setitem(METHODS, "renamed", Renamed)
    (learner,) = make_learners(["renamed"], 16, seed=3, epochs=2, batch_size=5)
    assert (learner.seed, learner.epochs, learner.batch_size) == (3, 2, 5)


def test_a_setting_that_no_method_takes_is_refused(refused):
    with refused("no method takes a setting 'epoch'", "did you mean 'epochs'"):
        make_learners(["joint"], 16, epoch=3)
    (exact,) = make_learners(["exact"], 16, epochs=3, rehearsal=5)  # settings of other methods are left out
    assert exact.bank.n_bits == 16


@pytest.mark.parametrize("method", [*METHODS.values(), ReleasedDemo])
def test_a_method_takes_the_settings_it_declares_and_shows_them(method):
    plain = method(16, seed=3)
    settings = plain.get_params()
    assert tuple(settings) == ("n_bits", *method.settings) and settings["n_bits"] == 16 and settings["seed"] == 3
    shown = repr(plain)
    assert shown.startswith(f"{method.__name__}(n_bits=16, ") and "seed=3" in shown
    again = eval(shown, {method.__name__: method})
    assert repr(again) == shown and again.get_params() == settings


def test_a_side_that_pairs_do_not_have_is_refused(trained, stream, refused):
    for learner in (trained["dlch"][0], *(learner for learner in make_learners(["lsh", "exact"], 16))):
        if learner.name != "dlch":
            learner.observe(stream[0])
        with refused("no side 'images'", "did you mean 'image'"):
            learner.encode("images", stream[0].query.image)


def test_unknown_database_codes_are_refused(stream, refused):
    with refused("'learned', 'encoded', 'reencoded'", "'hashed'"):
        run_stream(small(FineTuning), stream, databases=("hashed",))
    with refused("name one at least"):
        run_once(small(FineTuning), stream, databases=())
