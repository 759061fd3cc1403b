"""The book: it builds, its links lead somewhere, and its pages work in a browser offline."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/someone/crossmem"
WANTED = ("sphinx_book_theme", "myst_nb", "itables")
PAGES = (
    "index.html",
    "notebooks/02_fault_tolerance.html",
    "claims.html",
    "library/networks.html",
    "notebooks/07_beyond_the_paper.html",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the book, built with links to a repository."""
    for module in WANTED:
        pytest.importorskip(module, reason="the book needs book/requirements.txt")
    folder = tmp_path_factory.mktemp("book") / "html"
    command = [sys.executable, str(ROOT / "book" / "build.py"), "--output", str(folder)]
    named = os.environ | {"CROSSMEM_REPOSITORY": REPOSITORY}
    built = subprocess.run(command, capture_output=True, text=True, env=named)
    assert built.returncode == 0, built.stderr[-3000:]
    return folder


class Links(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.places |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        for name in ("href", "src"):
            if attrs.get(name):
                self.links.append((tag, attrs[name]))


def documents(site):
    """The pages of the book, without the templates that the theme leaves beside its files."""
    return [path for path in site.rglob("*.html") if "_static" not in path.parts]


def test_every_link_inside_the_book_leads_somewhere(site):
    pages = {path: Links(path) for path in documents(site)}
    assert len(pages) > 20
    dead = []
    for page, found in pages.items():
        for _, link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("#"):
                continue
            target = (page.parent / unquote(parts.path)).resolve()
            there = target.is_file()
            if there and parts.fragment and target in pages:
                there = unquote(parts.fragment) in pages[target].places
            if not there:
                dead.append(f"{page.relative_to(site)}: {link}")
    assert not dead


def test_nothing_is_loaded_from_a_network(site):
    for path in documents(site):
        loaded = [link for tag, link in Links(path).links if tag in ("script", "img", "iframe")]
        assert not [link for link in loaded if urlsplit(link).netloc], path.name


def test_each_claim_leads_to_a_cell_of_its_notebook(site):
    text = (site / "claims.html").read_text(encoding="utf-8")
    assert text.count("notebooks/02_fault_tolerance.html#02_") >= 5
    assert "_images/02_fig3j.png" in text


def test_a_notebook_can_be_launched_from_the_repository(site):
    links = [link for _, link in Links(site / "notebooks/02_fault_tolerance.html").links]
    path = "notebooks/02_fault_tolerance.ipynb"
    assert f"https://colab.research.google.com/github/someone/crossmem/blob/main/{path}" in links
    assert f"https://mybinder.org/v2/gh/someone/crossmem/main?urlpath=tree/{path}" in links


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is optional")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def errors():
    return []


@pytest.fixture
def show(site, browser, errors):
    """Opens a page of the book at a width; errors of its scripts are collected."""

    def opened(name, width=1200):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(180_000)  # machines of tests can be busy
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto((site / name.partition("?")[0]).as_uri() + name[len(name.partition("?")[0]) :])
        return page

    return opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_error_and_fits_a_small_screen(show, errors, name):
    page = show(name, width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    images = page.evaluate("[...document.images].map(i => [i.alt, i.naturalWidth])")
    assert all(alt and width for alt, width in images)
    assert not errors


def test_mathematics_is_typeset_and_code_unfolds_with_a_click(show):
    page = show("notebooks/02_fault_tolerance.html")
    page.wait_for_selector("mjx-container")
    folded = page.locator("details.hide").first
    code = folded.locator("pre").first
    assert not code.is_visible()
    folded.locator("summary").click()
    assert code.is_visible()


def test_the_search_finds_words_of_a_notebook(show):
    page = show("search.html?q=pseudo-inverse")
    page.wait_for_selector("#search-results li a")
    links = page.locator("#search-results li a").all()
    assert any("02_fault_tolerance" in link.get_attribute("href") for link in links)


def test_claims_can_be_filtered_and_sorted(show):
    page = show("claims.html")
    rows = page.locator("table.dataTable tbody tr")
    page.wait_for_selector("table.dataTable tbody tr")
    every = rows.count()
    page.locator("div.dt-search input").fill("pseudo-inverse")
    page.wait_for_timeout(500)
    assert 0 < rows.count() < every
