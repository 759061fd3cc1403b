"""Gradient descent of a stack of tanh layers within weight limits: the hot loop.

A leading replica axis lets several small networks train as one batched product. Every array lives
where the targets do: CuPy's train on the GPU, by the same lines.
"""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from crossmem.checks import check_choice, check_count, check_not_negative, check_positive
from crossmem.networks.arrays import namespace_of, to_numpy

LOSSES = ("squared", "cubic", "logistic")
EPSILON = 1e-8  # of both optimisers, the default of every deep-learning library
CHECK_EVERY = 10  # steps between two looks at the loss: the look costs a pass over the outputs


@dataclass(frozen=True)
class Recipe:
    """How to descend.

    Attributes
    ----------
    optimizer : {"rmsprop", "adam"}
        RMSprop at a constant rate, as published (He et al. 2026, Methods), or Adam whose rate
        falls to zero along a half cosine.
    learning_rate : float
        Step size, in units of the effective weight (weight times gain).
    steps, tolerance : int, float
        Largest number of steps; a network stops once its mean loss per output is below this.
    loss : {"squared", "cubic", "logistic"}
        Squared error of tanh (paper, equation 5), the third power of its amount, which heeds wrong
        outputs more than nearly right ones, or the logistic loss of the margin x·h.
    unroll : int
        Updates of the state before the loss is taken, by the same weights; published with 1.
    """

    optimizer: str = "rmsprop"
    learning_rate: float = 1e-3
    steps: int = 10_000
    tolerance: float = 1e-8
    loss: str = "squared"
    unroll: int = 1

    def __post_init__(self):
        check_choice(self.optimizer, "optimizer", OPTIMIZERS)
        check_choice(self.loss, "loss", LOSSES)
        check_positive(self.learning_rate, "learning_rate", 1e-3)
        check_count(self.steps, "steps")
        check_not_negative(self.tolerance, "tolerance", 1e-8)
        check_count(self.unroll, "unroll")

    def rate(self, step):
        """Learning rate at a step counted from 0."""
        if self.optimizer == "rmsprop":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1.0 + np.cos(np.pi * step / self.steps))


class RMSprop:
    """Step over the root of a running mean of squared gradients (Tieleman & Hinton 2012).

    ``square`` times ``1 - decay`` is the mean: the factor waits for the step and saves a pass.
    """

    decay = 0.99

    def __init__(self, like):
        self.xp = namespace_of(like)
        self.square, self.count = self.xp.zeros_like(like), 0

    def step(self, value, gradient, rate, scratch):
        """Move ``value`` in place; ``gradient`` and ``scratch`` are overwritten."""
        self.count += 1
        self.xp.multiply(gradient, gradient, out=scratch)
        self.square *= self.decay
        self.square += scratch
        self.xp.sqrt(self.square, out=scratch)
        direction, unit, root_unit = self.direction(gradient)
        scratch += EPSILON / root_unit
        self.xp.divide(direction, scratch, out=gradient)
        gradient *= rate * unit / root_unit
        value -= gradient

    def direction(self, gradient):
        """What is divided by the root, its unit, and that of the root."""
        return gradient, 1.0, (1.0 - self.decay) ** 0.5


class Adam(RMSprop):
    """RMSprop with a running mean of the gradient, both means corrected (Kingma & Ba 2015)."""

    decay, momentum = 0.999, 0.9

    def __init__(self, like):
        super().__init__(like)
        self.mean = self.xp.zeros_like(like)

    def direction(self, gradient):
        """As in `RMSprop`, with the running mean in place of the gradient."""
        self.mean *= self.momentum
        self.mean += gradient
        mean_unit = (1.0 - self.momentum) / (1.0 - self.momentum**self.count)
        square_unit = (1.0 - self.decay) / (1.0 - self.decay**self.count)
        return self.mean, mean_unit, square_unit**0.5


