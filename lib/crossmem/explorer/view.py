"""The page of the explorer: controls, pictures, and what each of them does to the model."""

import ipywidgets as ipw
import numpy as np

from crossmem.explorer.model import (
    KNOWLEDGE,
    MOST_PATTERNS,
    RECALLED,
    RULES,
    STUCK_OFF,
    STUCK_ON,
    TEST_FLIPS,
    WORKING,
    Explorer,
)
from crossmem.explorer.widgets import Board, Curves, Gallery, WeightMap
from crossmem.networks.network import UPDATES

WIDE = {"style": {"description_width": "12em"}, "layout": ipw.Layout(width="28em")}
ROW, COLUMN = ipw.Layout(flex_flow="row wrap"), ipw.Layout(margin="0 24px 0 0")
REST = ipw.Layout(flex="1 1 40em", min_width="0", width="auto")  # beside the column
FLIPS = 0.1  # of the button that flips pixels
SPAN = 10  # pairs in a row and in a column of the window on the chip
CONDITIONS = ("works", "stuck off", "stuck on")


def explorer_page(explorer=None):
    """The widget that shows an `Explorer`, by default a new one; display it in a notebook."""
    return Page(Explorer() if explorer is None else explorer).box


class Page:
    """Widgets around an `Explorer`; every change goes to the model, and all is drawn from it."""

    def __init__(self, explorer):
        self.explorer, self.draws, self.recall = explorer, 0, None
        self._make_memory()
        self._make_chip()
        self.status, self.chip_status = ipw.HTML(), ipw.HTML()
        self.box = ipw.VBox([self._memory_box(), self._chip_box()])
        self._listen()
        self.refresh()

    # What there is.

    def _make_memory(self):
        e, neurons = self.explorer, self.explorer.side**2
        self.rule = ipw.Dropdown(options=list(RULES), value=e.rule, description="Rule", **WIDE)
        self.count = _slider(ipw.IntSlider, "Stored patterns", e.n_patterns, 1, MOST_PATTERNS)
        self.update = ipw.Dropdown(options=UPDATES, value=e.update, description="Updates", **WIDE)
        self.flip = _button("Flip 10 %", "Flip each pixel of the cue with probability 0.1")
        self.clear = _button("Clear", "Make an empty cue, to draw on")
        self.store = _button("Store the cue", "Store what was drawn, and train again")
        self.cue = Board(columns=e.side, shades=[0.0] * neurons, paint=True, size=26)
        self.stored = Gallery(columns=e.side, scale=4)
        self.states = Gallery(columns=e.side, scale=5, pause=600)
        self.curves = Curves()

    def _make_chip(self):
        e = self.explorer
        self.map = WeightMap(neurons=e.side**2, span=SPAN, label="Weights of the chip")
        self.devices = Board(columns=2 * SPAN, shades=[0.0] * (2 * SPAN**2), size=20)
        self.off = _slider(ipw.FloatSlider, "Share stuck off", 0.0, 0.0, 0.5, step=0.01)
        self.on = _slider(ipw.FloatSlider, "Share stuck on", 0.0, 0.0, 0.5, step=0.01)
        self.knowledge = ipw.Dropdown(
            options=KNOWLEDGE, value=e.knowledge, description="Training knows", **WIDE
        )
        self.error = _slider(ipw.IntSlider, "Programming error, µS", int(e.error), 0, 15)
        self.again = _button("Train, write at once", "Train on what is known, and write the chip")
        self.staged = _button("Train, write in stages", "Write shares, and train around them")
        self.new = _button("New chip", "Take a chip without faults, and write it")
        self.progress = ipw.FloatProgress(max=1.0, description="Stages")

    def _memory_box(self):
        left = ipw.VBox(
            [
                *(self.rule, self.count, self.update),
                _text("<b>Cue.</b> Click or draw; or use the arrow keys and the space bar."),
                *(self.cue, ipw.HBox([self.flip, self.clear, self.store])),
            ],
            layout=COLUMN,
        )
        right = ipw.VBox(
            [
                _text(
                    "<b>Stored patterns.</b> Choose one as cue. Red frame and ✗: not recalled when "
                    "5 % of its pixels are flipped."
                ),
                self.stored,
                _text("<b>Recall</b>, from the cue on, update by update."),
                *(self.states, self.curves, self.status),
            ],
            layout=REST,
        )
        return ipw.HBox([left, right], layout=ROW)

    def _chip_box(self):
        whole = ipw.VBox(
            [
                _text("<b>Chip.</b> Blue: positive weight, orange: negative, black: stuck device."),
                self.map,
            ],
            layout=COLUMN,
        )
        part = ipw.VBox(
            [
                _text(
                    "<b>Devices of the framed part</b>, in pairs G+ G−; blue: conductance. "
                    "A click breaks a device: 0 is stuck off, 1 is stuck on."
                ),
                self.devices,
                *(self.off, self.on, self.knowledge, self.error),
                ipw.HBox([self.again, self.staged, self.new, self.progress]),
                self.chip_status,
            ],
            layout=REST,
        )
        return ipw.HBox([whole, part], layout=ROW)

    # What happens.

    def _listen(self):
        e = self.explorer
        self._on_change(self.rule, lambda value: e.set(rule=value))
        self._on_change(self.count, lambda value: e.set(n_patterns=value))
        self._on_change(self.update, lambda value: setattr(e, "update", value))
        self._on_change(self.knowledge, lambda value: e.set(knowledge=value))
        self._on_change(self.error, lambda value: e.set(error=float(value)))
        for slider in (self.off, self.on):
            self._on_change(slider, lambda value: e.break_at_rate(self.off.value, self.on.value))
        self._on_click(self.flip, self._flip)
        self._on_click(self.clear, e.clear)
        self._on_click(self.store, e.store)
        self._on_click(self.again, e.write)
        self._on_click(self.staged, lambda: e.write_in_stages(self._show_share))
        self._on_click(self.new, self._new_chip)
        self._on_message(self.cue, lambda cell, value: e.set_pixel(cell, value))
        self._on_message(self.stored, lambda index: e.pick(index))
        self._on_message(self.devices, self._break)
        self.states.on_msg(lambda _, content, __: self._show_step(content["index"]))
        self.map.observe(lambda change: self._show_devices(), "window")

    def _on_change(self, control, act):
        def changed(change):
            act(change["new"])
            self.refresh()

        control.observe(changed, "value")

    def _on_click(self, button, act):
        def clicked(_):
            act()
            self.refresh()

        button.on_click(clicked)

    def _on_message(self, widget, act):
        def sent(_, content, __):
            act(**content)
            self.refresh()

        widget.on_msg(sent)

    def _flip(self):
        self.draws += 1
        self.explorer.flip(FLIPS, self.draws)

    def _new_chip(self):
        self.off.value = self.on.value = 0.0
        self.explorer.repair()

    def _break(self, cell, value):
        self.explorer.break_device(*self._device(cell))

    def _device(self, cell):
        """Output, input and 0 or 1 of the device in a cell of the window."""
        (row, column), (down, right) = self.map.window, divmod(cell, 2 * SPAN)
        return row + down, column + right // 2, right % 2

    def _show_share(self, share):
        self.progress.value = share

    # What is seen.

    def refresh(self):
        """Draw everything from the model."""
        e = self.explorer
        self.recall = e.recall()
        cosines = e.test()
        self.count.value = e.n_patterns
        on = ["on" if pixel > 0 else "off" for pixel in e.cue]
        with self.cue.hold_sync():
            self.cue.label = "Cue, a grid of pixels; the space bar turns one"
            self.cue.shades = ((e.cue + 1) / 2).tolist()
            self.cue.names = [
                f"row {k // e.side + 1}, column {k % e.side + 1}, {state}"
                for k, state in enumerate(on)
            ]
        with self.stored.hold_sync():
            self.stored.label = "Stored patterns; choose one as cue"
            self.stored.images = [_bits(pattern) for pattern in e.patterns]
            self.stored.captions = [
                f"{name} ✗" if cosine < RECALLED else name
                for name, cosine in zip(e.names, cosines, strict=True)
            ]
            self.stored.failed = (cosines < RECALLED).tolist()
            self.stored.selected = self.recall.nearest
        self._show_recall()
        self._show_map()
        self._show_devices()
        self.staged.disabled, self.staged.tooltip = bool(e.why_not_staged), e.why_not_staged
        self.status.value = _status(self._memory_sentences(cosines))
        self.chip_status.value = _status(self._chip_sentences())

    def _show_recall(self):
        e, recall = self.explorer, self.recall
        with self.states.hold_sync():
            self.states.label = "States of the recall, the cue first; choose one to mark it"
            self.states.images = [_bits(state) for state in recall.states]
            self.states.captions = [f"{k}" for k in range(len(recall.states))]
            self.states.failed = [False] * len(recall.states)
        with self.curves.hold_sync():
            self.curves.energies = recall.energies.astype(float).tolist()
            self.curves.overlaps = recall.overlaps.T.tolist()
            self.curves.names = [f"{name}" for name in e.names]
            self.curves.nearest = recall.nearest
            self.curves.label = " ".join(self._recall_sentences())
        self._show_step(recall.updates)

    def _show_step(self, step):
        self.states.selected = self.curves.step = min(step, self.recall.updates)

    def _show_map(self):
        e = self.explorer
        with self.map.hold_sync():
            self.map.weights = (
                np.round(100 * e.crossbar.weights).clip(-127, 127).astype("i1").tobytes()
            )
            self.map.stuck = (e.faults != WORKING).sum(axis=2).astype("u1").tobytes()

    def _show_devices(self):
        e, cells = self.explorer, [self._device(cell) for cell in range(2 * SPAN**2)]
        g_max, conductance = e.crossbar.device.g_max, e.crossbar.conductance
        row, column = self.map.window
        framed = (
            f"to neurons {row} to {row + SPAN - 1} from neurons {column} to {column + SPAN - 1}"
        )
        self.map.label = f"Map of all weights; the arrow keys move the frame, now {framed}"
        with self.devices.hold_sync():
            self.devices.label = f"Devices {framed}; the space bar breaks one"
            self.devices.shades = [float(np.clip(conductance[c] / g_max, 0, 1)) for c in cells]
            self.devices.marks = [int(e.faults[c]) for c in cells]
            self.devices.names = [
                f"to {c[0]} from {c[1]}, G{'+−'[c[2]]}, {conductance[c]:.0f} µS, "
                f"{CONDITIONS[e.faults[c]]}"
                for c in cells
            ]

    def _recall_sentences(self):
        recall, e = self.recall, self.explorer
        first, last = recall.energies[[0, -1]]
        how, s = "rests" if recall.settled else "still moves", "" if recall.updates == 1 else "s"
        yield (
            f"The recall {how} after {recall.updates} update{s}; the energy goes from {first:.1f} "
            f"to {last:.1f}."
        )
        name, overlap = e.names[recall.nearest], recall.overlaps[-1, recall.nearest]
        name = "your own" if name == "own" else f"digit {name}"
        yield (
            f"The nearest stored pattern is number {recall.nearest + 1} ({name}), "
            f"overlap {overlap:.2f}."
        )

    def _memory_sentences(self, cosines):
        yield from self._recall_sentences()
        yield (
            f"{(cosines >= RECALLED).sum()} of {len(cosines)} patterns are recalled when "
            f"{100 * TEST_FLIPS:.0f} % of their pixels are flipped."
        )

    def _chip_sentences(self):
        e = self.explorer
        off, on = ((e.faults == state).sum() for state in (STUCK_OFF, STUCK_ON))
        yield f"{off} devices are stuck off, {on} stuck on."
        if e.new_faults:
            yield f"Changed since the chip was written: {e.new_faults}; train again."
        if e.why_not_staged:
            yield f"In stages: {e.why_not_staged}"


def _slider(kind, description, value, least, most, **options):
    return kind(
        value=value,
        min=least,
        max=most,
        description=description,
        continuous_update=False,
        **options,
        **WIDE,
    )


def _button(description, tooltip):
    return ipw.Button(description=description, tooltip=tooltip, layout=ipw.Layout(width="auto"))


def _text(html):
    return ipw.HTML(html)


def _status(sentences):
    text = " ".join(sentences).replace(" -", " −")
    return f'<div role="status" aria-live="polite">{text}</div>'


def _bits(pattern):
    return "".join("1" if pixel > 0 else "0" for pixel in pattern)
