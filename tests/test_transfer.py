"""CHTN on tiny features: its terms, its shared layers, and labels it must not see."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from dlchkit.data import PairedFeatures, SourceFeatures
from dlchkit.evaluation import evaluate_posteriors
from dlchkit.similarity import shares_label
from dlchkit.transfer import TERMS, HybridTransferNetwork, train_transfer

FEW = np.arange(0, 24)
REST = np.arange(24, 60)


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


@pytest.mark.parametrize("terms", [(), ("source",), ("mmd",), ("pair",), ("source", "mmd"), TERMS])
def test_every_term_can_be_switched(pairs, source, terms):
    history = train(pairs, source, terms=terms).history
    assert history.keys() == {"image", "text", *terms}
    assert all(len(values) == 2 and np.isfinite(values).all() for values in history.values())


@pytest.mark.parametrize("term", TERMS)
def test_every_term_changes_what_is_learned(pairs, source, term):
    assert not same(weights(train(pairs, source, terms=())), weights(train(pairs, source, terms=(term,))))


def test_without_a_source_only_the_pairs_are_left(pairs):
    assert train(pairs, None).history.keys() == {"image", "text", "pair"}


def test_the_losses_fall(pairs, source):
    history = train(pairs, source, epochs=10).history
    for name in ("image", "text", "source"):
        assert history[name][-1] < 0.8 * history[name][0]


def test_a_seed_fixes_the_result_and_global_random_numbers_are_left_alone(pairs, source):
    state = torch.get_rng_state()
    first, again, other = (weights(train(pairs, source, seed=seed)) for seed in (0, 0, 1))
    assert same(first, again) and not same(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_unlabelled_pairs_are_used_but_their_labels_are_never_seen(pairs, source):
    poisoned = pairs.labels.copy()
    poisoned[REST] = ~poisoned[REST]
    wrong = PairedFeatures(**{**vars(pairs), "labels": poisoned})
    honest = weights(train(pairs, source, unlabelled=REST))
    assert same(honest, weights(train(wrong, source, unlabelled=REST)))
    assert not same(honest, weights(train(pairs, source)))


def test_pairs_that_are_not_named_are_not_used(pairs, source):
    changed = pairs.image.copy()
    changed[REST] = 1e6
    other = PairedFeatures(**{**vars(pairs), "image": changed})
    assert same(weights(train(pairs, source)), weights(train(other, source)))


def test_the_image_branch_starts_from_the_weights_of_the_source_branch(pairs, source):
    standing_still = train(pairs, source, learning_rate=0.0).network
    for name, weight in standing_still.source.named_parameters():
        assert torch.equal(weight, standing_still.image.get_parameter(name))
    without_source = train(pairs, source, learning_rate=0.0, terms=("pair",)).network
    assert not torch.equal(without_source.source.fc6[0].weight, without_source.image.fc6[0].weight)


def test_image_and_text_pass_through_the_same_last_layers(pairs, source):
    network = train(pairs, source).network
    seven = network.transferred(pairs)
    with torch.no_grad():
        for side, posteriors in network.posteriors(pairs).items():
            by_shared_layers = network.shared(torch.from_numpy(getattr(seven, side))).softmax(1)
            assert np.allclose(posteriors, by_shared_layers.numpy(), atol=1e-6)
        network.shared[-1].weight.zero_()
        network.shared[-1].bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
    image, text = network.posteriors(pairs).values()
    assert np.array_equal(image, text) and np.allclose(image, torch.tensor([0.0, 1.0, 2.0]).softmax(0).numpy())
    assert not set(map(id, network.image.parameters())) & set(map(id, network.source.parameters()))


def test_posteriors_are_distributions(pairs, source):
    for posteriors in train(pairs, source).network.posteriors(pairs).values():
        assert posteriors.shape == (60, 3) and posteriors.dtype == np.float32
        assert (posteriors >= 0).all() and np.allclose(posteriors.sum(1), 1, atol=1e-5)


def test_posteriors_are_compared_by_cosine(pairs, source):
    network = train(pairs, source).network
    query, database = pairs[:6], pairs[6:]
    cosine = cosine_similarity(network.posteriors(query)["image"], network.posteriors(database)["text"])
    expected = [average_precision_score(relevant, score) for relevant, score in zip(shares_label(query.labels, database.labels), cosine)]
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


def test_an_item_is_transferred_the_same_way_alone(pairs, source):
    network = train(pairs, source).network
    assert np.allclose(network.transferred(pairs[7:8]).image, network.transferred(pairs).image[7:8], atol=1e-5)


@pytest.mark.parametrize("n_source", [2, 63, 65])
def test_a_source_of_any_size_will_do(pairs, source, n_source):
    assert "mmd" in train(pairs, source[:n_source], epochs=1).history


def test_initial_weights_come_from_the_seed_alone():
    networks = [HybridTransferNetwork(12, 10, 4, 3, width=8, seed=seed).state_dict() for seed in (0, 0, 1)]
    assert same(networks[0], networks[1]) and not same(networks[0], networks[2])


def test_what_cannot_be_trained_is_refused(pairs, source, refused):
    with refused("no term 'mdm'", "source, mmd, pair"):
        train(pairs, source, terms=("source", "mdm"))
    with refused("1 labelled pairs", "two"):
        train(pairs, source, labelled=[3])
    with refused("the source has 1 items", "two"):
        train(pairs, source[:1])
    narrow = SourceFeatures(image=source.image[:, :5], labels=source.labels, class_names=source.class_names)
    with refused("5 columns", "12", "one encoder"):
        train(pairs, narrow)
    with refused("device is 'nonsense'"):
        train(pairs, source, device="nonsense")
