"""Nonlinear resistive networks: crossbars, clamps and amplifiers that settle to least energy.

The networks of Döll, Müller and Ulmann 2025 (arXiv 2512.12428, "the paper"), after Kendall et al.
2020 (arXiv 2006.01981), in SI units. Of chips this subject takes more than `WeightLimits`: its
resistive lines are those of `crossmem.chip.ports`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crossmem.checks import check_not_negative, check_positive, check_rng
from crossmem.chip.ports import voltages_over_devices
from crossmem.networks.clamps import Clamps, Diodes

NEWTON_STEPS = 100  # clamps end in 1 to 8; diodes driven to tens of volts took up to 30
PRECISION = 1e-13  # relative to the largest shift among the nodes of a sample
ROUNDING = 1e-15  # of potentials, relative to the largest of a sample


@dataclass(frozen=True, eq=False)
class ResistiveNetwork:
    """Crossbars of memristors in series, with clamped and amplified nodes between them.

    Word lines of the first crossbar are the features, then their negatives, then the two bias
    lines; those of a later one are the amplified nodes before it, then two bias lines. Bit lines of
    the last crossbar are the outputs in pairs y+, y-. An amplifier passes gain times the voltage
    forwards and 1 / gain of the current back.

    Parameters
    ----------
    conductances : sequence of numpy.ndarray, shapes (2 F + 2, H1), (H1 + 2, H2), ..., (H + 2, 2 K)
        In S.
    nonlinearity : Clamps or Diodes
        From every hidden node to ground.
    gain : float
        Of the amplifiers.
    line_resistance : float
        Resistance in Ω of each segment of word and bit lines, as in `voltages_over_devices`.
    bias : float
        The bias lines are held at +bias and -bias, in V.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a value is out of range.

    Notes
    -----
    Every potential is kept divided by the gains that it has passed. In these units an amplifier is
    a wire and the network passive: its equilibrium is the minimum of a convex energy, the content,
    which is half the dissipation of the resistors plus the content of the clamps minus the power of
    the currents that are injected. ``potentials`` (n, P) hold the sources first, then the nodes of
    one layer after the other, outputs last; a row is a sample.
    """

    conductances: tuple
    nonlinearity: Clamps | Diodes = Clamps()
    gain: float = 4.0
    line_resistance: float = 0.0
    bias: float = 1.0

    def __post_init__(self):
        check_positive(self.gain, "gain", example=4.0)
        check_not_negative(self.line_resistance, "line_resistance", example=2.0)
        check_positive(self.bias, "bias", example=1.0)
        shapes = [np.shape(conductance) for conductance in self.conductances]
        if not _make_a_network(shapes):
            raise ValueError(
                f"conductances of shapes {shapes} do not make a network: give (2 features + 2, "
                "hidden), (hidden + 2, next hidden) and so on up to (hidden + 2, 2 outputs)"
            )
        for conductance in self.conductances:
            wrong = conductance[~((conductance > 0) & (conductance < np.inf))]
            if wrong.size:
                raise ValueError(
                    f"conductance {wrong[0]:g} S is not a finite number above 0: "
                    "give each device at least that of its highest resistance"
                )

    # The network as a graph

    @cached_property
    def _sizes(self):
        """Nodes of each layer, outputs last."""
        return [conductance.shape[1] for conductance in self.conductances]

    @cached_property
    def _gains(self):
        """Gain (nodes,) that the potential of each node has been divided by."""
        return np.repeat(float(self.gain) ** np.arange(len(self._sizes)), self._sizes)

    @cached_property
    def _sources(self):
        """Number of potentials that are given: word lines of the first crossbar, then biases."""
        return len(self.conductances[0]) + 2 * (len(self._sizes) - 1)

    @cached_property
    def _crossbars(self):
        """The crossbars, with the places of their ports among the potentials."""
        rows, biases, nodes = np.split(
            np.arange(self._sources + self._gains.size),
            [len(self.conductances[0]), self._sources],
        )
        crossbars = []
        for k, columns in enumerate(np.split(nodes, np.cumsum(self._sizes)[:-1])):
            ports = np.concatenate([rows, columns])
            crossbars.append(_Crossbar(self.conductances[k], ports, self.line_resistance))
            rows = np.concatenate([columns, biases[2 * k : 2 * k + 2]])
        return crossbars

    @cached_property
    def _admittance(self):
        """Current (nodes, P) in A per volt that flows from each node into the crossbars."""
        matrix = np.zeros((self._gains.size, self._sources + self._gains.size))
        live = 0  # word lines that are nodes: first none, then all but the bias lines
        for crossbar in self._crossbars:
            rows, columns = crossbar.conductance.shape
            nodes = np.delete(crossbar.ports, np.s_[live:rows]) - self._sources
            matrix[np.ix_(nodes, crossbar.ports)] += crossbar.admittance(live)
            live = columns
        return matrix

    @cached_property
    def _blocks(self):
        """Matrix of the nodes, split so that the first of them are not coupled to one another.

        With ideal lines a layer is coupled only to the layers beside it, so that every other layer
        can be eliminated at once, the outputs of a small network by its few hidden nodes or the
        hidden nodes by the outputs, whichever leaves the smaller matrix.

        Returns the places of the first nodes and of the rest, the diagonal of the first, and the
        blocks (rest, first) and (rest, rest).
        """
        odd = np.repeat(np.arange(len(self._sizes)) % 2 == 1, self._sizes)
        eliminated = (odd if 2 * odd.sum() > odd.size else ~odd) & (self.line_resistance == 0)
        first, rest = np.flatnonzero(eliminated), np.flatnonzero(~eliminated)
        matrix = self._admittance[:, self._sources :]
        return (
            first,
            rest,
            matrix[first, first],
            matrix[np.ix_(rest, first)],
            matrix[np.ix_(rest, rest)],
        )

    # Equilibria

    def free(self, inputs):
        """Free equilibrium of all samples.

        Parameters
        ----------
        inputs : numpy.ndarray, shape (n, F)
            Features in V.

        Returns
        -------
        numpy.ndarray, shape (n, P)
            Potentials, see the notes of the class.

        Raises
        ------
        RuntimeError
            If a sample does not settle; the message names it.
        """
        biases = np.outer(float(self.gain) ** -np.arange(len(self._sizes)), [self.bias, -self.bias])
        sources = np.hstack([inputs, -inputs, np.tile(biases.ravel(), (len(inputs), 1))])
        currents = -sources @ self._admittance[:, : self._sources].T
        return np.hstack([sources, self._settle(np.zeros_like(currents), currents)])

    def nudged(self, potentials, currents):
        """How far currents (n, 2 K) in A into the outputs move an equilibrium, shape (n, P).

        The change is what is solved for, so that it has all digits however weak the nudge.
        """
        nodes = potentials[:, self._sources :]
        return self._change(self._settle(nodes, self._into_nodes(currents)))

    def outputs(self, potentials):
        """Differences y+ - y- of the outputs in V, shape (n, K)."""
        voltages = self.voltages(potentials)[-1]
        return voltages[:, ::2] - voltages[:, 1::2]

    def voltages(self, potentials):
        """Voltages in V of the nodes of each layer before its amplifiers, arrays (n, H)."""
        nodes = potentials[:, self._sources :] * self._gains
        return np.split(nodes, np.cumsum(self._sizes)[:-1], axis=1)

    def conducting(self, potentials):
        """Which hidden nodes (n, H) have clamps beyond their threshold."""
        hidden, _ = self._hidden(potentials[:, self._sources :])
        return self.nonlinearity.response(hidden, np.zeros_like(hidden))[1] > 0

    def drops(self, potentials):
        """Voltage in V over each device, arrays (n, rows, columns)."""
        gains = float(self.gain) ** np.arange(len(self._sizes))
        return [g * c.drops(potentials) for g, c in zip(gains, self._crossbars, strict=True)]

    def energy(self, potentials, currents=None):
        """Energy of each sample in W, shape (n,), with currents (n, 2 K) in A into the outputs."""
        nodes = potentials[:, self._sources :]
        hidden, gains = self._hidden(nodes)
        energy = (self.nonlinearity.content(hidden) / gains**2).sum(axis=1)
        energy += sum(crossbar.power(potentials) / 2 for crossbar in self._crossbars)
        return energy if currents is None else energy - (self._into_nodes(currents) * nodes).sum(1)

    # Gradients of the loss, which is half the sum of the squared errors of the outputs

    def gradient(self, potentials, errors):
        """Exact gradient of the loss, by one linear solution: the limit of weak nudges.

        Parameters
        ----------
        potentials : numpy.ndarray, shape (n, P)
            What `free` returned.
        errors : numpy.ndarray, shape (n, K)
            Outputs minus targets in V.

        Returns
        -------
        list of numpy.ndarray
            dL / dG in V²/S of each crossbar, summed over the samples.
        """
        nodes = potentials[:, self._sources :]
        _, slopes = self._clamped(nodes, np.zeros_like(nodes))
        shift = self._newton(slopes, self._into_nodes(_pairs(-errors)))
        return self._products(potentials, self._change(shift))

    def estimate(self, potentials, errors, nudge, *, centred=False, noise=0.0, rng=None):
        """Gradient of the loss from voltages at finite nudges (paper, Eqs. 8 and 10 to 14).

        The difference of two squared voltages is taken as their difference times their sum. Unlike
        equation 14, the gradient has a factor gain² for each amplifier behind the crossbar.

        Parameters
        ----------
        potentials, errors : numpy.ndarray
            As for `gradient`.
        nudge : float
            Feedback current per error, the paper's β, in A/V.
        centred : bool
            Whether to compare two nudges of opposite signs, or one nudge with the free equilibrium.
        noise : float
            Standard deviation in V of reading the voltage of a node in either equilibrium.
        rng : numpy.random.Generator or None
            Draws the noise.

        Returns
        -------
        list of numpy.ndarray
            As for `gradient`.
        """
        check_positive(nudge, "nudge", example=1e-6)
        currents = _pairs(-nudge * errors)
        phases = [self.nudged(potentials, currents)]
        phases += [self.nudged(potentials, -currents) if centred else np.zeros_like(potentials)]
        if check_not_negative(noise, "noise", example=1e-3):
            for phase in phases:
                reading = check_rng(rng).normal(0.0, noise, (len(phase), self._gains.size))
                phase[:, self._sources :] += reading / self._gains
        width = 4 * nudge if centred else 2 * nudge
        return self._products(phases[0] - phases[1], (2 * potentials + sum(phases)) / width)

    def _products(self, a, b):
        """Products of the voltages of two sets of potentials, summed over samples, per device."""
        return [self._gains[-1] ** 2 * crossbar.products(a, b) for crossbar in self._crossbars]

    # Newton's method; nodes, currents, shift, slopes and force are arrays (n, nodes)

    def _settle(self, nodes, currents):
        """Shift that brings nodes from one equilibrium to that with additional currents in A."""
        shift, force, left = np.zeros_like(currents), currents, np.arange(len(currents))
        _, slopes = self._clamped(nodes, shift)
        matrix = self._admittance[:, self._sources :]
        for _ in range(NEWTON_STEPS):
            shift[left] += self._newton(slopes, force)
            start, moved = nodes[left], shift[left]
            change, slopes = self._clamped(start, moved)
            force = currents[left] - moved @ matrix - change
            missing = np.abs(force / (matrix.diagonal() + slopes)).max(axis=1)
            allowed = PRECISION * np.abs(moved) + ROUNDING * np.abs(start)
            wrong = ~(missing <= allowed.max(axis=1))
            if not wrong.any():
                return shift
            left, force, slopes = left[wrong], force[wrong], slopes[wrong]
        raise RuntimeError(
            f"sample {left[0]} does not settle: after {NEWTON_STEPS} Newton steps its currents "
            f"still miss Kirchhoff's law by {np.abs(force[0]).max():.2g} A; lower the input "
            "voltages, or raise the resistance of the clamps"
        )

    def _newton(self, slopes, force):
        """Shift of the linearised network under a force, currents in A."""
        first, rest, diagonal, across, matrix = self._blocks
        if (slopes == slopes[:1]).all():
            slopes = slopes[:1]  # one matrix for all samples
        weights = 1 / (diagonal + slopes[:, first])
        reduced = matrix - (across * weights[:, None]) @ across.T
        reduced[:, np.arange(rest.size), np.arange(rest.size)] += slopes[:, rest]
        right = force[:, rest] - (force[:, first] * weights) @ across.T
        shift = np.empty_like(force)
        if len(reduced) == 1:
            shift[:, rest] = np.linalg.solve(reduced[0], right.T).T
        else:
            shift[:, rest] = np.linalg.solve(reduced, right[..., None])[..., 0]
        shift[:, first] = (force[:, first] - shift[:, rest] @ across) * weights
        return shift

    def _hidden(self, nodes):
        """Voltages in V of the hidden nodes, and the gains that they have passed."""
        hidden = self._gains.size - self._sizes[-1]
        return nodes[:, :hidden] * self._gains[:hidden], self._gains[:hidden]

    def _clamped(self, nodes, shift):
        """Change of the clamps' current in A by a shift, and their slope in S after it."""
        (hidden, gains), (moved, _) = self._hidden(nodes), self._hidden(shift)
        change, slopes = np.zeros_like(nodes), np.zeros_like(nodes)
        response = self.nonlinearity.response(hidden, moved)
        change[:, : gains.size], slopes[:, : gains.size] = response[0] / gains, response[1]
        return change, slopes

    def _into_nodes(self, currents):
        """Currents (n, 2 K) into the outputs as those into all nodes of the passive network."""
        return np.pad(currents / self._gains[-1], [(0, 0), (self._gains.size - self._sizes[-1], 0)])

    def _change(self, shift):
        """A shift of the nodes as one of all potentials."""
        return np.pad(shift, [(0, 0), (self._sources, 0)])


