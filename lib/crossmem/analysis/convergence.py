"""How far trainings come, and with which size of pulse."""


def best_step(found):
    """Trainings with the step whose least loss is smallest in the mean over the seeds.

    Parameters
    ----------
    found : xarray.Dataset (step, seed, ...)
        Holds ``least``. Step 0, a pulse of another size, does not take part; nor does a step with
        NaN on some seed, as long as there is another one.

    Returns
    -------
    xarray.Dataset
        Without the dimension ``step``.
    """
    tried = found.sel(step=[step for step in found["step"].values if step > 0])
    mean = tried["least"].mean("seed", skipna=False)
    return tried.isel(step=mean.argmin("step")).drop_vars("step")


def progress(found, floor):
    """Share of the way from the ``first`` to a floor that the ``least`` loss has come.

    A loss below the floor is more than the whole way.
    """
    return (found["first"] - found["least"]) / (found["first"] - floor)


def failing(found, floor, bar=0.5):
    """Share of the trainings (seed,) that come less than ``bar`` of the way to a floor."""
    short = progress(found, floor) < bar
    return short.mean([dim for dim in short.dims if dim != "seed"])
