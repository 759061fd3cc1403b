"""Training where the patterns lie: on a GPU, or in a namespace as strict as that of CuPy.

CuPy refuses arrays of NumPy as operands. `Device` does so too, by the arithmetic of NumPy, so that
the path of CuPy is tested to the last bit where there is no GPU.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from crossmem.chip.faults import WeightLimits
from crossmem.experiments import Setup, gpu_speed
from crossmem.experiments.on_gpu import GpuSetup
from crossmem.experiments.secant import capacity_by_secant
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch
from crossmem.networks.arrays import namespace_of, to_numpy
from crossmem.networks.rules import HebbianMemory

SCALARS = (int, float, np.float32, np.float64)
UFUNCS = "absolute divide exp isinf logaddexp matmul maximum minimum multiply sqrt subtract tanh"


class Device:
    """An array that only the functions of its own namespace take, as CuPy's on a GPU."""

    __array_ufunc__ = None

    def __init__(self, values):
        assert isinstance(values, np.ndarray | np.generic)
        self.values = np.asarray(values)

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    shape = property(lambda self: self.values.shape)
    size = property(lambda self: self.values.size)

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return (self[place] for place in range(len(self)))

    def __bool__(self):
        return bool(self.values)

    def __getitem__(self, key):
        return Device(self.values[index(key)])

    def __setitem__(self, key, value):
        self.values[index(key)] = operand(value)

    def take(self, rows, axis):
        return Device(self.values.take(operand(rows), axis=axis))


def operand(value):
    """What stands in an expression: an array of the device or a number, never NumPy's array."""
    if isinstance(value, Device):
        return value.values
    if not isinstance(value, SCALARS):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def index(key):
    return key if key is None or key is ... or isinstance(key, int | slice) else operand(key)


def forwarded(function):
    """A function of NumPy's that takes and returns arrays of the device alone."""

    def call(*values, out=None, **options):
        values = [value if isinstance(value, str) else operand(value) for value in values]
        if out is None:
            return Device(function(*values, **options))
        function(*values, out=operand(out), **options)
        return out

    return call


def method(name):
    """A method of NumPy's arrays whose arguments are no arrays."""

    def call(self, *arguments, **options):
        return Device(getattr(self.values, name)(*arguments, **options))

    return call


def operator(name):
    def call(self, *others):
        own = getattr(self.values, name)(*map(operand, others))
        return self if own is self.values else Device(own)

    return call


for name in ("all", "any", "astype", "mean", "reshape", "swapaxes"):
    setattr(Device, name, method(name))
OPERATORS = "add and eq iadd imul isub mul neg or pow sub truediv"
for name in OPERATORS.split():
    setattr(Device, f"__{name}__", operator(f"__{name}__"))


def strict_namespace(called):
    """A module with the names of CuPy that training needs; it counts its products."""
    module = ModuleType("cupy")
    for name in UFUNCS.split() + ["einsum", "empty_like", "zeros_like"]:
        setattr(module, name, forwarded(getattr(np, name)))

    def matmul(left, right, out):
        called.append(left.shape)
        return forwarded(np.matmul)(left, right, out=out)

    def array(values, **options):
        return Device(np.array(getattr(values, "values", values), **options))

    module.ndarray, module.matmul, module.array = Device, matmul, array
    module.asarray = lambda values: values if isinstance(values, Device) else array(values)
    module.asnumpy = lambda values: np.array(values.values)
    module.empty = lambda shape, dtype: Device(np.empty(shape, dtype))
    module.stack = lambda arrays: Device(np.stack([array.values for array in arrays]))
    module.cuda = SimpleNamespace(Device=lambda: SimpleNamespace(synchronize=lambda: None))
    module.get_array_module = lambda given: module if isinstance(given, Device) else np
    return module


@pytest.fixture
def products():
    """Shapes of the left factors of all products on the strict device."""
    return []


@pytest.fixture(params=["strict", "CuPy"])
def device(request, monkeypatch, products):
    """A namespace that is not NumPy, and how far its networks may be from NumPy's."""
    if request.param == "strict":
        namespace = strict_namespace(products)
        monkeypatch.setitem(sys.modules, "cupy", namespace)
        return namespace, 0.0
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no GPU: {error}")
    return cupy, 1e-4


def grey(count=8, neurons=16, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (count, neurons))


def signs(count=8, neurons=16, seed=0):
    return np.sign(grey(count, neurons, seed))


def chip(shapes):
    """Limits of pairs, within [-1, 1], some of them fixed."""
    rng = np.random.default_rng(3)
    low = [rng.uniform(-1, 0.2, shape) for shape in shapes]
    return [
        WeightLimits(bound, np.maximum(bound, rng.uniform(-0.2, 1, bound.shape))) for bound in low
    ]


def assert_same_network(found, expected, tolerance):
    assert found.steps_ == expected.steps_
    assert found.loss_ == pytest.approx(expected.loss_, rel=10 * tolerance)
    for own, other in zip(found.layers_, expected.layers_, strict=True):
        assert type(own.weights) is np.ndarray and own.weights.dtype == np.float32
        np.testing.assert_allclose(
            own.gain * own.weights, other.gain * other.weights, rtol=0, atol=tolerance
        )


