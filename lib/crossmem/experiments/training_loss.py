"""How far a training comes: its loss, its steps, and the recall that it ends with."""

from crossmem.experiments.quality import setup_quality
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import quantity


def training_loss(setup, *, seed):
    """Loss and steps at the end of an adaptive training through masked weights, and its recall.

    The loss is the mean over patterns and neurons. The recall has the names and the meaning of
    `experiments.quality.setup_quality`. A setup of another rule, or with what is ignored here, is a
    ValueError.
    """
    setup.require(**NO_CHIP, programming_error=0.0, rule="adaptive")
    stored = setup.stored(seed)
    memory = setup.memory(seed).fit(stored, limits=setup.masked_limits(seed))
    recalled = setup_quality(setup, memory.network_, stored, seed)
    return {
        "loss": quantity(memory.loss_, "1", "loss at the end of the training"),
        "steps": quantity(memory.steps_, "1", "steps of the training"),
    } | {name: recalled[name].variable for name in recalled}
