"""Yardsticks from statistical mechanics to draw on the capacity figures."""

import itertools

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf, ndtr
from scipy.stats import norm

from crossmem.checks import check_fault_rates, check_within
from crossmem.patterns import image_side

# Below this mean cosine the paper does not count a pattern as recalled.
RECALLED = 0.99


def gardner_capacity(stability=0.0, connectivity=1.0, stuck_ratio=0.0):
    """Largest load P/N of random patterns, float or array, that couplings hold with a stability.

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
    """
    check_within(np.asarray(stability), 0, np.inf, "stability", "give 0 or more")
    check_within(np.asarray(connectivity), 0, 1, "connectivity", "give a fraction")
    if np.any(stability) and np.any(stuck_ratio):
        raise ValueError("stuck_ratio is known only for stability 0: set one of them to 0")
    moment = (1 + stability**2) * norm.cdf(stability) + stability * norm.pdf(stability)
    return connectivity / moment / (1 + stuck_ratio**2)


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

    ``overlap`` is the one that must be kept, below 1; None asks only for a retrieval state.
    """
    if overlap is not None and not 0 < overlap < 1:
        raise ValueError(f"overlap is {overlap}, but must lie between 0 and 1; try 0.99")
    wanted = overlap or 0.5  # retrieval states vanish at once, from an overlap of 0.967
    return brentq(lambda load: hebbian_overlap(load) - wanted, 0.02, 0.2, xtol=1e-6)


def one_step_overlap(overlap, stability):
    """Overlap after one update from a cue of given overlap, if every neuron has that stability.

    m₁ = erf(Λm₀/√(2(1 - m₀²))) (Gardner, Stroud & Wallace 1989) with the overlap m₀ of the cue, in
    (0, 1), which is 1 - 2f for a share f of flipped bits, and the stability Λ, the field over the
    norm of the weights. Floats or arrays.
    """
    overlap = np.asarray(overlap, dtype=float)
    return erf(stability * overlap / np.sqrt(2 * (1 - overlap**2)))[()]


def one_step_capacity(overlap, target=RECALLED):
    """Largest load P/N from which one update lifts ``overlap`` to ``target``, for random patterns.

    The stability that this needs, put into Gardner's bound; 0.397 from 0.90 to 0.99. Several
    updates can do more. Both overlaps lie in (0, 1), else it is a ValueError.
    """
    if not (0 < overlap < 1 and 0 < target < 1):
        raise ValueError(f"overlap {overlap} and target {target} must lie between 0 and 1")
    needed = brentq(lambda k: one_step_overlap(overlap, k) - target, 0.0, 100.0)
    return gardner_capacity(needed)


def counting_bound(weights, neurons, bits_per_pixel=1.0):
    """Patterns that a network may be expected to hold at most, at 2 bits per weight.

    A pattern of N pixels with h bits each takes N·h of the 2·w bits of w weights, so P = 2w/(N·h).
    One layer of threshold units and h = 1 give Gardner's 2N, a bound. For stacks it is a yardstick,
    not a theorem; one hidden layer gives 4·Nh/h: linear for independent patterns, and superlinear
    where h falls as the images grow.

    Takes numbers of working ``weights`` and of visible ``neurons``, and h from `bits_per_pixel`,
    `gaussian_bits_per_pixel` or `rate_distortion_bits`; all may be arrays.
    """
    return 2 * weights / (neurons * bits_per_pixel)


def bits_per_pixel(images):
    """Bits per pixel of binary images, as one part of them predicts the other; 1 for fair pixels.

    Each pixel is coded given its six causal neighbours (the template of the JBIG standard, cut to
    six), with a table per position that is counted on the even images and used on the odd ones,
    and the other way round. Any code is an upper bound on the entropy. The images, an array
    (n, side * side) of ±1, must be many more than the 64 contexts.
    """
    images = np.asarray(images) > 0
    side = image_side(images.shape[1])
    ink = np.pad(images.reshape(-1, side, side), ((0, 0), (2, 0), (2, 2)))
    causal = [(0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0)]
    context = sum(
        ink[:, 2 + down : 2 + down + side, 2 + right : 2 + right + side].astype(int) << k
        for k, (down, right) in enumerate(causal)
    ).reshape(images.shape)
    bits = []
    for half, pixel in itertools.product((0, 1), range(images.shape[1])):
        known, coded = slice(half, None, 2), slice(1 - half, None, 2)
        seen = context[known, pixel]
        dark = np.bincount(seen, images[known, pixel], minlength=64)
        # Krichevsky & Trofimov's estimator: half a count of each value
        chance = (dark + 0.5) / (np.bincount(seen, minlength=64) + 1)
        chance = chance[context[coded, pixel]]
        bits.append(-np.log2(np.where(images[coded, pixel], chance, 1 - chance)).mean())
    return float(np.mean(bits))


def rate_distortion_bits(similarity=RECALLED):
    """Bits per pixel, each uniform in [-1, 1], of patterns known up to a cosine similarity.

    Shannon's lower bound ½log₂(σ²/D) + h(x) - ½log₂(2πeσ²) at the distortion D = σ²(1 - s²), so
    that a bound on the number of patterns stays a bound.
    """
    shape = 1 - 0.5 * np.log2(2 * np.pi * np.e / 3)  # of the uniform density, σ² = 1/3
    return -0.5 * np.log2(1 - np.asarray(similarity) ** 2) + shape


def gaussian_bits_per_pixel(images, similarity=RECALLED):
    """Bits per pixel of grey images that are known up to a cosine similarity.

    The rate Σ max(0, ½log₂(λ/θ)) of a Gaussian with the eigenvalues λ of the images' covariance,
    at a distortion Σ min(λ, θ) of the share 1 - s² of the images' energy (reverse water-filling,
    Cover & Thomas, section 10.3). No source of that covariance needs more bits. The images, an
    array (n, N) in [-1, 1], must be many more than N, and the similarity s below 1.
    """
    images = np.asarray(images, dtype=float)
    spread = np.linalg.eigvalsh(np.cov(images, rowvar=False)).clip(1e-12)
    allowed = (1 - similarity**2) * (images**2).sum(axis=1).mean()
    if spread.sum() <= allowed:
        return 0.0  # the mean image is already similar enough
    level = brentq(lambda x: np.minimum(spread, x).sum() - allowed, 0, spread.max())
    return float(0.5 * np.log2(np.maximum(spread / level, 1)).sum() / images.shape[1])


def chip_couplings(stuck_off, stuck_on, *, intervals=True, compensate=True):
    """What faulty devices leave of a neuron's couplings, in the terms of `gardner_capacity`.

    With p the share of working devices, p² of the pairs are free and 2p(1 - p) keep one sign, in
    one half or the other of [-1, 1], which counts half (Amit, Wong & Campbell 1989). A pair whose
    devices are stuck at opposite ends is ±1; without compensation, so is each other pair with a
    device stuck on, if its partner is not. The best weights in the box for random patterns are a
    Gaussian times s, clipped: the larger s, the less the stuck weights matter and the more of the
    capacity of free weights the box costs. Gordon's inequality gives the feasible load
    2(E w·g)² / E|w|², as it does Gardner's 2 without a box; s maximises it.

    The fault rates are per device; ``intervals`` and ``compensate`` are as in
    `experiments.pairs.Way`, and intervals make up for offsets by themselves. Offsets without
    compensation count as known to the training, which bounds any that leaves touched pairs alone.
    Returns a connectivity, 0 with all devices stuck, and a stuck ratio, then infinite if a weight
    is stuck at ±1.
    """
    check_fault_rates(stuck_off, stuck_on)
    works = max(1.0 - stuck_off - stuck_on, 0.0)
    adjustable = works**2 + (works * (1 - works) if intervals else 0.0)
    stuck = 2 * stuck_on * (stuck_off if compensate or intervals else 1 - stuck_on)
    if not adjustable:
        return 0.0, np.inf if stuck else 0.0
    if not stuck:
        return adjustable, 0.0

    def couplings(log_scale):
        gain, square = clipped_gaussian(np.exp(log_scale))
        return adjustable * gain**2 / square, np.sqrt(stuck / (adjustable * square))

    def negative_load(log_scale):
        return -gardner_capacity(0.0, *couplings(log_scale))

    best = minimize_scalar(negative_load, bounds=(-4.0, 6.0), method="bounded")
    return tuple(float(value) for value in couplings(best.x))


def chip_bound(stuck_off, stuck_on, **rules):
    """Gardner's bound for a chip, in patterns per neuron; parameters as in `chip_couplings`."""
    return float(gardner_capacity(0.0, *chip_couplings(stuck_off, stuck_on, **rules)))


def clipped_gaussian(scale):
    """Mean of w·g and of w² for w = clip(scale·g, -1, 1) with g standard normal."""
    edge = 1 / scale
    inside = erf(edge / np.sqrt(2))
    density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    return scale * inside, scale**2 * (inside - 2 * edge * density) + 2 * ndtr(-edge)
