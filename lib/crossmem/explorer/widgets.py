"""Four small widgets: a board of cells, a gallery of images, a map of weights, and curves."""

from pathlib import Path

import anywidget
import traitlets

from crossmem.workbook.plotting import BLUE, ORANGE, PURPLE, VERMILION

HERE = Path(__file__).parent


class Drawing(anywidget.AnyWidget):
    """What the four share: a kind, by which the script draws it, a label, and the colours."""

    _esm = HERE / "widgets.js"
    _css = HERE / "widgets.css"
    kind = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)  #: what a screen reader says
    colors = traitlets.Dict(
        {"blue": BLUE, "orange": ORANGE, "vermilion": VERMILION, "purple": PURPLE}
    ).tag(sync=True)


class Board(Drawing):
    """Cells to click, or to reach with the arrow keys and change with the space bar.

    A click sends {"cell": index}, and with ``paint``, for all cells that the pointer is drawn over,
    also the {"value": ...} that the first one takes.
    """

    kind = traitlets.Unicode("board").tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    shades = traitlets.List(traitlets.Float()).tag(sync=True)  #: 0 is white, 1 is full
    marks = traitlets.List(traitlets.Int()).tag(sync=True)  #: 0 none, 1 stuck off, 2 stuck on
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  #: of each cell
    paint = traitlets.Bool(False).tag(sync=True)
    size = traitlets.Int(22).tag(sync=True)  #: pixels


class Gallery(Drawing):
    """Images to choose from; a click sends {"index": ...}."""

    kind = traitlets.Unicode("gallery").tag(sync=True)
    columns = traitlets.Int(10).tag(sync=True)  #: of an image
    images = traitlets.List(traitlets.Unicode()).tag(sync=True)  #: "0" and "1" of each pixel
    captions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    failed = traitlets.List(traitlets.Bool()).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    scale = traitlets.Int(4).tag(sync=True)  #: pixels per pixel
    pause = traitlets.Int(0).tag(sync=True)  #: ms between images when played; 0 for no such button


class WeightMap(Drawing):
    """All weights; a click, or the arrow keys, move the ``window``."""

    kind = traitlets.Unicode("map").tag(sync=True)
    neurons = traitlets.Int(1).tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)  #: int8, in hundredths of G_max
    stuck = traitlets.Bytes().tag(sync=True)  #: uint8, stuck devices of each pair
    window = traitlets.List(traitlets.Int(), [0, 0]).tag(sync=True)  #: first row, first column
    span = traitlets.Int(10).tag(sync=True)  #: rows and columns of the window


class Curves(Drawing):
    """Energy and overlaps against the updates."""

    kind = traitlets.Unicode("curves").tag(sync=True)
    energies = traitlets.List(traitlets.Float()).tag(sync=True)
    overlaps = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)  #: by pattern
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  #: of the patterns
    nearest = traitlets.Int(0).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)  #: the update that is shown
