"""The trainer against finite differences, textbook optimisers and networks trained one by one."""

import numpy as np
import pytest

from crossmem.networks.training import LOSSES, Adam, Recipe, RMSprop, Trainer, train


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def network(rng, sizes, replicas=1):
    """Float32 weights (R, n_out, n_in) of a stack."""
    return [
        rng.normal(0, 0.5, (replicas, n_out, n_in)).astype(np.float32)
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]


def unbounded(weights):
    return [None] * len(weights)


def mean_loss(weights, inputs, targets, loss):
    """Mean loss per output of one network, in float64."""
    output = inputs
    for index, weight in enumerate(weights):
        output = output @ weight.T
        if index < len(weights) - 1 or loss != "logistic":
            output = np.tanh(output)
    if loss == "logistic":
        return np.mean(np.log1p(np.exp(-output * targets)))
    return np.mean(np.abs(output - targets) ** {"squared": 2, "cubic": 3}[loss])


def central_differences(function, arrays, width=1e-6):
    """Gradient of ``function()`` with respect to each array, whose elements are moved in turn."""
    gradients = [np.empty(array.shape) for array in arrays]
    for array, gradient in zip(arrays, gradients, strict=True):
        for place in np.ndindex(array.shape):
            centre = array[place]
            array[place] = centre + width
            above = function()
            array[place] = centre - width
            gradient[place] = (above - function()) / (2 * width)
            array[place] = centre
    return gradients


# Gradients


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sizes", [(6, 6), (6, 4, 6), (6, 4, 5, 6)])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("unroll", [1, 3])
def test_gradient_equals_finite_differences(rng, sizes, loss, bounded, unroll):
    """Within limits, at the weights that the limits allow: too large, stuck and masked ones."""
    weights = network(rng, sizes)
    targets, cues = signs(rng, 1, 5, 6), rng.uniform(-1, 1, (1, 5, 6))
    limits = unbounded(weights)
    if bounded:
        highs = [rng.choice([0.0, 0.2, np.inf], w.shape).astype(np.float32) for w in weights]
        limits = [(-high, high) for high in highs]
    trainer = Trainer(
        targets,
        weights,
        limits,
        Recipe(loss=loss, unroll=unroll),
        corrupt=lambda clean, out: np.copyto(out, cues),
    )
    trainer.show()
    trainer.backward()

    if bounded:
        weights = [np.clip(w, -high, high) for w, high in zip(weights, highs, strict=True)]
    weights = [w[0].astype(float) for w in weights]
    shown = cues[0].astype(np.float32)
    expected = central_differences(
        lambda: mean_loss(weights * unroll, shown, targets[0], loss), weights
    )
    found = [layer.gradient[0] for layer in trainer.weights]
    for gradient, truth in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, truth, rtol=1e-3, atol=1e-5 * np.abs(truth).max())


def test_logistic_gradient_survives_large_margins(rng):
    targets = signs(rng, 1, 3, 4)
    weights = [1e4 * np.eye(4)[None]]
    trainer = Trainer(targets, weights, [None], Recipe(loss="logistic"))
    trainer.show()
    trainer.backward()
    np.testing.assert_allclose(trainer.weights[0].gradient, 0, atol=1e-30)


@pytest.mark.parametrize("loss", LOSSES)
def test_reported_loss_is_that_of_the_returned_network(rng, loss):
    weights = network(rng, (6, 4, 6))
    targets = signs(rng, 1, 5, 6)
    recipe = Recipe(steps=37, loss=loss, learning_rate=1e-2)
    trained = train(targets, weights, limits=unbounded(weights), recipe=recipe)
    truth = mean_loss([w[0] for w in trained.weights], targets[0], targets[0], loss)
    assert trained.losses[0] == pytest.approx(truth, rel=1e-5)
    assert trained.steps.tolist() == [37]


# Optimisers


