"""Cost of writing: by hand, and beside the cost of a scan."""

from pathlib import Path

import pytest

from crossmem.chip.costs import PULSE_UNITS, UNITS, load_costs, typical
from crossmem.chip.scan_costs import scan_cost
from crossmem.chip.writing_costs import writing_cost

COSTS = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"


def test_pulses_by_hand():
    """With reads and lines free: 75 µS at 2 V for 1 µs are 0.3 nJ."""
    free = dict.fromkeys(UNITS | PULSE_UNITS, 0.0) | {"pulse_time": 1000.0, "pulse_voltage": 2.0}
    seconds, joules = writing_cost(5, 7, free)
    assert seconds == pytest.approx(5e-6) and joules == pytest.approx(5 * 0.3e-9)


def test_a_scan_writes_each_device_twice():
    constants, devices = typical(load_costs(COSTS)), 2 * 10 * 20
    scan = scan_cost(10, 20, "devices", constants, pulses=8.0, slowest=8.0)
    seconds, joules = writing_cost(2 * devices * 8, 2 * devices * 9, constants)
    assert seconds == pytest.approx(scan.write_seconds)
    assert joules == pytest.approx(scan.write_energy)
