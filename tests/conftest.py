"""The notebooks run once in a suite, by nbval; what looks at their results comes after them."""

import pytest
from threadpoolctl import threadpool_limits


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name == "test_quick_results.py")  # a stable sort


@pytest.fixture
def one_thread():
    """One BLAS thread, as in a sweep: another number sums in another order."""
    with threadpool_limits(1):
        yield
