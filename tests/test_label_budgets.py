"""Variants x budgets x seeds as plain data, what is read off it, and whose bias transfer carries over."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from dlchkit.data import DIRECTIONS, SourceFeatures, choose_labelled
from dlchkit.data.streams import retrieval_split
from dlchkit.metrics.budgets import budget_intervals, flat_from, gain_over, mean_scores, score_table
from dlchkit.plotting import describe_label_budget, describe_source_bias, plot_label_budget, plot_source_bias, png
from dlchkit.records import RunRecord
from dlchkit.transfer import CHTN_TERMS, train_transfer
from dlchkit.transfer.bias import class_recall, distance_to_source, source_bias
from dlchkit.transfer.correlation import fit_cca
from dlchkit.transfer.label_budgets import VARIANTS, ablation_variants, label_budget
from dlchkit.transfer.scoring import evaluate_correlation, evaluate_posteriors

QUICK = {"epochs": 1, "width": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def pairs(clustered_pairs):
    return clustered_pairs(90, 3)


@pytest.fixture(scope="module")
def source(pairs):
    random = np.random.default_rng(5)
    labels = np.arange(60) % 3
    near = pairs.image[pairs.labels[:, 0]].mean(0)  # the first source class lies on the target's first class
    means = np.stack([near, near + 30, near + 60])
    image = (means[labels] + 0.3 * random.normal(size=(60, 12))).astype(np.float32)
    return SourceFeatures(image=image, labels=labels, class_names=("u", "v", "w"))


@pytest.fixture(scope="module")
def result(pairs, source):
    return label_budget(pairs, source, budgets=(2, None), seeds=(0, 3), references={"CCA": fit_cca}, **QUICK)


def test_every_variant_is_run_for_every_budget_and_seed(result):
    assert result["budgets"] == [2, None] and result["seeds"] == [0, 3] and list(result["variants"]) == list(VARIANTS)
    for rows in result["variants"].values():
        assert list(rows) == list(DIRECTIONS) and all(np.shape(rows[d]) == (2, 2) for d in DIRECTIONS)
    assert result["labelled_pairs"][0] == [6, 6] and min(result["labelled_pairs"][1]) > 60
    assert json.loads(json.dumps(result)) == result


def test_a_score_is_what_the_same_steps_by_hand_give(pairs, source, result):
    query, database = retrieval_split(pairs.groups, seed=0)
    labelled = choose_labelled(pairs.labels, database, per_class=2, seed=3)
    rest = np.array([row for row in database if row not in set(labelled)])
    for name, unlabelled in (("CHTN", None), ("CHTN, every pair", rest)):
        network = train_transfer(pairs, source, labelled=labelled, unlabelled=unlabelled, seed=3, **QUICK).network
        by_hand = evaluate_posteriors(network, pairs[query], pairs[database])
        assert {d: result["variants"][name][d][0][1] for d in DIRECTIONS} == pytest.approx(by_hand, abs=1e-6)
    by_hand = evaluate_correlation(fit_cca(pairs[database]), pairs[query], pairs[database])
    assert {d: result["references"]["CCA"][d][0] for d in DIRECTIONS} == pytest.approx(by_hand, abs=1e-6)


def test_progress_is_told_after_every_training(pairs, source):
    told = []
    options = {"variants": {"a": {"terms": ()}, "b": {}}, "budgets": (2,), "seeds": (0,), **QUICK}
    label_budget(pairs, source, on_run=lambda *said: told.append(said), **options)
    assert [said[:2] for said in told] == [(0, 2), (1, 2)] and [list(said[2]) for said in told] == [["a"], ["b"]]


def test_an_ablation_switches_every_part_once_off_and_once_on(pairs, source):
    variants = ablation_variants(CHTN_TERMS, every_pair=True)
    assert len(variants) == 2 * len(CHTN_TERMS) + 4 and all(options["every_pair"] for options in variants.values())
    assert variants["without mmd6"]["terms"] == ("source", "mmd7", "pair6", "pair7")
    assert variants["pair7 alone"]["terms"] == ("pair7",)
    assert list(ablation_variants(CHTN_TERMS, switched=["mmd6"]))[:2] == ["all terms", "without mmd6"]
    scores = label_budget(pairs, source, variants=variants, budgets=(2,), seeds=(0,), **QUICK)["variants"]
    assert list(scores) == list(variants)
    assert len({tuple(rows["image_to_text"][0]) for rows in scores.values()}) > len(variants) // 2


@pytest.fixture
def made():
    """A result worked by hand: 0.1 and 0.3 better than nothing on its two seeds."""
    without = [[0.3, 0.5], [0.7, 0.9], [0.72, 0.9]]
    better = [[0.4, 0.8], [0.8, 0.8], [0.8, 0.8]]
    return {
        "budgets": [1, 10, None],
        "seeds": [0, 1],
        "labelled_pairs": [[3, 3], [30, 30], [60, 61]],
        "variants": {"no transfer": dict.fromkeys(DIRECTIONS, without), "better": dict.fromkeys(DIRECTIONS, better)},
        "references": {"CCA": {d: [0.55] for d in DIRECTIONS}},
    }


def test_gains_are_paired_by_seed(made):
    gain = gain_over(made, "better", budget=1)
    reach = student.ppf(0.975, 1) * np.std([0.1, 0.3], ddof=1) / np.sqrt(2)
    assert (gain.mean, gain.low, gain.high, gain.n) == pytest.approx((0.2, 0.2 - reach, 0.2 + reach, 2))


def test_a_table_for_the_record_holds_means_intervals_and_gains(made):
    table = score_table(made, budget=10)
    assert table["no transfer"].keys() == {f"map_{d}{end}" for d in DIRECTIONS for end in ("", "_low", "_high")}
    assert table["better"]["map_text_to_image"] == pytest.approx(0.8) and table["better"]["gain"] == pytest.approx(0.0)
    assert mean_scores(made, budget=None)["better"] == {d: pytest.approx(0.8) for d in DIRECTIONS}
    first = budget_intervals(made, "no transfer", "image_to_text")[1]
    assert table["no transfer"]["map_image_to_text_low"] == first.low
    assert table["no transfer"]["map_image_to_text_high"] == first.high
    one_seed = {
        **made,
        "seeds": [0],
        "variants": {name: {d: [row[:1] for row in rows[d]] for d in rows} for name, rows in made["variants"].items()},
    }
    assert score_table(one_seed, budget=10)["better"].keys() == {f"map_{d}" for d in DIRECTIONS}


def test_where_a_curve_flattens(made):
    assert flat_from(made, "no transfer") == 10
    assert flat_from(made, "no transfer", margin=0.001) is None
    assert flat_from(made, "better") == 10
    mixed = {**made, "budgets": [None, 10, 1]}
    assert flat_from(mixed, "no transfer", margin=0.5) == 1  # in the order of the labels, not of the list


def test_what_was_not_run_is_refused(pairs, source, made, refused):
    with refused("budget 7 was not run", "1, 10, None"):
        gain_over(made, "better", budget=7)
    with refused("budget 7 was not run"):
        score_table(made, budget=7)
    with refused("variant 'best' was not run", "no transfer, better"):
        flat_from(made, "best")
    with refused("term 'agreement' cannot be switched off", "pair6, pair7"):
        ablation_variants(CHTN_TERMS, switched=["agreement"])
    with refused("budgets are [3, 3]", "none twice"):
        label_budget(pairs, source, budgets=(3, 3))
    with refused("per_class is 0"):
        label_budget(pairs, source, budgets=(0,))
    with refused("seeds are []", "at least one"):
        label_budget(pairs, source, seeds=())


def test_recall_counts_items_that_name_their_class():
    random = np.random.default_rng(0)
    posteriors, labels = random.random((40, 5)), random.random((40, 5)) < 0.4
    labels[:, 4] = False
    for c, recall in enumerate(class_recall(posteriors, labels)[:4]):
        of_class = np.flatnonzero(labels[:, c])
        named = [c in np.argsort(-posteriors[i])[: labels[i].sum()] for i in of_class]
        assert recall == pytest.approx(np.mean(named))
    assert np.isnan(class_recall(posteriors, labels)[4])


def test_distance_is_measured_in_radii_of_the_source_classes(pairs, source):
    distance, nearest = distance_to_source(pairs, source)
    means = [source.image[source.labels == s].mean(0) for s in range(3)]
    radius = np.sqrt(np.mean([np.square(x - means[s]).sum() for x, s in zip(source.image, source.labels, strict=True)]))
    for c in range(3):
        apart = [np.linalg.norm(pairs.image[pairs.labels[:, c]].mean(0) - mean) / radius for mean in means]
        assert distance[c] == pytest.approx(min(apart), rel=1e-5) and nearest[c] == np.argmin(apart)
    assert distance.argmin() == 0 and distance[0] < 0.5
    nothing_left, nowhere = distance_to_source(pairs[~pairs.labels[:, 2]], source)
    assert np.isnan(nothing_left[2]) and nowhere[2] == -1


def test_a_source_of_other_features_has_no_distance(pairs, source, refused):
    with refused("5 columns", "12", "one encoder"):
        distance_to_source(pairs, replace(source, image=source.image[:, :5]))


@pytest.fixture(scope="module")
def bias(pairs, source):
    query, database = retrieval_split(pairs.groups, seed=0)
    labelled = choose_labelled(pairs.labels, database, per_class=4, seed=0)
    before, after = (
        train_transfer(pairs, source, labelled=labelled, terms=terms, **QUICK).network for terms in ((), CHTN_TERMS)
    )
    return source_bias(before, after, pairs[query], pairs[database], source), before, pairs[query]


def test_bias_is_told_class_by_class(bias):
    told, before, query = bias
    assert told["class_names"] == ["a", "b", "c"] and told["nearest_source"][0] == "u"
    assert told["before"]["text"] == class_recall(before.posteriors(query)["text"], query.labels).tolist()
    assert set(told["after"]) == {"image", "text"} == set(told["rank_correlation"])


def test_the_rank_correlation_has_the_sign_of_the_tendency(bias):
    told = {
        **bias[0],
        "distance": [1.0, 2.0, 3.0],
        "before": {"image": [0.1] * 3},
        "after": {"image": [0.9, 0.5, 0.2]},
        "rank_correlation": {"image": -1.0},
    }
    sentence = describe_source_bias(told)
    assert all(part in sentence for part in ("−1.00", "a (+0.80)", "c (+0.10)"))


def test_names_keep_their_hyphens_in_sentences(made, bias):
    variants = {"no transfer": made["variants"]["no transfer"], "CHTN-2": made["variants"]["better"]}
    assert "with CHTN-2 at" in describe_label_budget({**made, "variants": variants})
    told = {**bias[0], "class_names": ["t-shirt", "t-shirt", "t-shirt"]}
    assert "t-shirt (" in describe_source_bias(told)


def test_figures_are_drawn_and_described(result, made, bias):
    for figure in (plot_label_budget(result), plot_label_budget(made), plot_source_bias(bias[0])):
        assert png(figure).startswith(b"\x89PNG")
    words = describe_label_budget(made)
    assert "0.40 to 0.81 (no transfer, flat from 10)" in words and "CCA, without labels, stands at 0.55" in words
    assert "gain over no transfer is 0.20" in words and "better at 1" in words
    alone = {
        **made,
        "budgets": [1],
        "variants": {name: {d: rows[d][:1] for d in rows} for name, rows in made["variants"].items()},
    }
    assert describe_label_budget(alone).startswith(
        "With 1 labelled pairs per class the mean mAP of both directions is 0.40 (no transfer) and 0.60 (better)."
    )
    lines = {line.get_label() for axes in plot_label_budget(made).axes for line in axes.get_lines()}
    assert "CCA (no labels)" in lines


def test_intervals_are_drawn_within_the_range_of_map(made):
    rows = {d: [[0.02, 0.3], [0.5, 0.51], [1.0, 1.0]] for d in DIRECTIONS}
    wide = {**made, "variants": dict.fromkeys(made["variants"], rows)}
    assert "0.16 to 1.00 (better, still rising)" in describe_label_budget(wide)
    wide_one, narrow, _ = budget_intervals(wide, "better", "image_to_text")
    assert wide_one.low < 0 < narrow.low < narrow.high < 1 < wide_one.high  # Student's t of two seeds
    for axes in plot_label_budget(wide).axes:
        for container in axes.containers:
            (bars,) = container.lines[2]
            ends = np.array([segment[:, 1] for segment in bars.get_segments()])
            np.testing.assert_allclose(ends, [[0, 1], [narrow.low, narrow.high], [1, 1]])


def test_a_record_holds_a_result(result, bias, tmp_path):
    record = RunRecord(notebook="02_transfer", parameters={}, findings={"label_budget": result, "source_bias": bias[0]})
    record.save(tmp_path)
    assert RunRecord.load(tmp_path).findings["label_budget"] == result
