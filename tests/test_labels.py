"""Every variable of a dataset carries its units and its full name."""

import pytest
import xarray as xr

from crossmem.labels import describe, quantity


def test_variables_get_their_meaning_and_shared_coordinates_theirs():
    dataset = xr.Dataset({"a": ("neurons", [1.0])}, {"neurons": [64]})
    found = describe(dataset, a=("1", "stored patterns"))
    assert found is dataset
    assert found["a"].attrs == {"units": "1", "long_name": "stored patterns"}
    assert found["neurons"].attrs == {"units": "1", "long_name": "number of neurons N"}


def test_a_name_that_is_there_is_kept():
    dataset = xr.Dataset(coords={"level": ("level", [5.0], {"units": "µS", "long_name": "target"})})
    assert describe(dataset)["level"].attrs == {"units": "µS", "long_name": "target"}


def test_an_unknown_variable_is_named_with_the_nearest():
    dataset = xr.Dataset({"capacity": ("x", [1.0])})
    with pytest.raises(ValueError, match="'capcity'.*'capacity'"):
        describe(dataset, capcity=("1", "stored patterns"))


def test_a_quantity_is_labelled():
    found = quantity([1.0, 2.0], "s", "time", "x")
    assert found.attrs == {"units": "s", "long_name": "time"} and found.dims == ("x",)