def textbook_rmsprop(value, gradients, rate, decay=0.99, epsilon=1e-8):
    square = 0.0
    for gradient in gradients:
        square = decay * square + (1 - decay) * gradient**2
        value = value - rate * gradient / (np.sqrt(square) + epsilon)
    return value


def textbook_adam(value, gradients, rate, first=0.9, second=0.999, epsilon=1e-8):
    mean = square = 0.0
    for count, gradient in enumerate(gradients, start=1):
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        corrected = mean / (1 - first**count), square / (1 - second**count)
        value = value - rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
    return value


def run_optimizer(kind, value, gradients, rate):
    value = value.copy()
    optimizer = kind(value)
    for gradient in gradients:
        optimizer.step(value, gradient.copy(), rate, np.empty_like(value))
    return value


# At a scale of 1e-8 the epsilon under the fraction line counts as much as the gradient.
@pytest.mark.parametrize("scale", [1.0, 1e-8])
@pytest.mark.parametrize(("kind", "textbook"), [(RMSprop, textbook_rmsprop), (Adam, textbook_adam)])
def test_optimizers_equal_their_textbook_form(rng, kind, textbook, scale):
    value, gradients = rng.normal(size=(3, 4)), scale * rng.normal(size=(30, 3, 4))
    found = run_optimizer(kind, value, gradients, 0.01)
    np.testing.assert_allclose(found, textbook(value, gradients, 0.01), rtol=1e-12)


@pytest.mark.parametrize("name", ["RMSprop", "Adam"])
def test_optimizers_equal_pytorch(rng, name):
    torch = pytest.importorskip("torch")
    value, gradients = rng.normal(size=5), rng.normal(size=(20, 5))
    tensor = torch.tensor(value, requires_grad=True)
    optimizer = getattr(torch.optim, name)([tensor], lr=0.01)
    for gradient in gradients:
        tensor.grad = torch.tensor(gradient)
        optimizer.step()
    found = run_optimizer({"RMSprop": RMSprop, "Adam": Adam}[name], value, gradients, 0.01)
    np.testing.assert_allclose(found, tensor.detach().numpy(), rtol=1e-10)


def test_training_loop_equals_plain_rmsprop(rng):
    """One layer, thirty steps, written out with the gradient of the squared error of tanh."""
    x, weight = signs(rng, 5, 6), rng.normal(0, 0.3, (6, 6)).astype(np.float32)
    recipe = Recipe(steps=30, learning_rate=1e-2)
    trained = train(x[None], [weight[None]], limits=[None], recipe=recipe)
    value, square = weight.astype(float), 0.0
    for _ in range(30):
        output = np.tanh(x @ value.T)
        gradient = (2 / x.size) * ((output - x) * (1 - output**2)).T @ x
        square = 0.99 * square + 0.01 * gradient**2
        value -= 1e-2 * gradient / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(trained.weights[0][0], value, rtol=1e-3, atol=1e-4)


def test_rates():
    assert [Recipe(learning_rate=0.3).rate(step) for step in (0, 9999)] == [0.3, 0.3]
    falling = Recipe(optimizer="adam", learning_rate=0.3, steps=120)
    angles = [0, 40, 60, 80, 120]
    np.testing.assert_allclose(
        [falling.rate(s) for s in angles], [0.3, 0.225, 0.15, 0.075, 0], atol=1e-12
    )


# Limits


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_limits_hold_after_training(rng, optimizer):
    weights = network(rng, (8, 5, 8))
    low = [rng.uniform(-0.4, 0.2, w.shape).astype(np.float32) for w in weights]
    high = [(bound + rng.uniform(0, 0.4, bound.shape)).astype(np.float32) for bound in low]
    stuck = rng.random(low[0].shape) < 0.3
    high[0][stuck] = low[0][stuck]
    recipe = Recipe(optimizer=optimizer, learning_rate=0.05, steps=60)
    limits = list(zip(low, high, strict=True))
    trained = train(signs(rng, 1, 6, 8), weights, limits=limits, recipe=recipe)
    for weight, smallest, largest in zip(trained.weights, low, high, strict=True):
        assert (weight >= smallest).all()
        assert (weight <= largest).all()
    assert (trained.weights[0][stuck] == low[0][stuck]).all()
    start = np.clip(weights[0], low[0], high[0])
    assert (trained.weights[0] != start)[~stuck].any()  # the bounds did not freeze everything


