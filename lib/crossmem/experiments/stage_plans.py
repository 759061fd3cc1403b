"""One trained memory written in stages by several plans."""

from dataclasses import replace

import xarray as xr

from crossmem.experiments.quality import setup_quality
from crossmem.experiments.staged import chip_for, written
from crossmem.labels import quantity


def plan_quality(setup, *, writing, plans, seed):
    """Recall of a given number of patterns, trained once and written in stages by each plan.

    Parameters
    ----------
    setup, writing
        As in `staged_quality`; the plan of ``writing`` is not used.
    plans : dict of str to StagePlan
        By name, at least one. The chip and the seed of the programming errors are the same for all
        of them.

    Returns
    -------
    Dataset
        ``cosine``, ``worst_cosine`` and the counts of the stages along ``stage_plan``, and the
        ``trained`` cosine of the weights before they are written.
    """
    if not isinstance(plans, dict) or not plans:
        raise ValueError(f"plans={plans!r} must be a dict of StagePlan with at least one entry")
    crossbars, limits = chip_for(setup, writing, seed)
    stored = setup.stored(seed)
    memory, found = setup.memory(seed).fit(stored, limits=limits), []
    for plan in plans.values():
        own = replace(writing, plan=plan)
        network, _ = written(memory, stored, crossbars, own, "in stages", seed)
        counts = {
            "steps": quantity(network.record.total("steps"), "1", "training steps of the stages"),
            "pulses": quantity(network.record.total("pulses"), "1", "pulses of the stages"),
            "reads": quantity(network.record.total("reads"), "1", "reads of a device"),
        }
        found.append(setup_quality(setup, network, stored, seed).assign(counts))
    name = quantity(list(plans), "1", "plan of the stages", "stage_plan")
    found = xr.concat(found, "stage_plan").assign_coords(stage_plan=name)
    trained = float(setup_quality(setup, memory.network_, stored, seed)["cosine"])
    return found.assign(trained=quantity(trained, "1", "cosine similarity before writing"))
