"""Yardsticks from statistical mechanics to draw on the capacity figures."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf
from scipy.stats import norm

# Below this mean cosine the paper does not count a pattern as recalled.
RECALLED = 0.99


def gardner_capacity(stability=0.0, *, connectivity=1.0, stuck_ratio=0.0):
    """Largest load P/N of independent patterns that couplings can hold with a given stability.

    α = c / [(1 + κ²)Φ(κ) + κφ(κ)] (Gardner 1988); at κ = 0 it is 2. Diluted couplings scale it
    by the fraction c that works. Couplings stuck at random values add Gaussian noise to the
    fields; at κ = 0 they lower it to 2c/(1 + ρ²).

    Parameters
    ----------
    stability : float or array
        κ, the smallest margin x·h over the norm of the couplings; 0 or more.
    connectivity : float or array
        Fraction c in [0, 1] of couplings that can be set.
    stuck_ratio : float or array
        ρ, norm of the stuck couplings over that of the free ones; only with zero stability.

    Returns
    -------
    float or array
        Patterns per neuron.
    """
    stability, stuck_ratio = np.asarray(stability, float), np.asarray(stuck_ratio, float)
    if not ((np.asarray(connectivity) >= 0) & (np.asarray(connectivity) <= 1)).all():
        raise ValueError(f"connectivity {connectivity} is a fraction: pass values in [0, 1]")
    if (stability < 0).any():
        raise ValueError(f"stability {stability.min():g} is negative: pass 0 or more")
    if stability.any() and stuck_ratio.any():
        raise ValueError("stuck_ratio is known only for stability 0: set one of them to 0")
    moment = (1 + stability**2) * norm.cdf(stability) + stability * norm.pdf(stability)
    return (connectivity / moment / (1 + stuck_ratio**2))[()]


def hebbian_overlap(load):
    """Overlap m of a Hebbian memory with a stored pattern, at load P/N and zero temperature.

    Largest solution of y(√(2α) + (2/√π)exp(-y²)) = erf(y), m = erf(y) (Amit, Gutfreund &
    Sompolinsky 1985); 0 where only y = 0 is left.
    """
    grid = np.linspace(1e-3, 6, 6001)
    excess = erf(grid) - grid * (np.sqrt(2 * load) + 2 / np.sqrt(np.pi) * np.exp(-(grid**2)))
    held = np.flatnonzero(excess > 0)
    return float(erf(grid[held[-1]])) if held.size else 0.0


def hebbian_capacity(overlap=None):
    """Largest load P/N of a Hebbian memory: 0.138 at all, 0.126 at a mean overlap of 0.99.

    Parameters
    ----------
    overlap : float, optional
        Overlap that must be kept, below 1; None asks only for a retrieval state.
    """
    if overlap is not None and not 0 < overlap < 1:
        raise ValueError(f"overlap is {overlap}, but must lie between 0 and 1; try 0.99")
    wanted = overlap or 0.5  # retrieval states vanish at once, from an overlap of 0.967
    return brentq(lambda load: hebbian_overlap(load) - wanted, 0.02, 0.2, xtol=1e-6)


def one_step_overlap(overlap, stability):
    """Overlap after one update from a cue of given overlap, if every neuron has that stability.

    m₁ = erf(Λm₀/√(2(1 - m₀²))) (Gardner, Stroud & Wallace 1989).
    """
    overlap = np.asarray(overlap, dtype=float)
    return erf(stability * overlap / np.sqrt(2 * (1 - overlap**2)))[()]


def one_step_capacity(overlap, target=RECALLED):
    """Largest load from which one update lifts ``overlap`` to ``target``, for random patterns.

    The stability that this needs, put into Gardner's bound; 0.397 from 0.90 to 0.99. Several
    updates can do more.
    """
    needed = brentq(lambda k: one_step_overlap(overlap, k) - target, 0.0, 100.0)
    return gardner_capacity(needed)


def hidden_layer_bound(hidden, bits_per_pixel=1.0):
    """Patterns that a network with one hidden layer can hold at most, at 2 bits per weight.

    A pattern of N pixels with h bits each takes N·h of the 2·(2·N·Nh) bits, so P ≤ 4·Nh/h: linear
    for independent patterns, and superlinear only where h falls as the images grow.
    """
    return 4 * hidden / bits_per_pixel