class _Crossbar:
    """A crossbar as its ports see it: left ends of the word lines, bottom ends of the bit lines.

    Resistive lines are eliminated (Kron reduction): the voltages over the devices are linear in the
    potentials of the ports. ``ports`` are the places of these, word lines first, in ``potentials``.
    """

    def __init__(self, conductance, ports, line_resistance):
        self.conductance, self.ports = conductance, ports
        self._over = (
            voltages_over_devices(conductance, line_resistance) if line_resistance else None
        )

    def admittance(self, live):
        """Current per volt at each port, into the first ``live`` word lines and all bit lines."""
        rows, columns = self.conductance.shape
        if self._over is not None:
            currents = self._over * self.conductance
            return np.vstack([currents.sum(axis=2).T[:live], -currents.sum(axis=1).T])
        word, bit = np.eye(live, rows), np.eye(columns)
        return np.block(
            [
                [word * self.conductance.sum(axis=1), -self.conductance[:live]],
                [-self.conductance.T, bit * self.conductance.sum(axis=0)],
            ]
        )

    def drops(self, potentials):
        """Voltages (n, rows, columns) over the devices."""
        if self._over is not None:
            return np.tensordot(potentials[:, self.ports], self._over, axes=1)
        word, bit = self._ends(potentials)
        return word[:, :, None] - bit[:, None]

    def power(self, potentials):
        """Power (n,) that enters through the ports."""
        word, bit = self._ends(potentials)
        currents = self.conductance * self.drops(potentials)
        return (word * currents.sum(axis=2)).sum(axis=1) - (bit * currents.sum(axis=1)).sum(axis=1)

    def products(self, a, b):
        """Products (rows, columns) of the voltages over each device, summed over two sets of n."""
        if self._over is not None:
            return (self.drops(a) * self.drops(b)).sum(axis=0)
        (word_a, bit_a), (word_b, bit_b) = self._ends(a), self._ends(b)
        ends = (word_a * word_b).sum(axis=0)[:, None] + (bit_a * bit_b).sum(axis=0)
        return ends - word_a.T @ bit_b - word_b.T @ bit_a

    def _ends(self, potentials):
        return np.split(potentials[:, self.ports], [len(self.conductance)], axis=1)


def _pairs(currents):
    """Currents (n, 2 K) into y+ and the opposite ones into y-."""
    return np.repeat(currents, 2, axis=1) * np.tile([1.0, -1.0], currents.shape[1])


def _make_a_network(shapes):
    """Whether each crossbar has the word lines that its place in the network asks for."""
    if not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
        return False
    chain = all(
        later[0] == earlier[1] + 2 for earlier, later in zip(shapes, shapes[1:], strict=False)
    )
    return chain and shapes[0][0] % 2 == 0 and shapes[0][0] >= 4 and shapes[-1][1] % 2 == 0
