"""What a chip is made of, what its lines take, and what converters do to its cycles."""

import numpy as np
import pytest

from crossmem.chip.circuit import effective_pairs
from crossmem.deploy.programming import program
from crossmem.experiments import Setup, analog
from crossmem.experiments.chip import train_on_chip
from crossmem.randomness import generator

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def setup():
    """Five random patterns of 16 neurons, on a chip with a fifth of its devices stuck."""
    setup = Setup(source="random", neurons=16, n_patterns=5, flip_rate=0.1, cues=2)
    return setup.at(stuck_off=0.1, stuck_on=0.1, optimizer="rmsprop", steps=100)


def test_chips_are_described_by_what_they_are_made_of(setup):
    chips = {"none": [analog.chip_of()], "all": [analog.chip_of(4, 1.0, 2.0, 3600.0, 0.1, 0.05)]}
    found = analog.describe_chips(chips)
    assert found["part"].values.tolist() == ["none", "all"]
    np.testing.assert_array_equal(found["bits"], [np.nan, 4])
    for name, value in {"read_noise": 1, "wire_resistance": 2, "age": 3600, "nu": 0.1}.items():
        assert found[name].values.tolist() == [0, value]
    assert found["nu_spread"].values.tolist() == [0, 0.05]
    cosine = analog.analog_recall(setup, chips=sum(chips.values(), []), seed=0)["cosine"]
    assert cosine.sizes == {"chip": found.sizes["chip"]}


def test_ideal_lines_take_nothing_and_longer_ones_more(setup):
    found = analog.line_losses(setup, wire_resistances=[0.0, 5.0, 50.0], seed=0)
    effective, loss = found["effective"], found["loss"]
    np.testing.assert_array_equal(effective.sel(wire_resistance=0.0), found["programmed"])
    assert effective.dims == ("wire_resistance", "output", "input")
    assert loss.dims == ("wire_resistance", "row", "column")
    assert effective.shape == (3, 16, 16) and loss.shape == (3, 16, 32)
    mean = loss.mean(["row", "column"])
    assert abs(mean.sel(wire_resistance=0.0)) < 1e-12
    assert 0 < mean.sel(wire_resistance=5.0) < mean.sel(wire_resistance=50.0) < 1
    again = analog.line_losses(setup, wire_resistances=[5.0], seed=0)["effective"]
    np.testing.assert_array_equal(again[0], effective.sel(wire_resistance=5.0))


def test_losses_lie_where_their_devices_lie_on_the_tile(setup):
    rng = generator(0, "loss map", setup.neurons)
    memory, (crossbar,) = train_on_chip(setup, setup.stored(0), rng, 0)
    program(memory, [crossbar], rng)
    pairs = crossbar.conductance
    seen = effective_pairs(pairs, wire_resistance=20.0, tile=crossbar.tile)
    loss = analog.line_losses(setup, wire_resistances=[20.0], seed=0)["loss"][0]
    output, row, device = np.argwhere(pairs > 10)[7]
    lost = 1 - seen[output, row, device] / pairs[output, row, device]
    assert float(loss.sel(row=row, column=2 * output + device)) == pytest.approx(lost)
    assert np.isnan(loss).sum() == (pairs <= 10).sum()


def test_cycles_are_counted_by_the_bits_of_the_converters(setup):
    heavy = setup.at(n_patterns=12, flip_rate=0.2)
    found = analog.cycling_share(heavy, bits=[None, 1, 8], seed=0)["cycling"]
    np.testing.assert_array_equal(found["bits"], [np.nan, 1, 8])
    assert ((found >= 0) & (found <= 1)).all()
    recalls = found * 12 * 2
    np.testing.assert_allclose(recalls, np.round(recalls))
    assert analog.cycling_share(heavy, bits=[8], seed=0)["cycling"][0] == found.sel(bits=8)


def test_masked_weights_are_not_of_a_chip(setup):
    with pytest.raises(ValueError, match="masked_fraction=0.5"):
        analog.line_losses(setup.at(masked_fraction=0.5), wire_resistances=[1.0], seed=0)
