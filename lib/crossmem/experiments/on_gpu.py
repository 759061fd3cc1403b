"""Experiments whose memories train on a GPU, for those that take too long without one."""

import importlib.util
from dataclasses import dataclass, fields

from crossmem.experiments.setup import Setup
from crossmem.networks.adaptive import AdaptiveMemory


def gpu():
    """CuPy, if it is installed and finds a GPU, else None."""
    if importlib.util.find_spec("cupy") is None:
        return None
    import cupy

    try:
        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except cupy.cuda.runtime.CUDARuntimeError:
        return None


def gpu_name(cupy):
    """Name of the GPU that CuPy uses, such as NVIDIA H200."""
    return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()


class GpuMemory(AdaptiveMemory):
    """An `AdaptiveMemory` that trains on the GPU of CuPy; what it learned is in main memory."""

    def fit(self, patterns, *, limits=None):
        """As `AdaptiveMemory.fit`; without CuPy an ImportError."""
        import cupy

        return super().fit(cupy.asarray(patterns), limits=limits)


@dataclass(frozen=True)
class GpuSetup(Setup):
    """A `Setup` whose memories train on a GPU, with the patterns and random numbers of any other.

    Weights differ from those of a processor by the rounding of the steps, so that capacities may.
    Rules other than adaptive training are a ValueError: they have nothing to train.
    """

    @classmethod
    def of(cls, setup):
        """The same condition, to train on a GPU."""
        return cls(**{entry.name: getattr(setup, entry.name) for entry in fields(setup)})

    def __post_init__(self):
        super().__post_init__()
        if self.rule != "adaptive":
            raise ValueError(
                f"rule={self.rule!r} trains nothing on a GPU: use rule='adaptive', or a Setup"
            )

    def memory(self, seed):
        return GpuMemory(**super().memory(seed).get_params())
