"""The page of the explorer without a browser: what each control does, and what is then shown."""

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="the explorer needs crossmem[explorer]")

from crossmem.explorer.model import RULES, Explorer  # noqa: E402
from crossmem.explorer.view import SPAN, Page, explorer_page  # noqa: E402


@pytest.fixture
def page():
    return Page(Explorer())


def send(widget, **content):
    """What the browser sends when a cell or an image is clicked."""
    widget._handle_custom_msg(content, [])


def test_a_click_on_the_cue_changes_it_and_the_recall(page):
    page.clear.click()
    send(page.cue, cell=0, value=1)
    assert page.explorer.cue[0] == 1 and page.cue.shades[0] == 1
    assert page.states.images[0][0] == "1" and page.states.images[-1][0] == "0"
    assert page.cue.names[0] == "row 1, column 1, on"


def test_a_choice_among_the_stored_patterns_is_the_cue(page):
    send(page.stored, index=2)
    assert np.array_equal(page.explorer.cue, page.explorer.patterns[2])
    assert page.states.images[0] == page.stored.images[2]


def test_each_control_changes_the_model(page):
    explorer = page.explorer
    page.count.value = 12
    page.rule.value = "adaptive"
    page.knowledge.value = "intervals"
    page.error.value = 5
    page.update.value = "asynchronous"
    assert (explorer.n_patterns, explorer.rule, explorer.knowledge) == (12, "adaptive", "intervals")
    assert (explorer.error, explorer.update) == (5, "asynchronous")
    assert len(page.stored.images) == 12
    page.off.value, page.on.value = 0.1, 0.2
    assert abs((explorer.faults > 0).mean() - 0.3) < 0.01
    assert "train again" in page.chip_status.value
    page.again.click()
    assert not explorer.new_faults and "train again" not in page.chip_status.value
    page.staged.click()
    assert page.progress.value == 1
    page.new.click()
    assert not explorer.faults.any() and page.off.value == page.on.value == 0
    page.clear.click()
    assert (explorer.cue == -1).all()
    page.flip.click()
    assert (explorer.cue == 1).any()
    page.store.click()
    assert page.stored.captions[0].startswith("own") and page.count.value == 13


def test_the_window_shows_and_breaks_the_devices_that_the_map_frames(page):
    page.map.window = [40, 60]
    send(page.devices, cell=3 * 2 * SPAN + 5, value=1)  # fourth row, third pair, G-
    assert np.argwhere(page.explorer.faults).tolist() == [[43, 62, 1]]
    assert page.devices.marks[3 * 2 * SPAN + 5] == 1
    assert "to 43 from 62, G−, 0 µS, stuck off" in page.devices.names[3 * 2 * SPAN + 5]
    stuck = np.frombuffer(page.map.stuck, "u1").reshape(100, 100)
    assert np.argwhere(stuck).tolist() == [[43, 62]]
    weights = np.frombuffer(page.map.weights, "i1").reshape(100, 100)
    assert np.allclose(weights, 100 * page.explorer.crossbar.weights, atol=0.51)


def test_failed_patterns_are_marked_by_more_than_colour(page):
    page.count.value = 10
    assert all(page.stored.failed)
    assert all("✗" in caption for caption in page.stored.captions)


def test_the_button_for_stages_is_off_where_there_are_none_and_says_why(page):
    assert page.staged.disabled and "formula" in page.staged.tooltip
    page.rule.value = list(RULES)[-1]
    page.error.value = 4
    assert not page.staged.disabled


def test_a_step_of_the_recall_can_be_chosen(page):
    send(page.states, index=0)
    assert page.states.selected == page.curves.step == 0
    page.flip.click()
    assert page.states.selected == page.recall.updates


def test_every_picture_has_a_label(page):
    for picture in (page.cue, page.stored, page.states, page.curves, page.map, page.devices):
        assert picture.label
    assert explorer_page().children
