"""CHTN on tiny features: its parts, each switchable, its shared layers, and labels it must not see."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from dlchkit.codes import shares_label
from dlchkit.data import PairedFeatures, SourceFeatures
from dlchkit.transfer import (
    CHTN_TERMS,
    KIT_TERMS,
    MHTN_TERMS,
    WEIGHTS,
    HybridTransferNetwork,
    ReverseGradient,
    evaluate_posteriors,
    train_transfer,
)

FEW = np.arange(0, 24)
REST = np.arange(24, 60)
ALONE = [(term,) for term in WEIGHTS]


@pytest.fixture(scope="module")
def pairs(clustered_pairs):
    return clustered_pairs(60, 3)


@pytest.fixture(scope="module")
def source():
    random = np.random.default_rng(5)
    labels = np.arange(80) % 4
    image = (random.normal(size=(4, 12))[labels] + 0.3 * random.normal(size=(80, 12))).astype(np.float32)
    return SourceFeatures(image=image, labels=labels, class_names=tuple("wxyz"))


def train(pairs, source, **options):
    return train_transfer(pairs, source, **{"labelled": FEW, "epochs": 2, "width": 8, "device": "cpu", **options})


def weights(result):
    return result.network.state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("terms", [(), *ALONE, CHTN_TERMS, MHTN_TERMS, KIT_TERMS, tuple(WEIGHTS)])
@pytest.mark.parametrize("unlabelled", [None, REST])
def test_every_term_can_be_switched(pairs, source, terms, unlabelled):
    history = train(pairs, source, terms=terms, unlabelled=unlabelled).history
    assert history.keys() == {"image", "text", *terms}
    assert all(len(values) == 2 and np.isfinite(values).all() for values in history.values())


@pytest.mark.parametrize("term", WEIGHTS)
def test_every_term_changes_what_is_learned_and_its_weight_counts(pairs, source, term):
    without, small, large = (
        weights(train(pairs, source, terms=terms, weights={term: weight}))
        for terms, weight in (((), 1), ((term,), 0.1), ((term,), 1))
    )
    assert not same(without, small) and not same(small, large)


@pytest.mark.parametrize("left_out", WEIGHTS)
def test_switching_a_term_off_leaves_the_others_batches_as_they_were(pairs, source, left_out):
    standing_still = {"unlabelled": REST, "learning_rate": 0.0}
    every = train(pairs, source, terms=tuple(WEIGHTS), **standing_still).history
    others = tuple(set(WEIGHTS) - {left_out})
    fewer = train(pairs, source, terms=others, **standing_still, start_from_source=False).history
    if left_out != "source":  # else the image branch starts elsewhere
        every = train(pairs, source, terms=tuple(WEIGHTS), **standing_still, start_from_source=False).history
        assert fewer == {term: values for term, values in every.items() if term != left_out}
    else:
        assert fewer["text"] == every["text"]


def test_without_a_source_the_terms_that_need_one_are_left_out(pairs):
    assert train(pairs, None).history.keys() == {"image", "text", "pair6", "pair7"}


def test_the_losses_fall(pairs, source):
    history = train(pairs, source, epochs=10).history
    for name in ("image", "text", "source"):
        assert history[name][-1] < 0.8 * history[name][0]


def test_a_seed_fixes_the_result_and_global_random_numbers_are_left_alone(pairs, source, draws_nothing):
    with draws_nothing():
        first, again, other = (weights(train(pairs, source, seed=seed)) for seed in (0, 0, 1))
    assert same(first, again) and not same(first, other)


@pytest.mark.parametrize("term", [term for term in WEIGHTS if term != "source"])
def test_unlabelled_pairs_feed_every_term_that_needs_no_label_and_their_labels_are_never_seen(pairs, source, term):
    poisoned = pairs.labels.copy()
    poisoned[REST] = ~poisoned[REST]
    wrong = PairedFeatures(**{**vars(pairs), "labels": poisoned})
    honest = weights(train(pairs, source, terms=(term,), unlabelled=REST))
    assert same(honest, weights(train(wrong, source, terms=(term,), unlabelled=REST)))
    changed = pairs.image.copy()
    changed[REST] += np.random.default_rng(0).normal(size=changed[REST].shape).astype(np.float32)
    other = PairedFeatures(**{**vars(pairs), "image": changed})
    assert not same(honest, weights(train(other, source, terms=(term,), unlabelled=REST)))


@pytest.mark.parametrize("terms", [(), ("source",)])
def test_unlabelled_pairs_change_nothing_where_no_term_takes_them(pairs, source, terms):
    assert same(weights(train(pairs, source, terms=terms)), weights(train(pairs, source, terms=terms, unlabelled=REST)))


def test_pairs_that_are_not_named_are_not_used(pairs, source):
    changed = pairs.image.copy()
    changed[REST] = 1e6
    other = PairedFeatures(**{**vars(pairs), "image": changed})
    assert same(weights(train(pairs, source)), weights(train(other, source)))


def test_the_image_branch_starts_from_the_weights_of_the_source_branch_unless_told_not_to(pairs, source):
    standing_still = train(pairs, source, learning_rate=0.0).network
    for name, weight in standing_still.source.named_parameters():
        assert torch.equal(weight, standing_still.image.get_parameter(name))
    for options in ({"terms": ("pair7",)}, {"start_from_source": False}):
        apart = train(pairs, source, learning_rate=0.0, **options).network
        assert not torch.equal(apart.source.fc6[0].weight, apart.image.fc6[0].weight)


def test_image_and_text_pass_through_the_same_last_layers(pairs, source):
    network = train(pairs, source).network
    seven = network.transferred(pairs)
    with torch.no_grad():
        for side, posteriors in network.posteriors(pairs).items():
            by_shared_layers = network.correlation["text"](torch.from_numpy(getattr(seven, side)))[1].softmax(1)
            assert np.allclose(posteriors, by_shared_layers.numpy(), atol=1e-6)
    assert not set(map(id, network.image.parameters())) & set(map(id, network.source.parameters()))


def test_separate_last_layers_begin_alike_and_part(pairs, source):
    apart = [train(pairs, source, share_layers=False, learning_rate=rate).network.correlation for rate in (0.0, 0.01)]
    assert same(apart[0]["image"].state_dict(), apart[0]["text"].state_dict())
    assert not same(apart[1]["image"].state_dict(), apart[1]["text"].state_dict())
    networks = [train(pairs, source, share_layers=share).network for share in (True, False)]
    n_shared, n_apart = (sum(p.numel() for p in network.parameters()) for network in networks)
    assert n_apart - n_shared == sum(p.numel() for p in apart[0]["text"].parameters())


def test_the_estimate_of_mmd_is_chosen_by_name(pairs, source):
    still = {"terms": ("mmd7",), "learning_rate": 0.0}
    results = [train(pairs, source, mmd_estimate=name, **still) for name in ("quadratic", "linear")]
    assert results[0].history["mmd7"] != results[1].history["mmd7"]


def test_the_reversed_gradient_is_minus_the_numerical_one():
    x = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64, requires_grad=True)

    def value(z):
        return (z**3).sum() + z[0] * z[1]

    steps = 1e-6 * torch.eye(3, dtype=torch.float64)
    numerical = torch.stack([(value(x + step) - value(x - step)) / 2e-6 for step in steps])
    reversed_value = value(ReverseGradient.apply(x))
    assert torch.equal(reversed_value, value(x))
    torch.testing.assert_close(torch.autograd.grad(reversed_value, x)[0], -numerical, rtol=1e-6, atol=1e-6)


def test_the_modality_classifier_learns_while_the_layers_below_unlearn(pairs):
    network = HybridTransferNetwork(12, 10, 4, 3, width=8)
    below = torch.randn(20, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    truth = torch.arange(2).repeat_interleave(10)

    def loss(x):
        return torch.nn.functional.cross_entropy(network.modality(x), truth)

    before = loss(below)
    before.backward()
    with torch.no_grad():
        assert loss(below - 0.5 * below.grad) > before  # descent on a reversed gradient climbs
        for parameter in network.modality.parameters():
            parameter -= 0.05 * parameter.grad
        assert loss(below) < before


def test_posteriors_are_distributions(pairs, source):
    for posteriors in train(pairs, source).network.posteriors(pairs).values():
        assert posteriors.shape == (60, 3) and posteriors.dtype == np.float32
        assert (posteriors >= 0).all() and np.allclose(posteriors.sum(1), 1, atol=1e-5)


def test_posteriors_are_compared_by_cosine(pairs, source):
    network = train(pairs, source).network
    query, database = pairs[:6], pairs[6:]
    cosine = cosine_similarity(network.posteriors(query)["image"], network.posteriors(database)["text"])
    expected = list(map(average_precision_score, shares_label(query.labels, database.labels), cosine))
    scores = evaluate_posteriors(network, query, database)
    assert scores.keys() == {"image_to_text", "text_to_image"}
    assert scores["image_to_text"] == pytest.approx(np.mean(expected), abs=0.01)  # but for ties


def test_transferred_features_keep_everything_else(pairs, source):
    before = pairs.image.copy(), pairs.text.copy()
    seven = train(pairs, source).network.transferred(pairs)
    assert isinstance(seven, PairedFeatures)
    for name in ("ids", "labels", "groups", "class_names"):
        assert np.array_equal(getattr(seven, name), getattr(pairs, name))
    for side in (seven.image, seven.text):
        assert side.shape == (60, 8) and side.dtype == np.float32 and side.min() >= 0
    assert np.array_equal(pairs.image, before[0]) and np.array_equal(pairs.text, before[1])


def test_features_come_from_the_layer_named(pairs, source, refused):
    network = train(pairs, source).network
    seven, nine = (network.transferred(pairs, layer=layer) for layer in ("fc7", "fc9"))
    with torch.no_grad():
        expected, logits = network.correlation["image"](torch.from_numpy(seven.image))
        assert np.allclose(nine.image, expected, atol=1e-6)
        assert np.allclose(network.correlation["image"].fc10(expected), logits)
    with refused("layer is 'fc8'", "fc7 or fc9"):
        network.transferred(pairs, layer="fc8")


def test_an_item_is_transferred_the_same_way_alone(pairs, source):
    network = train(pairs, source).network
    assert np.allclose(network.transferred(pairs[7:8]).image, network.transferred(pairs).image[7:8], atol=1e-5)


@pytest.mark.parametrize("n_source", [2, 63, 65])
def test_a_source_of_any_size_will_do(pairs, source, n_source):
    assert "mmd7" in train(pairs, source[:n_source], epochs=1).history


def test_initial_weights_come_from_the_seed_alone():
    networks = [HybridTransferNetwork(12, 10, 4, 3, width=8, seed=seed).state_dict() for seed in (0, 0, 1)]
    assert same(networks[0], networks[1]) and not same(networks[0], networks[2])


def test_what_cannot_be_trained_is_refused(pairs, source, refused):
    with refused("no term 'mmd'", "source, mmd6, mmd7, pair6"):
        train(pairs, source, terms=("source", "mmd"))
    with refused("no term 'pair'", "pair6, pair7"):
        train(pairs, source, weights={"pair": 0.1})
    with refused("mmd_estimate is 'cubic'", "'quadratic' or 'linear'"):
        train(pairs, source, mmd_estimate="cubic")
    with refused("1 labelled pairs", "two"):
        train(pairs, source, labelled=[3])
    with refused("the source has 1 items", "two"):
        train(pairs, source[:1])
    narrow = SourceFeatures(image=source.image[:, :5], labels=source.labels, class_names=source.class_names)
    with refused("5 columns", "12", "one encoder"):
        train(pairs, narrow)
    with refused("device is 'nonsense'"):
        train(pairs, source, device="nonsense")
