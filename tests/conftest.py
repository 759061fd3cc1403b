"""The notebooks run once in a suite, by nbval; what looks at their results comes after them."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name == "test_quick_results.py")  # a stable sort
