"""Times of a chip's products, scans and writes, here and in an optional public simulator."""

import importlib.util
import warnings
from functools import partial

import numpy as np
import xarray as xr

from crossmem.chip.converters import Peripherals
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.deploy.analog import AnalogLayer, seen_through_lines
from crossmem.experiments.speed import seconds_in_turn
from crossmem.labels import describe
from crossmem.randomness import generator

HAS_SIMULATOR = importlib.util.find_spec("aihwkit") is not None
BITS, TILE = 8, 64  # of both converters, and rows of a tile
OURS, BARE = "this library", "our matrix products alone"
WHOLE, SQUARE = "aihwkit, whole columns", "aihwkit, square tiles"


def product_seconds(neuron_counts, input_counts, *, rounds):
    """Time of the product of a square layer behind converters, here and in aihwkit.

    Both convert by 8 bits on tiles of 64 rows and multiply the same weights with inputs of ±1. We
    convert the columns G+ and G- apart, aihwkit (Rasch et al. 2021) the current of each pair. Its
    tiles hold all columns, or 64. The programs take turns, on one thread. Each multiplies twice in
    a turn, and the second product is timed: the first finds the cache full of another's data.

    Parameters
    ----------
    neuron_counts, input_counts : list of int
        Sizes of the layer, and vectors that are multiplied at once.
    rounds : int
        Timings of each program.

    Returns
    -------
    xarray.Dataset (program, neurons, inputs)
        The shortest ``seconds``; the quartiles of the ``ratio`` of our time to theirs in the same
        round, (quantile, ...); the root mean square ``error`` of the product, in steps of the
        output converters. NaN for what is not installed.
    """
    axes = {"program": [OURS, WHOLE, SQUARE, BARE], "neurons": neuron_counts}
    axes |= {"inputs": input_counts}
    quantiles = [0.25, 0.5, 0.75]
    seconds, error = np.full((2, *map(len, axes.values())), np.nan)
    ratio = np.full((3, *seconds.shape), np.nan)
    for i, n in enumerate(neuron_counts):
        pairs = generator(0, "product", n).random((n, n, 2))
        products = programs(pairs)
        for j, count in enumerate(input_counts):
            inputs = generator(0, "inputs", n).choice(np.array([-1, 1], np.float32), (count, n))
            exact = inputs @ (pairs[..., 0] - pairs[..., 1]).T
            calls = [partial(product, inputs) for product in products.values()]
            taken = seconds_in_turn([call for call in calls for _ in range(2)], rounds)[1::2]
            for name, call, own in zip(products, calls, taken, strict=True):
                at = axes["program"].index(name), i, j
                seconds[at], ratio[:, *at] = own.min(), np.quantile(taken[0] / own, quantiles)
                error[at] = np.sqrt(np.mean((call() - exact) ** 2)) / step()
    dims = tuple(axes)
    found = {
        "seconds": (dims, seconds),
        "error": (dims, error),
        "ratio": (("quantile", *dims), ratio),
    }
    return describe(
        xr.Dataset(found, axes | {"quantile": quantiles}),
        seconds=("s", "time of a product, the shortest"),
        ratio=("1", "our time over that of the program in the same round"),
        error=("1", "root mean square error in steps of the output converters"),
        program=("1", "program, and its tiles"),
        inputs=("1", "vectors multiplied at once"),
        quantile=("1", "quantile over the rounds"),
    )


def full_scale():
    """Range of the output converters in G_max times input: five deviations of a random column."""
    return 5 * np.sqrt(TILE / 3)


def step():
    """A step of the output converters, in G_max times input."""
    return 2 * full_scale() / (2**BITS - 1)