class Weights:
    """Weights of a layer, (R, n_out, n_in), with their gradient, limits and optimiser.

    All are arrays of the namespace ``xp``, whatever the arrays given are.
    """

    def __init__(self, value, limits, optimizer, xp):
        self.xp, self.value = xp, _single(value, xp)
        self.gradient, self.scratch = xp.empty_like(self.value), xp.empty_like(self.value)
        self.optimizer = optimizer(self.value)
        self.low = self.high = self.working = None
        if limits is not None:
            low, high = (_single(bound, xp) for bound in limits)
            free = xp.isinf(low) & xp.isinf(high)
            if not (free | ((low == 0) & (high == 0))).all():
                self.low, self.high = low, high
            elif not free.all():  # a 0/1 mask is one pass over memory, bounds are two
                self.working = free.astype(np.float32)
        self.project()

    def descend(self, rate):
        """One optimiser step along ``gradient``, then projection onto the limits."""
        self.optimizer.step(self.value, self.gradient, rate, self.scratch)
        self.project()

    def project(self):
        """Move into the limits; two passes beat ``clip``, which is slow with array bounds."""
        if self.working is not None:
            self.value *= self.working
        elif self.low is not None:
            self.xp.maximum(self.value, self.low, out=self.value)
            self.xp.minimum(self.value, self.high, out=self.value)

    def keep(self, alive):
        """Forget the replicas whose entry of ``alive`` is false."""
        kind = type(self.value)
        for owner in (self, self.optimizer):
            for name, array in vars(owner).items():
                if isinstance(array, kind):
                    setattr(owner, name, array[alive])


OPTIMIZERS = {"rmsprop": RMSprop, "adam": Adam}
Trained = namedtuple("Trained", ["weights", "losses", "steps"])


class Trainer:
    """A batch of R networks of equal shape, each with its own patterns, weights and limits.

    Parameters
    ----------
    targets : array (R, P, N)
        Patterns that each network must return. They say where training takes place.
    weights : list of arrays (R, n_out, n_in)
        Initial effective weights of each layer; they are copied.
    limits : list of (low, high) pairs of arrays (R, n_out, n_in), or of None
        Bounds of the effective weights.
    recipe : Recipe
    corrupt, draw : callable or None
        Before each step ``draw()`` returns which patterns each network sees, (R, B) of int, and
        ``corrupt(targets, out)`` writes fresh cues of them; without both, all are shown clean.
    """

    def __init__(self, targets, weights, limits, recipe, corrupt=None, draw=None):
        self.recipe, self.corrupt, self.draw = recipe, corrupt, draw
        kind, xp = OPTIMIZERS[recipe.optimizer], namespace_of(targets)
        self.xp, pairs = xp, zip(weights, limits, strict=True)
        self.weights = [Weights(value, bounds, kind, xp) for value, bounds in pairs]
        # Unrolled updates are a deeper stack whose layers share their weights.
        self.path = self.weights * recipe.unroll
        self.targets = self._patterns = _single(targets, xp)
        self._choose()
        self._allocate()

    def _allocate(self):
        self.inputs = self.xp.empty_like(self.targets) if self.corrupt else self.targets
        shapes = [(*self.targets.shape[:2], layer.value.shape[1]) for layer in self.path]
        self.outputs = [self.xp.empty(shape, dtype=np.float32) for shape in shapes]
        self.deltas = [self.xp.empty(shape, dtype=np.float32) for shape in shapes]

    def _choose(self):
        """Take the patterns of the next step, (R, B, N), if a step does not see all."""
        if self.draw:  # one `take` of whole rows: three times as fast as an index per replica
            replicas, count, neurons = self._patterns.shape
            rows = np.asarray(self.draw()) + count * np.arange(replicas)[:, None]
            rows = self.xp.asarray(rows)
            self.targets = self._patterns.reshape(-1, neurons).take(rows, axis=0)

    def show(self):
        """Choose patterns, draw cues, compute outputs tanh(W x); the logistic loss has W x last."""
        self._choose()
        if self.corrupt:
            self.corrupt(self.targets, self.inputs)
        else:
            self.inputs = self.targets
        below = self.inputs
        for weights, output in zip(self.path, self.outputs, strict=True):
            self.xp.matmul(below, weights.value.swapaxes(1, 2), out=output)
            if output is not self.outputs[-1] or self.recipe.loss != "logistic":
                self.xp.tanh(output, out=output)
            below = output

    def descend(self, rate):
        """One step of every network from the outputs just computed."""
        self.backward()
        for weights in self.weights:
            weights.descend(rate)

    def backward(self):
        """Gradients of the mean loss per output with respect to all weights."""
        self._output_delta()
        for index in reversed(range(len(self.path))):
            delta, weights = self.deltas[index], self.path[index]
            below = self.outputs[index - 1] if index else self.inputs
            # The last use of weights on the path writes their gradient, those before it add to it.
            last_use = index >= len(self.path) - len(self.weights)
            gradient = weights.gradient if last_use else weights.scratch
            self.xp.matmul(delta.swapaxes(1, 2), below, out=gradient)
            if not last_use:
                weights.gradient += gradient
            if index:
                self.xp.matmul(delta, weights.value, out=self.deltas[index - 1])
                self._to_slope(below)
                self.deltas[index - 1] *= below

    def _output_delta(self):
        """Loss gradient at the input of the last layer's activation; overwrites the outputs."""
        xp, loss = self.xp, self.recipe.loss
        output, delta = self.outputs[-1], self.deltas[-1]
        count = output.shape[1] * output.shape[2]
        if loss == "logistic":  # d/dh log(1 + exp(-x h)) = -x / (1 + exp(x h))
            xp.multiply(output, self.targets, out=output)
            xp.minimum(output, 80.0, out=output)  # exp(88) overflows float32
            xp.exp(output, out=output)
            output += 1.0
            xp.divide(self.targets, output, out=delta)
            delta *= -1.0 / count
            return
        xp.subtract(output, self.targets, out=delta)
        self._to_slope(output)
        if loss == "cubic":
            output *= delta
            xp.absolute(delta, out=delta)
        delta *= (2.0 if loss == "squared" else 3.0) / count
        delta *= output

    def losses(self):
        """Mean loss per output of each network, from the outputs just computed, shape (R,)."""
        xp, output = self.xp, self.outputs[-1]
        if self.recipe.loss == "logistic":
            return xp.logaddexp(0.0, -output * self.targets).mean(axis=(1, 2))
        error = xp.subtract(output, self.targets, out=self.deltas[-1])
        if self.recipe.loss == "cubic":
            return (xp.absolute(error) ** 3).mean(axis=(1, 2))
        return xp.einsum("rpn,rpn->r", error, error) / error[0].size

    def _to_slope(self, output):
        """Turn outputs of tanh into its slopes there, tanh' = 1 - tanh², in place."""
        output *= output
        self.xp.subtract(1.0, output, out=output)

    def keep(self, alive):
        """Go on with the replicas whose entry of ``alive``, a NumPy array, is true."""
        alive = self.xp.asarray(alive)
        self.targets = self._patterns = self.targets[alive]
        for weights in self.weights:
            weights.keep(alive)
        self._allocate()
        self.show()


