"""The state of a chip that is being programmed in stages, kept in a file after each stage."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import xarray as xr

from crossmem.chip.faults import FaultMap
from crossmem.labels import quantity
from crossmem.storage import load_dataset, save_dataset, to_json

# What is kept of each layer, with unit and meaning: of the pairs, and of the devices.
PAIRS = {
    "weights": ("G_max", "planned weights"),
    "held": ("G_max", "weights at which written pairs are held, NaN for open ones"),
    "again": ("1", "pairs to write again"),
}
DEVICES = {
    "conductance": ("µS", "conductance"),
    "stuck_off": ("1", "devices known to be stuck off"),
    "stuck_on": ("1", "devices known to be stuck on"),
    "stuck_conductance": ("µS", "conductance of the devices known to be stuck"),
}


@dataclass(frozen=True)
class Stage:
    """What one stage of programming did."""

    pairs: int  # written
    pulses: int
    reads: int  # of write-and-verify, and of the read-back
    steps: int  # of the training before it
    found: int  # devices found stuck
    error: float  # root mean square of read-back minus target, working pulsed devices, in µS
    loss: float  # mean loss per output at the end of the training, NaN without one


class Progress:
    """Keeps what is needed to go on after an interruption; without a path it keeps nothing.

    The ``signature`` tells one programming from another.
    """

    def __init__(self, signature, path):
        self.signature, self.path = signature, None if path is None else Path(path)

    def keep(self, chip, done):
        """Write the state of a chip after the stages ``done``, a list of `Stage`."""
        if self.path is None:
            return
        variables = {}
        for k, crossbar in enumerate(chip.crossbars):
            axes, faults = (f"output_{k}", f"input_{k}"), crossbar.faults
            for name, meaning in PAIRS.items():
                variables[f"{name}_{k}"] = quantity(getattr(chip, name)[k], *meaning, axes)
            for name, meaning in DEVICES.items():
                values = getattr(crossbar if name == "conductance" else faults, name)
                variables[f"{name}_{k}"] = quantity(values, *meaning, (*axes, "device"))
        scans = [[crossbar.faults.reads, crossbar.faults.writes] for crossbar in chip.crossbars]
        attrs = {"signature": self.signature, "scans": to_json(scans), "hit": int(chip.hit)}
        attrs["stages"] = to_json([asdict(stage) for stage in done])
        save_dataset(xr.Dataset(variables, attrs=attrs), self.path)

    def resume(self, chip):
        """Put a chip into the state of the file, if there is one; returns the stages done."""
        if self.path is None or not self.path.exists():
            return []
        data = load_dataset(self.path)
        if data.attrs.get("signature") != self.signature:
            raise ValueError(
                f"{self.path} holds the state of another programming: give the memory, patterns, "
                "crossbars, plan and seed that it was begun with, or another path"
            )
        for k, crossbar in enumerate(chip.crossbars):
            for name in PAIRS:
                getattr(chip, name)[k] = data[f"{name}_{k}"].values
            known = {name: data[f"{name}_{k}"].values for name in DEVICES}
            crossbar.conductance = known.pop("conductance")
            reads, writes = json.loads(data.attrs["scans"])[k]
            g_max = crossbar.device.g_max
            crossbar.faults = FaultMap(**known, reads=reads, writes=writes, g_max=g_max)
        chip.hit = bool(data.attrs["hit"])
        return [Stage(**stage) for stage in json.loads(data.attrs["stages"])]
