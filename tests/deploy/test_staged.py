"""Programming in stages: what is held, what is counted, what is found, and how it goes on."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel, WriteResult
from crossmem.chip.faults import WeightLimits
from crossmem.deploy import staged
from crossmem.deploy.programming import program
from crossmem.deploy.staged import StagedNetwork, StagePlan, program_in_stages
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import Network
from crossmem.networks.rules import HebbianMemory
from crossmem.patterns import add_gaussian_noise, load_patterns

SHORT = StagePlan(shares=(0.4, 0.7, 1.0), rounds=(0.2,), steps=20)
NO_ROUNDS = replace(SHORT, rounds=())


@dataclass(frozen=True)
class ExactDevice(DeviceModel):
    """Whatever is asked for is what is written, with one pulse, and reads are exact."""

    read_noise: float = 0.0

    def write_and_verify(self, target, start, rng, stuck=False):
        target = np.asarray(target, dtype=float)
        return WriteResult(target, np.where(stuck, start, target), np.ones(target.shape, dtype=int))


def bounded(*shapes):
    return [WeightLimits(-np.ones(shape), np.ones(shape)) for shape in shapes]


@pytest.fixture(scope="module")
def patterns():
    return np.random.default_rng(1).choice([-1.0, 1.0], (6, 20))


@pytest.fixture(scope="module")
def memory(patterns):
    """A stack trained within the limits of a chip."""
    own = AdaptiveMemory(hidden=(10,), cue_noise=(0.1, 0.0), steps=100)
    return own.fit(patterns, limits=bounded((10, 20), (20, 10)))


def chips(memory, seed=2, **own):
    rng = np.random.default_rng(seed)
    return [Crossbar.fabricate(*layer.weights.shape, rng=rng, **own) for layer in memory.layers_]


def staged_on(memory, patterns, crossbars, plan=SHORT, seed=3, **own):
    return program_in_stages(
        memory, patterns, crossbars, np.random.default_rng(seed), plan=plan, **own
    )


def assert_equal(one, other):
    for mine, yours in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(mine.weights, yours.weights)


@pytest.fixture
def trainings(monkeypatch):
    """Limits, results and gains of each training between two stages."""
    seen, descend = [], staged.descend

    def watched(memories, patterns, weights, limits, rngs, gains):
        trained = descend(memories, patterns, weights, limits, rngs, gains)
        seen.append((limits[0], trained.weights, gains[0]))
        return trained

    monkeypatch.setattr(staged, "descend", watched)
    return seen


@pytest.fixture
def writes(monkeypatch):
    """Crossbar, devices, result of each write."""
    seen, write = [], Crossbar.write_level

    def watched(self, target, rng=None, where=True):
        written = write(self, target, rng, where)
        seen.append((self, np.array(where), written))
        return written

    monkeypatch.setattr(Crossbar, "write_level", watched)
    return seen


# Without errors


def test_without_errors_stages_are_as_good_as_one_write(memory, patterns, trainings):
    chip, other = (chips(memory, device=ExactDevice()) for _ in range(2))
    on_chip = staged_on(memory, patterns, chip)
    assert_equal(on_chip, program(memory, other, np.random.default_rng(3)))
    assert not trainings and on_chip.record.total("steps") == 0


def test_an_error_is_trained_around(memory, patterns, trainings):
    staged_on(memory, patterns, chips(memory))
    assert len(trainings) == SHORT.stages - 1


# What is held


def test_written_pairs_keep_their_conductance(memory, patterns, writes):
    crossbars = chips(memory)
    staged_on(memory, patterns, crossbars, NO_ROUNDS)
    for crossbar in crossbars:
        own = [(where, written) for chip, where, written in writes if chip is crossbar]
        assert (sum(where.astype(int) for where, _ in own) == 1).all()  # each device once
        for where, written in own:
            np.testing.assert_array_equal(crossbar.conductance[where], written.conductance[where])


def test_training_keeps_held_weights_where_they_were_read(memory, patterns, trainings, writes):
    staged_on(memory, patterns, chips(memory), replace(NO_ROUNDS, reads=4000))
    for stage, (limits, trained, gains) in enumerate(trainings):
        for k, (own, weights, gain) in enumerate(zip(limits, trained, gains, strict=True)):
            written = sum(where for chip, where, _ in writes[k : 2 * stage + 2 : 2]).any(axis=-1)
            np.testing.assert_array_equal(written, ~own.working)
            real = writes[2 * stage + k][2].conductance
            real = ((real[..., 0] - real[..., 1]) / 150)[written]
            np.testing.assert_allclose(own.low[written], real, atol=6 * np.sqrt(2 / 4000) / 150)
            np.testing.assert_allclose(weights[0][written], gain * own.low[written], atol=1e-6)


def test_masked_weights_stay_switched_off(patterns):
    mask = np.random.default_rng(0).random((20, 20)) < 0.5
    own = WeightLimits(np.where(mask, 0.0, -1.0), np.where(mask, 0.0, 1.0))
    memory = AdaptiveMemory(cue_noise=0.1, steps=50).fit(patterns, limits=[own])
    on_chip = staged_on(memory, patterns, chips(memory))
    assert (on_chip.layers[0].weights[mask | np.eye(20, dtype=bool)] == 0).all()


def test_the_memory_stays_as_it_is(memory, patterns):
    before = [layer.weights.copy() for layer in memory.layers_]
    params = memory.get_params()
    staged_on(memory, patterns, chips(memory))
    for layer, weights in zip(memory.layers_, before, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)
    assert memory.get_params() == params


# What is counted


def test_the_counts_are_those_of_the_writes(memory, patterns, writes):
    record = staged_on(memory, patterns, chips(memory)).record
    assert len(record.stages) == SHORT.stages
    assert record.total("pulses") == sum(written.pulses.sum() for _, _, written in writes)
    assert record.total("pairs") == sum(where.sum() for _, where, _ in writes) // 2
    # Each device is read once more than it is pulsed, and four times when it is read back.
    assert record.total("reads") == record.total("pulses") + 5 * 2 * record.total("pairs")
    assert [stage.steps for stage in record.stages] == [0, 20, 20, 20]
    assert sum(stage.pairs for stage in record.stages[:3]) == 2 * 200
    # A fifth of 20 weights in each of ten rows, and of 10 in each of 20.
    assert record.stages[3].pairs == 10 * 4 + 20 * 2
    assert record.total("found") == 0


def test_the_error_is_that_of_the_written_devices(memory, patterns, writes):
    stages = staged_on(memory, patterns, chips(memory), replace(SHORT, reads=100)).record.stages
    for number, stage in enumerate(stages):
        both = [written for _, _, written in writes[2 * number : 2 * number + 2]]
        misses = [(w.conductance - w.target)[w.pulses > 0] for w in both]
        wanted = np.sqrt(np.square(np.concatenate(misses)).mean())
        assert stage.error == pytest.approx(wanted, rel=0.02)


# Going on


@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh chip", "half-written chip"])
def test_an_interrupted_programming_goes_on(memory, patterns, tmp_path, monkeypatch, stop, fresh):
    faulty = {"stuck_off": 0.1, "stuck_on": 0.05}
    whole = staged_on(memory, patterns, chips(memory, **faulty))
    path, calls, descend = tmp_path / "chip.nc", [], staged.descend

    def interrupted(*args):
        calls.append(args)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return descend(*args)

    monkeypatch.setattr(staged, "descend", interrupted)
    crossbars = chips(memory, **faulty)
    with pytest.raises(KeyboardInterrupt):
        staged_on(memory, patterns, crossbars, path=path)
    crossbars = chips(memory, **faulty) if fresh else crossbars
    on_chip = staged_on(memory, patterns, crossbars, path=path)
    assert_equal(on_chip, whole)
    assert repr(on_chip.record) == repr(whole.record)  # NaN equals NaN in words only
    assert len(calls) == SHORT.stages  # each training once, and the interrupted one
    again = staged_on(memory, patterns, chips(memory, **faulty), path=path)
    assert_equal(again, whole)
    assert len(calls) == SHORT.stages


def test_a_file_of_another_programming_is_refused(memory, patterns, tmp_path):
    path = tmp_path / "chip.nc"
    staged_on(memory, patterns, chips(memory), path=path)
    for changed in (
        {"seed": 4},
        {"plan": NO_ROUNDS},
        {"patterns": patterns[:5]},
        {"crossbars": chips(memory, stuck_off=0.1)},
    ):
        own = {"patterns": patterns, "crossbars": chips(memory)} | changed
        with pytest.raises(ValueError, match="another programming: give the memory"):
            staged_on(memory, path=path, **own)


@pytest.mark.parametrize("scanned", [True, False], ids=["scanned first", "scanned later"])
def test_a_file_of_other_known_faults_is_refused(memory, patterns, tmp_path, scanned):
    """The devices are the same: what is known of them when it begins is not."""
    path, known, unknown = tmp_path / "chip.nc", *(chips(memory, stuck_off=0.1) for _ in range(2))
    for crossbar in known:
        crossbar.characterize()
    first, later = (known, unknown) if scanned else (unknown, known)
    staged_on(memory, patterns, first, path=path)
    with pytest.raises(ValueError, match="another programming: give the memory"):
        staged_on(memory, patterns, later, path=path)


def test_an_interruption_gives_back_the_known_faults(memory, patterns, monkeypatch):
    crossbars, descend, calls = chips(memory, stuck_on=0.1), staged.descend, []
    maps = [crossbar.characterize() for crossbar in crossbars[:1]] + [None]

    def interrupted(*args):
        calls.append([crossbar.faults for crossbar in crossbars])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return descend(*args)

    monkeypatch.setattr(staged, "descend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        staged_on(memory, patterns, crossbars)
    assert crossbars[0].faults is maps[0] and not crossbars[1].faults.stuck.any()
    assert calls[2][1].stuck.any()  # found until then


def test_the_result_depends_on_one_number_of_the_generator(memory, patterns):
    """Not on the noise of the crossbars, which has a generator of its own."""
    rng = np.random.default_rng(3)
    crossbars = chips(memory)
    crossbars[0].read_conductance()
    one = program_in_stages(memory, patterns, crossbars, rng, plan=SHORT)
    assert_equal(one, staged_on(memory, patterns, chips(memory)))
    after = np.random.default_rng(3)
    after.integers(2**63)
    assert rng.random() == after.random()
    other = staged_on(memory, patterns, chips(memory), seed=4)
    assert (one.layers[0].weights != other.layers[0].weights).any()


def test_the_network_can_be_kept(memory, patterns, tmp_path):
    on_chip = staged_on(memory, patterns, chips(memory))
    assert isinstance(on_chip, StagedNetwork) and on_chip.unroll == memory.period
    on_chip.save(tmp_path / "network.nc")
    assert_equal(Network.load(tmp_path / "network.nc"), on_chip)
    layers = on_chip.with_weights(layer.weights for layer in on_chip.layers)
    assert layers.record is on_chip.record


# What it is good for


@pytest.fixture(scope="module")
def grey():
    """A grey memory near its capacity, its patterns and a function that scores a network."""
    stored = load_patterns("digits", size=8, binary=False)[::50]
    own = {"activation": "tanh", "cue_noise": 0.3, "unroll": 2, "steps": 800, "gain": 4.0}
    memory = AdaptiveMemory(hidden=(32,), **own)
    memory.fit(stored, limits=bounded((32, 64), (64, 32)))

    def score(network):
        rng = np.random.default_rng(0)
        cues = [add_gaussian_noise(stored, 0.3, rng) for _ in range(5)]
        return np.mean([network.score(own, stored) for own in cues])

    return memory, stored, score


def test_stages_recover_what_programming_errors_cost(grey):
    memory, stored, score = grey
    once = program(memory, chips(memory), np.random.default_rng(3))
    lost = score(memory) - score(once)
    assert lost > 0.002
    plan = StagePlan(rounds=(), steps=200)
    assert score(staged_on(memory, stored, chips(memory), plan)) > score(once) + lost / 2


def test_free_weights_are_scaled_and_staged(patterns):
    memory = AdaptiveMemory(hidden=(10,), cue_noise=0.1, steps=200).fit(patterns)
    on_chip = staged_on(memory, patterns, chips(memory, stuck_off=0.05))
    assert [layer.gain for layer in on_chip.layers] == [layer.gain for layer in memory.layers_]
    assert on_chip.score(patterns, patterns) > 0.9


def test_polishing_recovers_what_unknown_faults_cost(grey):
    memory, stored, score = grey
    faulty, plan = {"stuck_off": 0.1}, StagePlan(steps=100, order="random")
    once = score(program(memory, chips(memory, **faulty), np.random.default_rng(3)))
    crossbars = chips(memory, **faulty)
    polished = score(staged_on(memory, stored, crossbars, plan))
    unpolished = staged_on(memory, stored, chips(memory, **faulty), replace(plan, rounds=()))
    assert once + 0.02 < score(unpolished) < polished - 0.005
    for crossbar in crossbars:
        found = crossbar.faults.stuck_off
        assert found.sum() > 0.3 * crossbar.stuck.sum()  # the others are off as they should be
        assert not (found & ~crossbar.stuck).any() and not crossbar.faults.stuck_on.any()


def test_the_largest_weights_first_make_up_for_unknown_faults(grey):
    memory, stored, score = grey
    plans = [StagePlan(steps=100, rounds=(), order=order) for order in ("random", "largest")]
    written = [staged_on(memory, stored, chips(memory, stuck_off=0.1), plan) for plan in plans]
    assert score(written[0]) + 0.005 < score(written[1])


def test_the_first_stage_writes_the_largest_weights(grey, monkeypatch):
    memory, stored, _ = grey
    write, asked = Crossbar.write_level, []

    def noted(self, target, rng, cells):
        asked.append(cells[..., 0].copy())
        return write(self, target, rng, cells)

    monkeypatch.setattr(Crossbar, "write_level", noted)
    plan = StagePlan(steps=1, rounds=(), shares=(0.25, 1.0))
    staged_on(memory, stored, chips(memory), plan)
    for layer, first in zip(memory.layers_, asked, strict=False):
        size = np.abs(layer.weights)
        assert (first.sum(axis=1) == np.ceil(0.25 * size.shape[1])).all()
        least, left = (
            np.where(first, size, np.inf).min(axis=1),
            np.where(first, 0, size).max(axis=1),
        )
        assert (least >= left).all()


def test_a_pair_with_a_new_fault_is_written_again(memory, patterns, writes):
    crossbars = chips(memory, stuck_on=0.1)
    record = staged_on(memory, patterns, crossbars, NO_ROUNDS).record
    assert record.total("found") > 0
    assert record.total("pairs") > 2 * 200
    for crossbar in crossbars:  # only where it should be on, a device is not found
        last = np.zeros(crossbar.stuck.shape)
        for _, where, written in (own for own in writes if own[0] is crossbar):
            last[where] = written.target[where]
        assert not (crossbar.faults.stuck & ~crossbar.stuck).any()
        assert (last[crossbar.stuck & ~crossbar.faults.stuck] > 150 - 5 - 4).all()


def test_known_faults_are_not_found_again(memory, patterns):
    crossbars = chips(memory, stuck_off=0.1, stuck_on=0.1)
    maps = [crossbar.characterize() for crossbar in crossbars]
    record = staged_on(memory, patterns, crossbars).record
    assert record.total("found") == 0
    assert all(own.faults is known for own, known in zip(crossbars, maps, strict=True))


# What is refused


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"shares": (0.5, 0.4, 1.0)}, r"shares are \(0.5, 0.4, 1.0\), but must increase"),
        ({"shares": (0.5, 0.9)}, "but must increase from above 0 to 1"),
        ({"shares": (0.0, 1.0)}, "but must increase from above 0 to 1"),
        ({"shares": ()}, r"shares are \(\), but must increase"),
        ({"shares": (0.5, 1.5)}, "a share of shares is 1.5"),
        ({"rounds": (0.1, 0.0)}, "a share of 0 does nothing"),
        ({"rounds": (-0.1,)}, "a share of rounds is -0.1"),
        ({"steps": 0}, "steps is 0"),
        ({"field_step": 0.0}, "field_step is 0.0"),
        ({"reads": 0}, "reads is 0"),
    ],
)
def test_bad_plans(own, message):
    with pytest.raises(ValueError, match=message):
        StagePlan(**own)


def test_shares_are_no_number():
    with pytest.raises(TypeError, match="shares is 0.5"):
        StagePlan(shares=0.5)


def test_bad_arguments(memory, patterns):
    rng = np.random.default_rng(0)
    wrong = [Crossbar.fabricate(*shape, rng=rng) for shape in ((10, 20), (20, 11))]
    for error, arguments, message in (
        (ValueError, (memory, patterns, wrong, rng), r"crossbar 1 has shape \(20, 11\)"),
        (ValueError, (memory, patterns, wrong[:1], rng), "1 crossbars for 2"),
        (TypeError, (memory, patterns, wrong[0], rng), "pass a list of Crossbar"),
        (ValueError, (memory, patterns[:, :9], chips(memory), rng), "patterns have 9 elements"),
        (TypeError, (memory, patterns, chips(memory), 3), "rng is 3"),
        (
            TypeError,
            (HebbianMemory().fit(patterns), patterns, wrong, rng),
            "memory is a HebbianMemory, which cannot be trained",
        ),
        (NotFittedError, (AdaptiveMemory(), patterns, chips(memory), rng), "not fitted"),
    ):
        with pytest.raises(error, match=message):
            program_in_stages(*arguments)
    with pytest.raises(TypeError, match=r"plan is \(0.5, 1.0\), but must be a StagePlan"):
        program_in_stages(memory, patterns, chips(memory), rng, plan=(0.5, 1.0))