def train(targets, weights, *, limits, recipe, corrupt=None, draw=None):
    """Train a batch of networks; each stops at its own tolerance or at the last step.

    Parameters are those of `Trainer`. `Trained` has the weights of each layer, (R, n_out, n_in),
    and the last loss and the steps taken of each network, (R,); all are arrays of NumPy, wherever
    training took place. A loss that stops being finite is a FloatingPointError. Networks do not
    depend on the others in their batch: every operation acts on each replica alone, and a finished
    one leaves. With ``corrupt`` or ``draw`` all take all steps, since the loss of fresh cues or of
    some patterns says little.
    """
    trainer = Trainer(targets, weights, limits, recipe, corrupt, draw)
    running = np.arange(len(trainer.targets))
    kept = [np.empty(layer.value.shape, dtype=np.float32) for layer in trainer.weights]
    result = Trained(kept, np.empty(len(running)), np.empty(len(running), dtype=int))
    for step in range(recipe.steps + 1):
        last = step == recipe.steps
        trainer.show()
        if last or (not (corrupt or draw) and step % CHECK_EVERY == 0):
            losses = to_numpy(trainer.losses()).astype(float)
            if not np.isfinite(losses).all():
                raise FloatingPointError(
                    f"training diverged by step {step}: lower learning_rate={recipe.learning_rate}"
                )
            done = (losses < recipe.tolerance) | last
            if done.any():
                ended = running[done]
                for array, layer in zip(kept, trainer.weights, strict=True):
                    array[ended] = to_numpy(layer.value[trainer.xp.asarray(done)])
                result.losses[ended], result.steps[ended] = losses[done], step
                running = running[~done]
                if not len(running):
                    break
                trainer.keep(~done)
        trainer.descend(recipe.rate(step))
    return result


def _single(array, xp):
    return xp.array(array, dtype=np.float32, order="C")
