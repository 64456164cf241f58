"""Canonical correlation: equal to scikit-learn's, blind to labels, and sane on features of low rank."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from dlchkit.codes import shares_label
from dlchkit.transfer import evaluate_correlation
from dlchkit.transfer.correlation import fit_cca, fit_kernel_cca


@pytest.fixture(scope="module")
def pairs(clustered_pairs):
    return clustered_pairs(120, 4)


def correlations(one, other):
    return np.array([np.corrcoef(one[:, k], other[:, k])[0, 1] for k in range(one.shape[1])])


def test_it_finds_what_scikit_learns_iteration_finds(pairs):
    model = fit_cca(pairs, n_components=3)
    ours = model.representations(pairs)
    by_iteration = CCA(3, max_iter=5000, tol=1e-12).fit(pairs.image, pairs.text)
    theirs = dict(zip(("image", "text"), by_iteration.transform(pairs.image, pairs.text), strict=True))
    assert np.allclose(model.correlations, correlations(theirs["image"], theirs["text"]), atol=1e-4)
    for side in ours:
        assert np.allclose(np.abs(correlations(ours[side], theirs[side])), 1, atol=1e-3)


@pytest.mark.parametrize("fit", [fit_cca, fit_kernel_cca])
def test_variates_are_uncorrelated_of_variance_one_and_correlate_as_said(pairs, fit):
    model = fit(pairs, n_components=4, n_principal=8)
    image, text = model.representations(pairs).values()
    for variates in (image, text):
        assert variates.dtype == np.float32 and np.allclose(np.cov(variates.T), np.eye(4), atol=1e-3)
    assert np.allclose(correlations(image, text), model.correlations, atol=1e-3)
    assert (np.diff(model.correlations) <= 1e-9).all()
    assert model.correlations.min() >= 0
    assert model.correlations.max() <= 1


def test_with_every_pair_a_landmark_the_kernel_is_the_exact_one(pairs):
    model = fit_kernel_cca(pairs, n_components=4, n_principal=20)
    for side in ("image", "text"):
        features = getattr(pairs, side)
        squared = np.square(features[:, None] - features).sum(2)
        length = np.sqrt(squared.sum() / (120 * 119) / 2)  # exp(-d^2 / mean d^2)
        mapped = model.projections[side].kernel.transform(features)
        assert np.allclose(mapped @ mapped.T, RBF(length)(features), atol=1e-3)


def test_labels_play_no_part(pairs):
    wrong = replace(pairs, labels=~pairs.labels)
    one, other = (fit_cca(data).representations(pairs) for data in (pairs, wrong))
    assert all(np.array_equal(one[side], other[side]) for side in one)


def test_repeated_and_constant_columns_do_no_harm(pairs):
    doubled = replace(pairs, image=np.hstack([pairs.image, pairs.image, np.ones((120, 3), np.float32)]))
    one, other = fit_cca(pairs, n_components=4), fit_cca(doubled, n_components=4)
    assert np.allclose(one.correlations, other.correlations, atol=1e-6)


def test_variates_are_compared_by_cosine_and_beat_chance(pairs):
    query, database = pairs[:20], pairs[20:]
    model = fit_cca(database, n_components=3)
    cosine = cosine_similarity(model.representations(query)["image"], model.representations(database)["text"])
    relevant = shares_label(query.labels, database.labels)
    scores = evaluate_correlation(model, query, database)
    assert scores.keys() == {"image_to_text", "text_to_image"}
    expected = np.mean([average_precision_score(r, s) for r, s in zip(relevant, cosine, strict=True)])
    assert scores["image_to_text"] == pytest.approx(expected, abs=1e-6) and min(scores.values()) > 2 * relevant.mean()


def test_pairs_that_tell_nothing_are_refused(pairs, refused):
    with refused("2 pairs", "three"):
        fit_cca(pairs[:2])
    with refused("n_components is 0"):
        fit_cca(pairs, n_components=0)
    for fit in (fit_cca, fit_kernel_cca):
        with refused("all 120 items have the same features"):
            fit(replace(pairs, text=np.ones((120, 4), np.float32)))
