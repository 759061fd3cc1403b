"""Make the student and the instructor version of each session from its source.

python course/build.py [--only 1]
python course/build.py --slides [--offline]

A cell of a source is tagged `stub`, what a student completes, or `solution`, what only an
instructor reads; `check` tests the one before it. A code cell tagged `figure` draws what the
Markdown cell below it shows under `../figures/`. The images are taken from the run of the
instructor's version, which has outputs; the student's has none.
"""

import argparse
import base64
import copy
import re
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter
from nbconvert.preprocessors import ClearOutputPreprocessor, ExecutePreprocessor, TagRemovePreprocessor

COURSE = Path(__file__).resolve().parent
SLIDES = COURSE.parent / "build" / "slides"
# What the slides load, if it lies beside them: npm install --prefix build/slides reveal.js@4 ...
OFFLINE = {
    "reveal_url_prefix": "node_modules/reveal.js",
    "require_js_url": "node_modules/requirejs/require.js",
    "jquery_url": "node_modules/jquery/dist/jquery.min.js",
    "mathjax_url": "node_modules/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe",
}
IMAGE = re.compile(r"!\[[^]]*\]\(\.\./figures/([^)/]+\.png)\)")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="number of one session")
    parser.add_argument("--slides", action="store_true", help="write slides to build/slides")
    parser.add_argument("--offline", action="store_true", help="slides that need no network")
    options = parser.parse_args(arguments)
    for path in sources(options.only):
        if options.slides:
            write_slides(COURSE / "instructor" / path.name, OFFLINE if options.offline else {})
            continue
        source = nbformat.read(path, as_version=4)
        write(student_version(source), COURSE / "student" / path.name)
        solved = executed(instructor_version(source))
        images = take_images(solved)
        (COURSE / "figures").mkdir(exist_ok=True)
        for name, image in images.items():
            (COURSE / "figures" / name).write_bytes(image)
        write(solved, COURSE / "instructor" / path.name)
        print(f"{path.stem}: {len(images)} figures")


def sources(only=None):
    """Paths of the sources, in order; of one session if its number is given."""
    paths = sorted((COURSE / "source").glob(f"{only or '[0-9]'}_*.ipynb"))
    if not paths:
        raise SystemExit(f"error: there is no session {only!r} in {COURSE / 'source'}")
    return paths


def student_version(source):
    """The notebook with exercises to fill in, without solutions and outputs."""
    cleared, _ = ClearOutputPreprocessor().preprocess(without(source, "solution"), {})
    return cleared


def instructor_version(source):
    """The notebook with solutions in the place of the exercises."""
    return without(source, "stub")


def without(source, tag):
    """A copy of the notebook without the cells of a tag."""
    remove = TagRemovePreprocessor(remove_cell_tags={tag}, enabled=True)
    kept, _ = remove.preprocess(copy.deepcopy(source), {})
    return kept


def executed(notebook, **options):
    """The notebook run in the folder of the versions; options go to `ExecutePreprocessor`."""
    run = ExecutePreprocessor(timeout=300, record_timing=False, **options)
    done, _ = run.preprocess(notebook, {"metadata": {"path": str(COURSE / "source")}})
    return done


def take_images(notebook):
    """Images of the cells tagged `figure`, by file name; links take their place in the outputs."""
    images = {}
    for cell, below in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        if "figure" not in cell.metadata.get("tags", []):
            continue
        shown = IMAGE.search(below.source) if below else None
        drawn = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        if shown is None or len(drawn) != 1:
            raise SystemExit(f"error: cell {cell.id} draws {len(drawn)} images for the cell below")
        images[shown[1]] = base64.b64decode(drawn[0].data["image/png"])
        drawn[0].data = nbformat.from_dict({"text/markdown": shown[0]})
        drawn[0].metadata = nbformat.from_dict({})
    return images


def write_slides(path, addresses):
    """Write the slides of an instructor's version, their figures inside; figures hide their code."""
    exporter = SlidesExporter(exclude_input_prompt=True, exclude_output_prompt=True, **addresses)
    hide = TagRemovePreprocessor(remove_input_tags={"figure"}, enabled=True)
    exporter.register_preprocessor(hide, enabled=True)
    page, _ = exporter.from_filename(str(path))
    page = re.sub(r'src="\.\./figures/([^"]+)"', embedded, page)
    SLIDES.mkdir(parents=True, exist_ok=True)
    (SLIDES / f"{path.stem}.html").write_text(page, encoding="utf-8")
    print(SLIDES / f"{path.stem}.html")


def embedded(source):
    """The attribute of an image with the image itself in place of the file's name."""
    image = (COURSE / "figures" / source[1]).read_bytes()
    return f'src="data:image/png;base64,{base64.b64encode(image).decode()}"'


def write(notebook, path):
    path.parent.mkdir(exist_ok=True)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
