"""The chart shows every published claim once, as a ratio or in a bar."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from crossmem.workbook.claim_chart import draw_claims, save_claims
from crossmem.workbook.ledger import Claim, join_ledgers, write_rows
from crossmem.workbook.verdicts import Published, read_published

CLAIMS = [
    Claim("a", "Fig 3j", "capacity", 100.0, 120.0, "agrees", 110.0, 130.0, notebook="02_x"),
    Claim("b", "Fig 4f", "exponent", 1.5, 0.3, "disagrees", reason="why", notebook="03_x"),
    Claim("c", "Fig 4f", "gain", "> 0", 3.0, "same direction", notebook="03_x"),
    Claim("d", "Fig 4g", "mean", 0.1, -0.2, "depends on the order", notebook="03_x"),
    Claim("e", "Fig 3j", "ours", None, 3.0, "beyond", before=1.0, after=3.0, notebook="07_x"),
]


@pytest.fixture
def folder(tmp_path):
    write_rows(CLAIMS, [], tmp_path / "ledger" / "02_x.json")
    join_ledgers(tmp_path)
    return tmp_path


def test_ratios_are_dots_and_the_other_published_claims_are_counted(folder):
    figure = draw_claims(folder / "claims.csv")
    words, legend, ratios = figure.axes
    shown = [line.get_xdata()[0] for line in ratios.lines if line.get_marker() not in ("None", "")]
    assert shown == pytest.approx([1.2, 0.2])
    (interval,) = [line for line in ratios.lines if len(set(line.get_xdata())) == 2]
    assert interval.get_xdata() == pytest.approx([1.1, 1.3])
    assert [text.get_text() for text in ratios.get_yticklabels()] == [
        "Fig 3j  capacity",
        "Fig 4f  exponent",
    ]
    assert sum(bar.get_width() for bar in words.patches) == 2
    assert [text.get_text() for text in words.get_yticklabels()] == ["chapter 03"]
    plt.close(figure)


def test_a_share_saved_is_compared_by_what_is_not_saved(tmp_path):
    saved = Claim(
        "t", "Fig 6d", "saved", 99.7, 97.0, "disagrees", 96.0, 98.0, reason="why", notebook="05_x"
    )
    write_rows([saved], [], tmp_path / "ledger" / "02_x.json")
    join_ledgers(tmp_path)
    entry = Published("t", "02_x", "Fig 6d", "saved", "mean", "d", 99.7, label="lost", whole=100.0)
    figure = draw_claims(tmp_path / "claims.csv", {"t": entry})
    line, dot, *_ = figure.axes[-1].lines
    assert dot.get_xdata()[0] == pytest.approx(10)
    assert sorted(line.get_xdata()) == pytest.approx([2 / 0.3, 4 / 0.3])
    assert [text.get_text() for text in figure.axes[-1].get_yticklabels()] == ["Fig 6d  lost"]
    plt.close(figure)


def test_the_committed_rows_have_labels_that_differ_and_are_whole():
    root = Path(__file__).resolve().parents[2]
    published = read_published(root / "params" / "claims.yaml")
    figure = draw_claims(root / "figures" / "paper" / "claims.csv", published)
    labels = [text.get_text() for text in figure.axes[-1].get_yticklabels()]
    assert len(labels) > 30 and len(set(labels)) == len(labels)
    assert not [label for label in labels if "…" in label]
    plt.close(figure)


def test_the_file_says_what_it_shows(folder):
    save_claims(folder)
    with Image.open(folder / "claims.png") as image:
        assert "published" in image.text["Description"]


def test_without_claims_the_chart_is_empty(tmp_path):
    join_ledgers(tmp_path)
    save_claims(tmp_path)
    assert (tmp_path / "claims.png").is_file()
