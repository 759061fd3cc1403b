"""What the ratios between ways to recall may be, whatever the constants of the chip."""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr

from crossmem.chip.costs import UNITS, typical
from crossmem.chip.sensitivity import ENERGY_GROUPS, TIME_GROUPS, plan_ratio, ratio_range
from crossmem.labels import describe

MEANINGS = {
    "energy": ("1", "energy of the single layer over that of synchronous recall"),
    "energy_range": ("1", "the same with every constant anywhere in its range"),
    "energy_by_adc": ("1", "the same by the energy of a conversion, the others typical"),
    "latency": ("1", "time of the single layer over that of synchronous recall"),
    "latency_range": ("1", "the same with every constant anywhere in its range"),
    "plan": ("1", "way to recall in the single layer"),
    "width": ("1", "hidden neurons of the network that recalls synchronously, 0: none"),
    "end": ("1", "end of the range"),
    "adc_energy": ("pJ", "energy of a conversion"),
}


def cost_ratios(counted, neurons, widths, plans, costs, *, points=41):
    """Ways to recall in the single layer over synchronous recall in networks, and their ranges.

    Parameters
    ----------
    counted : Dataset
        Mean counts, see `crossmem.chip.plans`, along ``scheme`` and ``width``, 0 for the single
        layer.
    neurons : int
        Visible neurons.
    widths : list of int
        Hidden neurons of the networks that recall synchronously; 0 is the single layer.
    plans : list of str
        Ways to recall in the single layer, keys of `crossmem.chip.plans.PLANS`.
    costs : dict of crossmem.chip.costs.Cost
    points : int
        Energies of a conversion, from its low to its high end.

    Returns
    -------
    xarray.Dataset
        Along ``plan`` and ``width``: ``energy`` and ``latency`` at typical constants;
        ``energy_range`` and ``latency_range`` along ``end``, least and greatest; ``energy_by_adc``
        along ``adc_energy`` in pJ.
    """
    costs = {key: costs[key] for key in UNITS}  # a recall writes nothing
    middle, adc = typical(costs), costs["adc_energy"]
    grid = xr.DataArray(np.geomspace(adc.low, adc.high, points), dims="adc_energy")
    found = []
    for plan, width in product(plans, widths):
        energy, latency = (
            plan_ratio(counted, plan, neurons, width, quantity=name)
            for name in ("energy", "latency")
        )
        one = {
            "energy": energy(middle),
            "energy_range": ("end", list(ratio_range(energy, costs, ENERGY_GROUPS))),
            "energy_by_adc": ("adc_energy", energy(middle | {"adc_energy": grid})),
            "latency": latency(middle),
            "latency_range": ("end", list(ratio_range(latency, costs, TIME_GROUPS))),
        }
        found.append(xr.Dataset(one).expand_dims(plan=[plan], width=[width]))
    axes = {"end": ["least", "greatest"], "adc_energy": grid.values}
    result = xr.combine_by_coords(found).sel(plan=plans, width=widths).assign_coords(axes)
    return describe(result, **MEANINGS)