@pytest.mark.parametrize(
    ("patterns", "settings"),
    [
        (signs(), {}),
        (signs(), {"hidden": (6,), "optimizer": "adam"}),
        (signs(), {"cue_noise": (0.2, 0.05)}),
        (signs(60), {"cue_noise": 0.1, "unroll": 2}),
        (signs(60), {"cue_noise": 0.1, "hidden": (6,)}),
        (grey(60), {"cue_noise": 0.3, "hidden": (6,), "activation": "tanh"}),
    ],
    ids=["published", "adam", "logistic", "unrolled", "minibatches", "grey"],
)
@pytest.mark.parametrize("bounds", ["free", "masked", "intervals"])
def test_a_memory_trains_where_its_patterns_are(device, products, patterns, settings, bounds):
    namespace, tolerance = device
    memory = AdaptiveMemory(**{"steps": 40} | settings)
    shapes, limits = memory.layer_shapes(16), None
    if bounds == "masked":
        rng = np.random.default_rng(2)
        limits = [WeightLimits.masked(shape, 0.3, rng) for shape in shapes]
    elif bounds == "intervals":
        limits = chip(shapes)
    expected = AdaptiveMemory(**memory.get_params()).fit(patterns, limits=limits)
    assert not products
    memory.fit(namespace.asarray(patterns), limits=limits)
    assert_same_network(memory, expected, tolerance)
    if tolerance == 0:  # every product of every step: forward, gradient, and the error carried back
        depth = len(shapes) * memory.period
        assert len(products) == 40 * (3 * depth - 1) + depth


def test_networks_of_a_batch_leave_at_their_own_tolerance(device):
    namespace, tolerance = device
    patterns = np.stack([signs(12, seed=seed) for seed in range(3)])
    settings = {"optimizer": "adam", "steps": 300, "tolerance": 1e-2}
    made = [[AdaptiveMemory(seed=seed, **settings) for seed in range(3)] for _ in range(2)]
    expected = fit_batch(made[0], patterns)
    assert len({memory.steps_ for memory in expected}) > 1
    for found, other in zip(fit_batch(made[1], namespace.asarray(patterns)), expected, strict=True):
        assert_same_network(found, other, tolerance)


def test_a_batch_may_hold_patterns_of_both_kinds(device):
    namespace, tolerance = device
    patterns = [signs(seed=0), namespace.asarray(signs(seed=0))]
    here, there = fit_batch([AdaptiveMemory(steps=20), AdaptiveMemory(steps=20)], patterns)
    assert_same_network(there, here, tolerance)


def test_patterns_on_a_device_are_checked(device):
    namespace, _ = device
    with pytest.raises(ValueError, match="activation='sign' returns only those"):
        AdaptiveMemory().fit(namespace.asarray(grey()))


def test_rules_in_closed_form_take_no_array_of_a_device(device):
    namespace, _ = device
    with pytest.raises(TypeError, match="conversion to a NumPy array is not allowed"):
        HebbianMemory().fit(namespace.asarray(signs()))


def test_arrays_are_told_apart(device):
    namespace, _ = device
    there = namespace.asarray(signs())
    assert namespace_of(there) is namespace
    assert all(namespace_of(here) is np for here in (signs(), [[1.0]], 1.0))
    np.testing.assert_array_equal(to_numpy(there), signs())
    here = signs()
    assert to_numpy(here) is here


def test_steps_on_a_device_are_timed_against_its_products(device, products):
    namespace, _ = device
    found = gpu_speed.gpu_steps(namespace, [(1, 16, 5), (3, 16, 5)], steps=2, size=32)
    assert (found["seconds"] > 0).all() and (found["share"] > 0).all()
    if products:  # of the batch: both layers forward, both gradients, and the error carried back
        assert products[-5:] == [(3, 5, 16), (3, 5, 8), (3, 16, 5), (3, 5, 16), (3, 8, 5)]
        assert products.count((32, 32)) == 5


def test_a_training_on_a_device_differs_by_rounding(device):
    namespace, tolerance = device
    assert gpu_speed.gpu_difference(namespace, 16, 5, steps=20) <= tolerance


@pytest.mark.parametrize("own", [{"flip_rate": 0.05}, {"activation": "tanh", "noise": 0.3}])
def test_a_setup_may_train_on_a_device_and_recalls_in_main_memory(device, products, own):
    _, tolerance = device
    setup = Setup(source="random", neurons=16, n_patterns=4, layers=2, **own).at(steps=30)
    expected, there = setup.memory(3).fit(setup.stored(0)), GpuSetup.of(setup)
    assert not products
    assert_same_network(there.memory(3).fit(setup.stored(0)), expected, tolerance)
    assert there.at(layers=1).shapes() == setup.at(layers=1).shapes()
    if tolerance == 0:
        assert products


def test_a_search_on_a_device_finds_the_same_capacity(device):
    setup = Setup(source="random", neurons=16, layers=2, flip_rate=0.05).at(steps=30)
    both = setup, GpuSetup.of(setup)
    found = [capacity_by_secant(one, seed=0, threshold=0.6)["capacity"].item() for one in both]
    assert 0 < found[0] == pytest.approx(found[1], rel=0.1)


def test_other_rules_do_not_train_on_a_device():
    with pytest.raises(ValueError, match="rule='hebbian' trains nothing on a GPU"):
        GpuSetup.of(Setup(rule="hebbian"))
