"""The explorer in a browser, by Voilà: draw, flip, recall, break, retrain, by hand and by keys."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "explorer.ipynb"
PATIENCE = 300  # s, for machines that do much else
LOADED = "Failed to load resource"  # Voilà asks a network for icons, which there need not be


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    for module in ("anywidget", "voila"):
        pytest.importorskip(module, reason="the explorer needs crossmem[explorer]")
    port, folder = free_port(), tmp_path_factory.mktemp("voila")
    command = [sys.executable, "-m", "voila", str(NOTEBOOK), "--no-browser", f"--port={port}"]
    library = os.pathsep.join(
        filter(None, [str(NOTEBOOK.parents[1] / "lib"), os.getenv("PYTHONPATH")])
    )
    environment = os.environ | {"PYTHONPATH": library, "JUPYTER_DATA_DIR": str(folder)}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def wait_for(port, server):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/voila/static/").close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("Voilà does not answer")


@pytest.fixture(scope="module")
def opened(address):
    """The page, and the errors of its scripts."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is optional")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine")
    errors = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        page.set_default_timeout(1000 * PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(address)
        page.locator(".crossmem-board button").first.wait_for()
        yield page, errors
        browser.close()


@pytest.fixture
def page(opened):
    return opened[0]


def says(page, text):
    """Wait until one of the two status lines says so."""
    page.locator('[role="status"]').filter(has_text=re.compile(text)).wait_for()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def choose(page, control, value):
    page.get_by_label(control, exact=True).select_option(value)


def slide(page, control, value):
    """Type a slider's value into the read-out beside it."""
    row = page.locator(".widget-hslider").filter(has_text=control)
    readout = row.locator(".widget-readout")
    readout.fill(str(value))
    readout.press("Enter")


def pixel(page, row, column):
    return page.get_by_role("gridcell", name=re.compile(f"^row {row}, column {column}, "))


def shown(cell, state):
    """Wait until the label of a cell ends with a state."""
    cell.and_(cell.page.locator(f'[aria-label$="{state}"]')).wait_for()


def test_flip_and_recall(page):
    says(page, "overlap 1.00")
    press(page, "Clear")
    shown(pixel(page, 5, 5), "off")
    pixel(page, 5, 5).click()
    shown(pixel(page, 5, 5), "on")
    press(page, "Flip 10 %")
    page.locator('.crossmem-board [aria-label$=", on"]').nth(3).wait_for()
    states = page.get_by_role("group", name=re.compile("^States of the recall")).get_by_role(
        "button"
    )
    states.nth(1).wait_for()
    states.first.click()
    chosen = page.locator('[aria-pressed="true"]')
    states.first.and_(chosen).wait_for()
    press(page, "Play")
    states.last.and_(chosen).wait_for()


def test_a_pointer_draws_and_the_keys_do_too(page):
    press(page, "Clear")
    shown(pixel(page, 5, 5), "off")
    pixel(page, 2, 3).hover()
    page.mouse.down()
    for column in range(4, 8):
        pixel(page, 2, column).hover()
    page.mouse.up()
    for column in range(3, 8):
        shown(pixel(page, 2, column), "on")
    pixel(page, 2, 7).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Space"):
        page.keyboard.press(key)
    shown(pixel(page, 4, 8), "on")
    page.keyboard.press("Space")
    shown(pixel(page, 4, 8), "off")


def test_a_drawing_is_stored_and_a_pattern_is_picked(page):
    stored = page.get_by_role("group", name=re.compile("^Stored patterns")).get_by_role("button")
    before = stored.count()
    press(page, "Store the cue")
    stored.nth(before).wait_for()
    assert stored.first.inner_text().startswith("own")
    stored.nth(1).click()
    shown(pixel(page, 1, 5), "on")
    stored.nth(1).press("ArrowLeft")
    page.keyboard.press("Enter")
    shown(pixel(page, 1, 5), "off")


def test_break_and_train_again(page):
    choose(page, "Rule", "adaptive, noisy cues")
    slide(page, "Stored patterns", 20)
    says(page, "20 of 20 patterns are recalled")
    device = page.get_by_role("gridcell", name=re.compile(r"^to 0 from 1, G\+"))
    device.click()
    shown(device, "stuck off")
    says(page, "written: 1; train again")
    device.focus()
    page.keyboard.press("Space")
    shown(device, "stuck on")
    slide(page, "Share stuck off", 0.1)
    slide(page, "Share stuck on", 0.1)
    says(page, "^0 of 20|[^0-9]0 of 20 patterns are recalled")
    says(page, "train again")
    choose(page, "Training knows", "intervals")
    says(page, "20 of 20 patterns are recalled")
    choose(page, "Training knows", "nothing")
    slide(page, "Programming error, µS", 4)
    press(page, "Train, write in stages")
    says(page, "(1[0-9]|20) of 20 patterns are recalled")


def test_the_frame_on_the_chip_moves_with_pointer_and_keys(page):
    map = page.get_by_role("application")
    map.click(position={"x": 155, "y": 65})
    page.get_by_role("gridcell", name=re.compile(r"^to 20 from 50, G\+")).wait_for()
    map.press("ArrowDown")
    map.press("ArrowLeft")
    page.get_by_role("gridcell", name=re.compile(r"^to 30 from 40, G\+")).wait_for()
    press(page, "New chip")
    says(page, "^0 devices are stuck off")


def test_all_controls_have_a_name_and_can_be_reached_by_the_tab_key(page):
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, select, canvas[tabindex], [role=slider]")]
        .filter((e) => e.offsetParent && !(e.textContent.trim() || e.title ||
            e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") ||
            e.labels?.length || e.closest(".widget-inline-hbox")?.querySelector("label")))
        .map((e) => e.outerHTML.slice(0, 100))"""
    )
    assert not unnamed
    stops = page.evaluate(
        """() => [...document.querySelectorAll(".crossmem-board, .crossmem-gallery")]
        .map((e) => e.querySelectorAll('[tabindex="0"]').length)"""
    )
    assert stops == [1] * 4


def test_no_script_has_failed(opened):
    assert not [error for error in opened[1] if LOADED not in error]
