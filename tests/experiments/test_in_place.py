"""Training in place on held-out samples: the splits, the scores, and wiring afterwards."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from crossmem.experiments import in_place
from crossmem.experiments.in_place import InPlace, fitted, samples, scores, trained, transferred

SMALL = InPlace(data="iris", hidden=4, gain=4.0, epochs=3)


def rows(features):
    return {row.tobytes() for row in features}


def test_a_split_keeps_the_classes_and_holds_out_what_it_does_not_train_on():
    setup = InPlace(data="digits")
    seen, answers, held, expected = setup.split(3)
    features, labels = samples("digits")
    assert len(seen) + len(held) == len(features) and len(held) == -(-len(features) // 4)
    assert not rows(seen) & rows(held)
    whole = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(np.bincount(expected) / len(expected), whole, atol=0.005)
    assert np.abs(seen).max() == 1 and np.abs(held).max() <= 1
    assert rows(setup.split(4)[2]) != rows(held)
    np.testing.assert_array_equal(setup.split(3)[2], held)


def test_settings_are_chosen_without_the_samples_of_the_test():
    setup = InPlace(data="digits", test_share=0.2)
    seen, _, held, _ = setup.split(0)
    kept, _, tried, _ = setup.at(validation=True).split(0)
    assert rows(kept) | rows(tried) == rows(seen) and not rows(kept) & rows(tried)
    assert not rows(tried) & rows(held)


def test_features_are_scaled_by_the_training_samples_alone():
    seen, _, held, _ = InPlace(data="cancer").split(0)
    np.testing.assert_allclose(seen.min(axis=0), -1)
    np.testing.assert_allclose(seen.max(axis=0), 1)
    assert held.min() >= -1 and held.max() <= 1  # clipped: these ranges are those of others


def test_scores_are_those_of_the_outputs():
    """Two classes and known outputs: one of three right, and the loss by hand."""

    class Known:
        classes_ = np.array([0, 1])

        def outputs(self, features):
            return features

    outputs = np.array([[0.5, -0.5], [0.5, -0.5], [0.3, 0.1]])
    labels = np.array([0, 1, 1])
    found = scores(Known(), (outputs, labels, outputs[:1], labels[:1]))
    assert found["train_accuracy"] == pytest.approx(1 / 3) and found["test_accuracy"] == 1
    errors = np.array([0, 0, 1, 1, 0.8, 0.4])
    assert found["train_loss"].values == pytest.approx((errors**2).mean() / 2)
    assert found["test_loss"] == 0


def test_a_trained_condition_is_the_classifier_on_its_split():
    found = trained(SMALL, seed=1)
    network, split = fitted(SMALL, 1)
    assert found["test_accuracy"] == accuracy_score(split[3], network.predict(split[2]))
    assert found["devices"] == 10 * 4 + 6 * 6
    assert 0 <= float(found["conducting"].values) <= 1
    assert trained(SMALL.at(stuck_off=0.5), seed=1)["train_loss"] > found["train_loss"]


def test_lines_spoil_a_network_that_was_trained_without():
    setup = SMALL.at(epochs=20)
    found = transferred(setup, seed=0, lines=[0.0, 0.5, 20.0])
    ideal = trained(setup, seed=0)
    assert found["line_resistance"].values.tolist() == [0.0, 0.5, 20.0]
    for name in ("train_loss", "test_loss", "test_accuracy"):
        assert found[name].values[0] == ideal[name].values
    assert (np.diff(found["train_loss"]) > 0).all()
    in_place = trained(setup.at(line_resistance=20.0), seed=0)
    assert in_place["train_loss"] < found["train_loss"][2]


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: InPlace(data="irises"), ValueError, "iris"),
        (lambda: InPlace(depth=0), ValueError, "depth is 0"),
        (lambda: InPlace(test_share=1.5), ValueError, "test_share"),
        (lambda: SMALL.at(line_resistanse=1.0), TypeError, "did you mean 'line_resistance'"),
    ],
)
def test_bad_conditions_are_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_images_of_mnist_are_flattened_and_scaled_by_their_grey_levels(monkeypatch):
    images = np.zeros((20, 24, 24), dtype=np.float32)
    images[::2, 3, 4] = 255
    labels = np.arange(20) % 2
    monkeypatch.setattr(in_place, "grey_images", lambda name: (images, labels, 255))
    samples.cache_clear()
    seen, answers, held, expected = InPlace(data="mnist", test_share=0.2).split(0)
    samples.cache_clear()
    assert seen.shape == (16, 576) and held.shape == (4, 576) and expected.sum() == 2
    np.testing.assert_array_equal(seen[:, 3 * 24 + 4], np.where(answers == 0, 1, -1))
    assert (np.delete(seen, 3 * 24 + 4, axis=1) == -1).all()
