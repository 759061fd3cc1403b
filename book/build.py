"""Build the book: the committed notebooks, tables and docstrings as a static site.

``python book/build.py`` writes it to ``build/book``; open ``build/book/index.html``. Nothing is
executed, and the site works without a network. The variable CROSSMEM_REPOSITORY, the address of a
repository, adds launch links.
"""

import argparse
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
from itables import to_html_datatable
from itables.javascript import generate_init_offline_itables_html
from itables.options import dt_bundle

import crossmem

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "figures" / "paper"
ROOMS = ("chip", "networks", "deploy", "analysis", "experiments", "workbook", "explorer")
#: The parts of the book: caption, and the notebooks by the beginnings of their names.
PARTS = {
    "The paper": ("00", "01", "02", "03", "04", "05"),
    "Beyond": ("06", "07", "08", "09"),
    "Appendix": ("A", "90"),
}
OPENED = re.compile(r"""run\.open\(\s*["'](\w+)["']""")
DRAWN = re.compile(r"""run\.figure\(\s*\w+,\s*["'](\w+)["']""")
#: Links from a page to files that have no page in the book; their words stay.
INSIDE = re.compile(
    r"\[([^\]]*)\]\((?:\.\./)?(?:explorer|params|lib|figures|instructor|README|CONTRIBUTING|CITATION|CHANGELOG)[^)]*\)(?<!png\))"
)
#: How the tables of the ledgers are shown: whole, with what they need inside the page.
TABLE = {
    "connected": False,  # to the network
    "paging": False,
    "classes": "display compact",
    "display_logo_when_loading": False,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "book")
    options = parser.parse_args()
    source = options.output.with_name(options.output.name + "-source")
    assemble(source)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "-b", "html"]
    command += ["-c", str(ROOT / "book"), str(source), str(options.output)]
    subprocess.run(command, check=True)
    print(f"open {options.output / 'index.html'}")


