"""Where recalls end, against recalls whose end is known by hand, and recalls step by step."""

import numpy as np
import pytest

from crossmem.experiments import Setup, attractors, recall_trace
from crossmem.experiments.attractors import OUTCOMES, outcomes
from crossmem.networks.base import AssociativeMemory
from crossmem.networks.network import Layer, Network

EASY = Setup(n_patterns=5, cues=10, iterations=50).at(optimizer="adam")


def exchange(neurons):
    """A network whose last two neurons exchange their states; a state rests if these are equal."""
    weights = np.eye(neurons)
    weights[-2:, -2:] = [[0, 1], [1, 0]]
    return Network([Layer(weights, np.zeros(neurons))])


# Where recalls end


def test_where_recalls_end_at_an_easy_load(assert_labelled):
    found = attractors(EASY, levels=[0.0, 0.1, 0.5, 1.0], seed=0)
    assert_labelled(found)
    share, settling = found["share"], found["settling"]
    assert share.dims == ("level", "outcome")
    assert share.outcome.values.tolist() == OUTCOMES
    np.testing.assert_allclose(share.sum("outcome"), 1)
    assert share.sel(level=0.0).values.tolist() == [1, 0, 0, 0]
    assert settling.sel(level=0.0) == 0
    assert share.sel(level=0.1, outcome="own pattern") > 0.9
    assert settling.sel(level=0.1) > 0
    # A random start knows nothing of its pattern, one of five and their mirror images.
    assert share.sel(level=0.5, outcome="own pattern") < 0.4
    # Without biases the negative of a stored pattern is as stable as the pattern.
    assert share.sel(level=1.0, outcome="other pattern") == 1


def test_attractors_of_a_stack_of_tanh_neurons():
    stack = EASY.at(layers=2, activation="tanh", n_patterns=4)
    stack = stack.at(optimizer="rmsprop", learning_rate=3e-3, steps=4000)
    found = attractors(stack, levels=[0.0, 0.1], seed=0)
    np.testing.assert_allclose(found["share"].sel(outcome="own pattern"), 1)
    # Below 1 a stored pattern attracts; the radius never exceeds the norm.
    radius, norm = found["radius"].values, found["norm"].values
    assert radius.shape == (4,)
    assert (radius <= norm + 1e-9).all()
    assert (radius < 1).all()


class Traced(Network):
    """Recalls what it is told."""

    def __init__(self, trace):
        super().__init__(exchange(trace.shape[2]).layers)
        self.trace = trace

    def recall(self, cues, **options):
        return self.trace


class Stored(AssociativeMemory):
    """A memory whose network is given."""

    def __init__(self, network):
        self.network = network

    def fit(self, patterns, y=None, *, limits=None):
        self.network_ = self.network
        return self


def settling(trace):
    """Mean settling time of four recalls of two patterns of four neurons, with a given trace."""

    class Told(Setup):
        def memory(self, seed):
            return Stored(Traced(trace))

    setup = Told(source="random", neurons=4, n_patterns=2, cues=2)
    return attractors(setup, levels=[0.1], seed=0)["settling"].item()


def test_settling_is_the_mean_over_the_recalls_that_rest():
    """Of four recalls three rest, after 0, 1 and 3 updates; the fourth moves for ever."""
    trace = np.ones((5, 4, 4))
    trace[:1, 1, 0] = trace[:3, 2, 0] = trace[::2, 3, 2] = trace[1::2, 3, 3] = -1
    assert settling(trace) == pytest.approx(4 / 3)
    trace[:, :, 2:] = trace[:, 3:, 2:]  # now none rests
    assert np.isnan(settling(trace))


def test_outcomes_by_hand():
    first = np.ones(8)
    second = np.array([1, 1, 1, 1, -1, -1, -1, -1.0])
    between = np.array([1, 1, 1, 1, -1, -1, 1, 1.0])
    cycling = np.array([1, 1, 1, 1, -1, -1, 1, -1.0])
    cases = [
        (first, "own pattern", True),
        (second, "own pattern", True),
        (second, "other pattern", True),  # where the first was to be recalled
        (-second, "other pattern", True),  # its own mirror image
        (-second, "other pattern", True),
        (between, "spurious", True),
        (between, "spurious", True),
        (cycling, "moving", False),
    ]
    states, names, rests = zip(*cases, strict=True)
    ended, rest = outcomes(exchange(8), np.array(states), np.array([first, second]))
    assert ended.tolist() == list(names)
    assert rest.tolist() == list(rests)


# Step by step

TRACED = Setup(n_patterns=12, flip_rate=0.05, iterations=4).at(cue_noise=0.03, unroll=1, steps=400)


@pytest.mark.parametrize("update", ["synchronous", "asynchronous"])
def test_a_fixed_point_stays_whatever_the_order_of_updates(update, assert_labelled):
    found = recall_trace(TRACED, update=update, seed=1)
    assert_labelled(found)
    assert (found["cosine"].values[2:] > 0.99).all()


def test_two_updates_alternate_between_pattern_and_code():
    found = recall_trace(TRACED.at(unroll=2), update="synchronous", seed=1)
    cosine = found["cosine"].values
    assert (cosine[[2, 4]] > 0.98).all() and (np.abs(cosine[[1, 3]]) < 0.5).all()
    state = found["state"].values
    assert (state[1] == state[3]).mean() > 0.95  # the code, from the cue and from the pattern


def test_two_updates_need_all_neurons_at_once():
    found = recall_trace(TRACED.at(unroll=2), update="asynchronous", seed=1)
    assert found["cosine"].values[-1] < 0.9


def test_an_unknown_order_of_updates():
    with pytest.raises(ValueError, match="update='sync'.*'synchronous'"):
        recall_trace(TRACED.at(steps=1), update="sync", seed=1)
