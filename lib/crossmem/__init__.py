"""Associative memories on memristor crossbars: train through the fault map, recall, measure."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossmem.api import *  # noqa: F403


def __getattr__(name):
    """Load the public names when the first is asked for: scikit-learn takes a second."""
    if not name.startswith("_"):
        api = importlib.import_module("crossmem.api")
        public = {public: getattr(api, public) for public in api.__all__}
        globals().update(public)
        if name in globals():  # a public name, or a module that they need
            return globals()[name]
    elif name == "__all__":
        return importlib.import_module("crossmem.api").__all__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__getattr__("__all__")})