def assemble(source):
    """Write the sources of the book into a fresh folder."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(
        PAPER, source / "figures" / "paper", ignore=shutil.ignore_patterns("*.nc", "*.md")
    )
    names = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9A-Z][0-9]_*.ipynb"))
    places = {}
    (source / "notebooks").mkdir()
    for name in names:
        places |= copy_notebook(name, source / "notebooks")
    copy_course(source / "course")
    write_index(source, names)
    write_claims(source, places)
    write_assumptions(source)
    write_glossary(source)
    write_library(source / "library")


def copy_notebook(name, folder):
    """Copy a notebook with its code folded; returns the anchor and figure of each dataset.

    An anchor is put before the first cell that opens a dataset.
    """
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4)
    places, cells, waiting = {}, [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for dataset in dict.fromkeys(OPENED.findall(cell.source)):
                if dataset not in places:
                    places[dataset] = [f"notebooks/{name}.html#{dataset}", ""]
                    waiting.append(dataset)
                    cells.append(nbformat.v4.new_markdown_cell(f'<span id="{dataset}"></span>'))
            for figure in DRAWN.findall(cell.source):
                for dataset in waiting:
                    places[dataset][1] = figure
                waiting = []
            tags = set(cell.metadata.get("tags", []))
            if "show-input" not in tags:  # code that is part of the argument
                cell.metadata["tags"] = sorted(tags | {"hide-input"})
        else:
            cell.source = INSIDE.sub(r"\1", cell.source)
        cells.append(cell)
    notebook.cells = cells
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return places


def copy_course(folder):
    """Copy the pages of the course and what a student is given; solutions stay in the workbook."""
    course = ROOT / "course"
    for part in ("figures", "student"):
        shutil.copytree(course / part, folder / part)
    for path in course.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(INSIDE.sub(r"\1", text), encoding="utf-8")


def write_index(source, names):
    """The first page, from the README without what is only for the repository, and all contents."""
    trees = []
    for caption, begins in PARTS.items():
        pages = [f"notebooks/{n}" for begin in begins for n in names if n.startswith(begin)]
        trees.append(toctree(caption, pages))
    sessions = sorted((source / "course" / "student").glob("*.ipynb"))
    sessions = [f"course/student/{path.stem}" for path in sessions]
    trees.append(toctree("Course", ["course/README", *sessions, "course/project"]))
    trees.append(toctree("For lecturers", ["course/guide"]))
    trees.append(toctree("Ledgers", ["claims", "assumptions", "glossary"]))
    trees.append(toctree("Library", ["library/index"]))
    text = readme((ROOT / "README.md").read_text(encoding="utf-8"))
    (source / "index.md").write_text(text + "\n\n" + "\n".join(trees), encoding="utf-8")


def toctree(caption, pages):
    lines = [f"```{{toctree}}\n:caption: {caption}\n:hidden:", *pages, "```\n"]
    return "\n".join(lines)


def readme(text):
    """The README with links to pages of the book in the place of links to files."""
    text, found, _ = text.partition("\n## Five ways in")
    if not found:
        raise ValueError("README.md has no '## Five ways in', where the first page ends: add it")
    text = re.sub(r'<img src="([^"]*)"[^>]*alt="([^"]*)">', r"![\2](\1)", text)
    text = re.sub(  # opened by the browser; a link of Sphinx would be a download
        r"(?<!!)\[([^\]]*)\]\(figures/paper/(\w+\.png)\)", r'<a href="_images/\2">\1</a>', text
    )
    text = text.replace("(figures/paper/README.md)", "(claims.md)")
    text = text.replace("(figures/paper/assumptions.csv)", "(assumptions.md)")
    return INSIDE.sub(r"\1", text)


def write_claims(source, places):
    """A table of all claims that can be sorted and searched, each row with its figure and cell."""
    claims = pd.read_csv(PAPER / "claims.csv", dtype=str, keep_default_na=False)

    def linked(row):
        address, figure = places.get(row["dataset"], (f"notebooks/{row['notebook']}.html", ""))
        cell = f'<a href="{address}">{row["notebook"][:2]}</a>'
        drawn = PAPER / f"{figure}.png"
        picture = f'<a href="_images/{figure}.png">figure</a>' if drawn.is_file() else ""
        return cell, picture

    claims["verdict"] = [
        ": ".join(filter(None, pair))
        for pair in zip(claims["verdict"], claims["reason"], strict=True)
    ]
    claims["published"] = claims["published"].where(claims["published"] != "", claims["before"])
    claims["95 %"] = [
        f"{float(low):.3g} to {float(high):.3g}" if low else ""
        for low, high in zip(claims["low"], claims["high"], strict=True)
    ]
    claims["cell"], claims["picture"] = zip(
        *(linked(row) for _, row in claims.iterrows()), strict=True
    )
    columns = {"figure": "figure", "what": "quantity", "published": "published or before"}
    columns |= {name: name for name in ("ours", "95 %", "verdict", "picture", "cell")}
    page(source / "claims.md", "Claims", CLAIMS, claims[list(columns)].rename(columns=columns))


def write_assumptions(source):
    rows = pd.read_csv(PAPER / "assumptions.csv", dtype=str, keep_default_na=False)
    rows["notebook"] = [
        f'<a href="notebooks/{name}.html">{name.partition("_")[0]}</a>' for name in rows["notebook"]
    ]
    page(source / "assumptions.md", "Assumptions", ASSUMPTIONS, rows)


CLAIMS = (
    "Each number that the papers publish beside ours. Click a heading to sort; type to search; the "
    "last columns lead to the cell that opens the data and to the figure."
)
ASSUMPTIONS = (
    "Each parameter with its origin: the paper, its authors' code, or us, where both are silent."
)


def page(path, title, text, rows):
    """A page with one table that can be sorted and filtered."""
    table = generate_init_offline_itables_html(dt_bundle)
    table += to_html_datatable(rows, showIndex=False, allow_html=True, maxBytes=0, **TABLE)
    front = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n"
    content = f"{front}# {title}\n\n{text}\n\n```{{raw}} html\n{table}\n```\n"
    path.write_text(content, encoding="utf-8")


def write_glossary(source):
    """The glossary of the first notebook as a page of its own."""
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", 4)
    for cell in notebook.cells:
        _, found, rest = cell.source.partition("## Glossary")
        if cell.cell_type == "markdown" and found:
            text = re.split(r"\n## ", rest)[0]
            (source / "glossary.md").write_text(f"# Glossary\n{text}\n", encoding="utf-8")
            return
    raise ValueError("00_start_here has no heading '## Glossary': add it, the book shows it")


def write_library(folder):
    """A page for the public names, and one for each room, from the docstrings."""
    folder.mkdir()
    public = ["# Public names", "", "```{eval-rst}", ".. currentmodule:: crossmem", ""]
    for name in sorted(crossmem.api.__all__):
        kind = "autoclass" if isinstance(getattr(crossmem, name), type) else "autofunction"
        public += [f".. {kind}:: {name}", "   :members:" if kind == "autoclass" else "", ""]
    (folder / "public.md").write_text("\n".join([*public, "```"]), encoding="utf-8")
    for room in ROOMS:
        package = importlib.import_module(f"crossmem.{room}")
        text = [f"# {room}", "", package.__doc__ or "", ""]
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            short = module.name.partition(".")[2]
            directive = f".. automodule:: {module.name}\n   :members:\n   :no-index:"
            text += [f"## {short}", "", "```{eval-rst}", directive, "```", ""]
        (folder / f"{room}.md").write_text("\n".join(text), encoding="utf-8")
    index = ["# The library", "", "```{toctree}", ":maxdepth: 2", "", "public", *ROOMS, "```", ""]
    (folder / "index.md").write_text("\n".join(index), encoding="utf-8")


if __name__ == "__main__":
    main()