def test_masked_weights_are_exactly_zero_and_the_others_learn(rng):
    weights = network(rng, (8, 8))
    bound = np.where(rng.random((1, 8, 8)) < 0.5, 0.0, np.inf)
    trained = train(
        signs(rng, 1, 2, 8), weights, limits=[(-bound, bound)], recipe=Recipe(steps=200)
    )
    free = bound > 0
    assert (trained.weights[0][~free] == 0).all()
    assert (trained.weights[0][free] != weights[0][free]).all()


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_masked_weights_train_as_within_wide_bounds(rng, optimizer):
    """The 0/1 mask that stands for infinite bounds moves every weight as bounds would."""
    weights = network(rng, (8, 5, 8), replicas=2)
    working = [rng.random(w.shape) < 0.6 for w in weights]
    recipe = Recipe(optimizer=optimizer, learning_rate=0.02, steps=60)
    targets = signs(rng, 2, 6, 8)
    bounds = ([np.where(w, width, 0.0) for w in working] for width in (np.inf, 1e30))
    masked, bounded = (
        train(targets, weights, limits=[(-b, b) for b in bound], recipe=recipe) for bound in bounds
    )
    for a, b in zip(masked.weights, bounded.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("width", [1e30, np.inf])
def test_wide_limits_equal_none(rng, width):
    weights = network(rng, (6, 6))
    targets, recipe = signs(rng, 1, 4, 6), Recipe(steps=50)
    bounds = [tuple(np.full((1, 6, 6), bound) for bound in (-width, width))]
    free = train(targets, weights, limits=[None], recipe=recipe)
    bounded = train(targets, weights, limits=bounds, recipe=recipe)
    np.testing.assert_array_equal(free.weights[0], bounded.weights[0])


def test_arguments_are_left_alone(rng):
    weights = network(rng, (6, 6))
    targets = signs(rng, 1, 4, 6)
    before = targets.copy(), weights[0].copy()
    train(targets, weights, limits=[None], recipe=Recipe(steps=20))
    for array, copy in zip((targets, weights[0]), before, strict=True):
        np.testing.assert_array_equal(array, copy)


# Batches and stopping


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_batch_equals_networks_trained_alone(rng, optimizer):
    """Bit for bit, although the replicas leave the batch at different steps."""
    weights = network(rng, (8, 6, 8), replicas=4)
    targets = signs(rng, 4, 3, 8)
    bound = np.where(rng.random((4, 6, 8)) < 0.2, 0.0, np.inf)
    limits = [(-bound, bound), None]
    recipe = Recipe(optimizer=optimizer, learning_rate=0.01, steps=400, tolerance=0.02)
    together = train(targets, weights, limits=limits, recipe=recipe)
    assert len(set(together.steps.tolist())) > 1
    for r in range(4):
        one = slice(r, r + 1)
        alone = train(
            targets[one],
            [w[one] for w in weights],
            limits=[(-bound[one], bound[one]), None],
            recipe=recipe,
        )
        for a, b in zip(together.weights, alone.weights, strict=True):
            np.testing.assert_array_equal(a[one], b)
        assert (together.steps[r], together.losses[r]) == (alone.steps[0], alone.losses[0])


def test_training_stops_at_the_tolerance_and_not_before(rng):
    weights = network(rng, (8, 8))
    targets = signs(rng, 1, 3, 8)

    def run(steps):
        recipe = Recipe(learning_rate=0.01, steps=steps, tolerance=1e-3)
        return train(targets, weights, limits=[None], recipe=recipe)

    stopped = run(5000)
    assert stopped.steps[0] < 5000
    assert stopped.losses[0] < 1e-3
    look = int(stopped.steps[0]) - 10  # the loss is looked at every ten steps
    assert run(look).losses[0] >= 1e-3


def test_a_network_that_is_trained_already_takes_no_step(rng):
    targets = signs(rng, 1, 3, 8)
    weights = [20 * np.eye(8)[None]]
    trained = train(targets, weights, limits=[None], recipe=Recipe())
    assert trained.steps[0] == 0
    np.testing.assert_array_equal(trained.weights[0], weights[0])


def test_each_network_sees_the_patterns_drawn_for_it(rng):
    patterns = signs(rng, 3, 7, 6)
    weights = network(rng, (6, 6), replicas=3)
    rows = rng.integers(0, 7, (3, 4))
    trainer = Trainer(patterns, weights, [None], Recipe(), draw=lambda: list(rows))
    trainer.show()
    for r in range(3):
        np.testing.assert_array_equal(trainer.targets[r], patterns[r, rows[r]])
    assert trainer.inputs is trainer.targets


def test_drawing_every_pattern_in_order_equals_showing_all(rng):
    weights = network(rng, (6, 4, 6), replicas=2)
    targets, recipe = signs(rng, 2, 5, 6), Recipe(steps=23, learning_rate=1e-2, tolerance=0.0)
    options = {"limits": unbounded(weights), "recipe": recipe}
    shown = train(targets, weights, **options)
    drawn = train(targets, weights, **options, draw=lambda: [np.arange(5)] * 2)
    for one, other in zip(shown.weights, drawn.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_learns_only_from_the_patterns_drawn(rng):
    weights = network(rng, (6, 6))
    targets, recipe = signs(rng, 1, 5, 6), Recipe(steps=9, learning_rate=1e-2)
    options = {"limits": unbounded(weights), "recipe": recipe}
    drawn = train(targets, weights, **options, draw=lambda: [np.array([3, 1])])
    alone = train(targets[:, [3, 1]], weights, **options)
    np.testing.assert_allclose(drawn.weights[0], alone.weights[0], rtol=1e-5, atol=1e-6)


def copied(clean, out):
    np.copyto(out, clean)


def test_clean_cues_equal_published_training(rng):
    weights = network(rng, (8, 5, 8))
    targets, recipe = signs(rng, 1, 3, 8), Recipe(steps=40, tolerance=0.0)
    published = train(targets, weights, limits=[None] * 2, recipe=recipe)
    shown = train(targets, weights, limits=[None] * 2, recipe=recipe, corrupt=copied)
    for a, b in zip(published.weights, shown.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_cues_are_drawn_afresh_for_each_step(rng):
    calls = []
    weights = network(rng, (6, 6))
    train(
        signs(rng, 1, 3, 6),
        weights,
        limits=[None],
        recipe=Recipe(steps=25),
        corrupt=lambda clean, out: (calls.append(1), np.copyto(out, clean)),
    )
    assert len(calls) == 26  # before each step, and once for the final loss


# Bad input


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer='sgd' .*'rmsprop'"),
        ({"loss": "hinge"}, "loss='hinge' .*'squared'"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": np.nan}, "learning_rate is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 10.5}, "steps is 10.5"),
        ({"tolerance": -1e-8}, "tolerance is -1e-08"),
        ({"tolerance": np.nan}, "tolerance is nan"),
        ({"unroll": 0}, "unroll is 0"),
    ],
)
def test_bad_recipes(setting, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Recipe(**setting)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_diverging_training_says_what_to_lower(rng):
    weights = network(rng, (6, 6))
    recipe = Recipe(learning_rate=3e38, steps=50)
    with pytest.raises(FloatingPointError, match=r"learning_rate=3e\+38"):
        train(signs(rng, 1, 4, 6), weights, limits=[None], recipe=recipe)
