"""Execute notebooks side by side, each in a kernel of its own, and leave none behind."""

import contextlib
import json
import logging
import os
import re
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from crossmem.storage import write_atomically


class Kernels:
    """The kernels that run now; `environment` is theirs beside this process's own."""

    def __init__(self, environment=None):
        # Of workers that were killed, joblib's tracker warns on the terminal.
        quiet = f"{os.environ.get('PYTHONWARNINGS', '')},ignore:resource_tracker".lstrip(",")
        self.environment = {**os.environ, "PYTHONWARNINGS": quiet, **(environment or {})}
        self.stopping = False
        self._clients = set()

    def run_all(self, jobs, work, together):
        """Call ``work(self, *job)`` for each job, a notebook and more, `together` at a time.

        Returns whether each passed. The jobs run in threads, since the work is in the kernels: the
        main thread hears a signal, and then ends the kernels.
        """
        with ThreadPoolExecutor(together) as threads:
            futures = [threads.submit(self._attempt, work, *job) for job in jobs]
            try:
                while wait(futures, timeout=0.5).not_done:  # on Windows, a long wait hears nothing
                    pass
            except BaseException:
                self.stop()
                threads.shutdown(cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _attempt(self, work, notebook, *rest):
        """Work on a notebook, tell how that ended and return whether it passed."""
        start = time.monotonic()
        say(f"{notebook.stem} ...")
        try:
            work(self, notebook, *rest)
        except Exception as error:
            if not self.stopping:
                say(f"{notebook.stem} FAILED: {_line(error)}")
            return False
        say(f"{notebook.stem} done in {time.monotonic() - start:.0f} s")
        return True

    def execute(self, notebook, folder):
        """Execute the cells of a notebook in place, in a kernel that starts in a folder.

        A RuntimeError says in one line which cell failed and how, or that the kernel died or did
        not start.
        """
        client = nbclient.NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
            # Whatever goes wrong in a cell is raised here. An error that a kernel logs on its own
            # is the interrupt that stops it, caught late.
            extra_arguments=["--log-level=CRITICAL"],
            on_cell_start=self._check_going_on,
        )
        self._clients.add(client)
        try:
            client.execute(env=self.environment)
        except CellExecutionError as error:
            outputs = [
                (cell, output) for cell in notebook.cells for output in cell.get("outputs", ())
            ]
            failed = [_named(cell) for cell, output in outputs if output.output_type == "error"]
            where = f" in {failed[0]}" if failed else ""
            text = " ".join(f"{error.ename}: {error.evalue}".split())
            raise RuntimeError(f"{text}{where}") from error
        except Exception as error:
            raise RuntimeError(f"kernel: {_line(error)}") from error
        finally:
            self._clients.discard(client)

    def stop(self):
        """End the kernels and their worker processes, first gently; wait until they are gone."""
        self.stopping = True
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of tasks that end unfinished
        for name, patience in (("SIGINT", 8), ("SIGTERM", 4), ("SIGKILL", 8)):
            for client in list(self._clients):
                _signal(client, name)
            end = time.monotonic() + patience
            while self._clients and time.monotonic() < end:
                time.sleep(0.1)

    def _check_going_on(self, **_):
        if self.stopping:
            raise RuntimeError("the command was interrupted")


def run(kernels, notebook, parameters, folder):
    """Run a notebook; the executed copy goes to `folder`.

    The copy of one that fails bears another name, so that a copy under the notebook's own name is
    always a complete one.
    """
    unfinished, start = folder / f"{notebook.stem}.unfinished.ipynb", time.time()
    copied = parameterized(notebook, parameters)
    try:
        kernels.execute(copied, notebook.parent)
    except RuntimeError as error:
        if not kernels.stopping:
            _write(copied, unfinished)
        raise RuntimeError(f"{error}\n  the copy up to the failure: {unfinished}") from error
    _write(copied, folder / notebook.name)
    with contextlib.suppress(OSError):
        if unfinished.stat().st_mtime < start:  # else it is that of another command
            unfinished.unlink()


def render(kernels, notebook, parameters):
    """Renew the outputs of a notebook, which stays as it was if that fails.

    Cells tagged "compute" are left out and have no outputs. Sources, cell ids and metadata stay.
    """
    kept, executed = nbformat.read(notebook, as_version=4), parameterized(notebook, parameters)
    executed.cells = [cell for cell in executed.cells if "compute" not in cell.metadata.tags]
    kernels.execute(executed, notebook.parent)
    _take_outputs(kept, {cell.id: cell for cell in executed.cells})
    _check_no_place(kept, notebook.resolve().parents[1])
    _write(kept, notebook)


def parameterized(notebook, parameters):
    """Read a notebook as papermill does: parameters behind its own cell of them."""
    return parameterize_notebook(load_notebook_node(str(notebook)), parameters)


def say(text):
    """Tell how far the work is; as one piece, because notebooks side by side have their say too."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def echoed_progress():
    """Let the kernels' sweeps show their progress on this process's stderr.

    Yields what to add to the environment of the kernels: they append to a file, which is read here.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, ended = Path(folder, "progress"), threading.Event()
        path.touch()
        thread = threading.Thread(target=_echo, args=(path, ended), daemon=True)
        thread.start()
        try:
            yield {"CROSSMEM_PROGRESS": str(path)}
        finally:
            ended.set()
            thread.join()


def _echo(path, ended):
    """Show each state that is appended to a file: on a terminal at once, else every 20 s."""
    terminal, shown = sys.stderr.isatty(), 0
    with path.open(encoding="utf-8", newline="") as stream, contextlib.suppress(OSError):
        last = False
        while not last:
            last = ended.wait(0.2)
            for state in filter(str.strip, stream.read().split("\r")):
                if terminal or state.endswith("\n") or time.monotonic() > shown + 20:
                    sys.stderr.write(f"\r{state}" if terminal else f"{state.rstrip()}\n")
                    sys.stderr.flush()
                    shown = time.monotonic()


def _take_outputs(kept, executed):
    """Move the outputs of executed cells into a notebook and number them from 1."""
    count = 0
    for cell in kept.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if cell.id in executed:
            count += 1
            cell.outputs, cell.execution_count = executed[cell.id].outputs, count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count


def _check_no_place(notebook, root):
    """Refuse outputs that show a path of this machine."""
    for cell in notebook.cells:
        for place in (root, Path.home(), Path(tempfile.gettempdir())):
            written = re.escape(json.dumps(str(place))[1:-1])
            if re.search(rf"(?<![\w.]){written}\b", json.dumps(cell.get("outputs", []))):
                raise RuntimeError(
                    f"{_named(cell)} shows {place}, a path of this machine: leave it out"
                )


def _write(notebook, path):
    write_atomically(path, f"{nbformat.writes(notebook)}\n".encode())


def _named(cell):
    """A cell by its id and its first line."""
    return f"cell {cell.id}: {cell.source.strip().partition(chr(10))[0]}"


def _line(error):
    """An error in one line; a RuntimeError has been worded here."""
    if type(error) is RuntimeError:
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())


def _signal(client, name):
    """Signal a kernel and, unless to interrupt it, its workers too; on Windows, end it."""
    provisioner, number = getattr(client.km, "provisioner", None), getattr(signal, name, None)
    with contextlib.suppress(OSError, AttributeError):
        if not hasattr(os, "killpg"):
            provisioner.process.kill()
        elif name == "SIGINT":
            os.kill(provisioner.pid, number)
        elif provisioner.pgid not in (None, os.getpgrp()):
            os.killpg(provisioner.pgid, number)
