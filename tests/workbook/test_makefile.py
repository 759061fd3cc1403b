"""The environment is made once, and anew in a copy of the checkout or after a move."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def steps(folder, *targets):
    command = ["make", "--no-print-directory", "-n", *targets]  # the suite may run under make
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_a_copy_or_a_moved_checkout_makes_its_own_environment(tmp_path):
    checkout = tmp_path / "first, of two"
    (checkout / ".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, checkout)
    assert "-m venv --clear" in steps(checkout, "figures")
    (checkout / ".venv" / ".ready").write_text(f"{checkout.resolve()}\n")
    assert steps(checkout, "figures").split() == [
        ".venv/bin/python",
        "-m",
        "crossmem.reproduce",
        "--scale",
        "quick",
    ]
    shutil.copytree(checkout, tmp_path / "second", copy_function=shutil.copy2)
    assert "-m venv --clear" in steps(tmp_path / "second", "figures")
    moved = checkout.rename(tmp_path / "moved")
    assert "-m venv --clear" in steps(moved, "test")