def programs(pairs):
    """By name, products of pairs (n_out, n_in, 2) in units of G_max, of those programs installed.

    Each takes inputs (n, n_in) and returns (n, n_out), both arrays of NumPy in single precision;
    the matrix products alone return nothing to compare, NaN.
    """
    layer = analog_layer(pairs)
    found = {OURS: layer.field, BARE: partial(_multiply, layer)}
    if HAS_SIMULATOR:
        found[WHOLE] = simulated_product(pairs, columns=len(pairs))
        found[SQUARE] = simulated_product(pairs, columns=TILE)
    return found


def _multiply(layer, inputs):
    for _ in layer.column_currents(inputs):
        pass
    return np.nan


def analog_layer(pairs):
    """A layer of this library, without bias, from pairs (n_out, n_in, 2) in units of G_max."""
    device, none = DeviceModel(), np.zeros(pairs.shape, dtype=bool)
    written = pairs * device.g_max
    crossbar = Crossbar(written, none, rng=None, device=device, tile=TILE)
    seen = seen_through_lines(crossbar, written, 0.0)
    return AnalogLayer(
        bias=np.zeros(len(pairs), dtype=np.float32),
        crossbar=crossbar,
        written=written,
        written_sum=written.sum(),
        peripherals=Peripherals(BITS, BITS),
        full_scale=full_scale(),
        **seen,
    )


def simulated_product(pairs, *, columns):
    """The product of the same pairs in aihwkit, on tiles of 64 rows and so many columns."""
    import torch
    from aihwkit.nn import AnalogLinearMapped
    from aihwkit.simulator.configs import TorchInferenceRPUConfig
    from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType

    config = TorchInferenceRPUConfig()
    config.mapping.max_input_size, config.mapping.max_output_size = TILE, columns
    config.mapping.weight_scaling_omega = 0.0
    forward = config.forward
    forward.inp_res = forward.out_res = 1 / (2**BITS - 2)  # zero is a level there
    forward.inp_bound, forward.out_bound = 1.0, full_scale()
    forward.out_noise = forward.w_noise = 0.0
    forward.noise_management = NoiseManagementType.NONE
    forward.bound_management = BoundManagementType.NONE
    n_out, n_in, _ = pairs.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = AnalogLinearMapped(n_in, n_out, bias=False, rpu_config=config).eval()
        layer.set_weights(torch.from_numpy((pairs[..., 0] - pairs[..., 1]).astype(np.float32)))

    def product(inputs):
        with torch.no_grad():
            return layer(torch.from_numpy(inputs)).numpy()

    return product


def chip_seconds(neuron_counts, *, stuck_fraction, rounds):
    """Time to scan a square crossbar for stuck devices and to write it by write-and-verify.

    Half of the stuck devices are stuck on. Every round has a crossbar of its own.

    Returns
    -------
    xarray.Dataset (task, neurons)
        The shortest ``seconds``, and the ``pulses`` that the devices take.
    """
    seconds, half = np.full((2, len(neuron_counts)), np.inf), stuck_fraction / 2
    pulses = np.zeros(seconds.shape)
    for i, round_ in np.ndindex(len(neuron_counts), rounds):
        n, done = neuron_counts[i], []
        rng = generator(0, "chip", n, round_)
        crossbar = Crossbar.fabricate(n, n, stuck_off=half, stuck_on=half, rng=rng)
        write = partial(crossbar.program, rng.uniform(-1, 1, (n, n)))
        calls = [partial(_keep, task, done) for task in (crossbar.characterize, write)]
        seconds[:, i] = np.minimum(seconds[:, i], seconds_in_turn(calls, 1)[:, 0])
        faults, result = done
        pulses[:, i] += np.divide([faults.writes, result.pulses.sum()], rounds)
    dims = "task", "neurons"
    found = {"seconds": (dims, seconds), "pulses": (dims, pulses)}
    return describe(
        xr.Dataset(found, {"task": ["scan", "write"], "neurons": neuron_counts}),
        seconds=("s", "time of the task, the shortest"),
        pulses=("1", "pulses of the task, mean of the rounds"),
        task=("1", "what is done with all devices of the crossbar"),
    )


def _keep(task, results):
    results.append(task())
