"""Execute notebooks side by side, each in a kernel of its own, and leave none behind."""

import contextlib
import copy
import json
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

from crossmem.storage import write_atomically


class Kernels:
    """The kernels that run now.

    Parameters
    ----------
    environment : dict of str to str
        What the kernels find in their environment beside this process's own.
    """

    def __init__(self, environment=None):
        # Of workers that were killed, joblib's tracker warns on the terminal.
        quiet = f"{os.environ.get('PYTHONWARNINGS', '')},ignore:resource_tracker".lstrip(",")
        self.environment = {**os.environ, "PYTHONWARNINGS": quiet, **(environment or {})}
        self.stopping = False
        self._clients = set()

    def run_all(self, jobs, run, together):
        """Call ``run(self, *job)`` for each job, `together` at a time; return the results.

        The jobs run in threads, since the work is in the kernels: the main thread hears a signal,
        and then ends the kernels.
        """
        with ThreadPoolExecutor(together) as threads:
            futures = [threads.submit(run, self, *job) for job in jobs]
            try:
                while wait(futures, timeout=0.5).not_done:  # on Windows, a long wait hears nothing
                    pass
            except BaseException:
                self.stop()
                threads.shutdown(cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def execute(self, notebook, folder):
        """Execute the cells of a notebook in place, in a kernel that starts in a folder.

        Raises
        ------
        RuntimeError
            In one line: which cell failed and how, or that the kernel died or did not start.
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
            failed = [_named(cell) for cell in notebook.cells if _has_error(cell)]
            where = f" in {failed[0]}" if failed else ""
            raise RuntimeError(f"{_line(error.ename, error.evalue)}{where}") from error
        except Exception as error:
            raise RuntimeError(f"kernel: {_line(type(error).__name__, error)}") from error
        finally:
            self._clients.discard(client)

    def stop(self):
        """End the kernels and their worker processes, first gently; wait until they are gone."""
        self.stopping = True
        start, interrupted = time.monotonic(), set()
        while self._clients and (passed := time.monotonic() - start) < 20:
            for client in self._clients - interrupted:
                _signal(client, signal.SIGINT, group=False)
            interrupted |= self._clients
            for client in list(self._clients) if passed > 8 else ():
                _signal(client, signal.SIGTERM if passed < 12 else getattr(signal, "SIGKILL", 9))
            time.sleep(0.2)

    def _check_going_on(self, **_):
        if self.stopping:
            raise RuntimeError("the command was interrupted")


def run(kernels, notebook, parameters, folder):
    """Run one notebook; return whether it passed.

    The executed copy goes to `folder`; when it fails, it bears another name, so that a copy under
    the notebook's own name is always a complete one.
    """
    unfinished, start = folder / f"{notebook.stem}.unfinished.ipynb", time.time()
    say(f"{notebook.stem} ...")
    try:
        copied = injected(nbformat.read(notebook, as_version=4), parameters)
        try:
            kernels.execute(copied, notebook.parent)
        except RuntimeError as error:
            if not kernels.stopping:
                _write(copied, unfinished)
                say(f"{notebook.stem} FAILED: {error}\n  the copy up to the failure: {unfinished}")
            return False
        _write(copied, folder / notebook.name)
    except Exception as error:
        say(f"{notebook.stem} FAILED: {_line(type(error).__name__, error)}")
        return False
    with contextlib.suppress(OSError):
        if unfinished.stat().st_mtime < start:  # else it is that of another command
            unfinished.unlink()
    say(f"{notebook.stem} done in {time.time() - start:.0f} s")
    return True


def render(kernels, notebook, parameters):
    """Renew the outputs of a notebook; return whether that succeeded, else it stays as it was.

    Cells tagged "compute" are left out and have no outputs. Sources, cell ids and metadata stay.
    """
    start = time.time()
    try:
        kept = nbformat.read(notebook, as_version=4)
        executed = injected(copy.deepcopy(kept), parameters)
        executed.cells = [cell for cell in executed.cells if "compute" not in _tags(cell)]
        kernels.execute(executed, notebook.parent)
        _take_outputs(kept, {cell.id: cell for cell in executed.cells})
        _check_no_place(kept, notebook.resolve().parents[1])
        _write(kept, notebook)
    except Exception as error:
        if not kernels.stopping:
            say(f"{notebook.stem} FAILED: {_line('', error)}")
        return False
    say(f"{notebook.stem} rendered in {time.time() - start:.0f} s")
    return True


def injected(notebook, parameters):
    """Add a cell with parameters behind the notebook's own cell of them."""
    source = "\n".join(["# Parameters", *(f"{n} = {value!r}" for n, value in parameters.items())])
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    place = next(i for i, own in enumerate(notebook.cells) if "parameters" in _tags(own))
    notebook.cells.insert(place + 1, cell)
    return notebook


def say(text):
    """Tell how far the work is; as one piece, because notebooks side by side have their say too."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def echoed_progress():
    """Let the kernels' sweeps show their progress on this process's stderr.

    Yields
    ------
    dict of str to str
        For the environment of the kernels: they append to a file, which is read here.
    """
    if "CROSSMEM_PROGRESS" in os.environ:
        yield {}
        return
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
                raise ValueError(
                    f"{_named(cell)} shows {place}, a path of this machine: leave it out"
                )


def _write(notebook, path):
    write_atomically(path, f"{nbformat.writes(notebook)}\n".encode())


def _tags(cell):
    return cell.metadata.get("tags", [])


def _named(cell):
    """A cell by its id and its first line."""
    return f"cell {cell.id}: {cell.source.strip().partition(chr(10))[0]}"


def _has_error(cell):
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def _line(name, error):
    """An error in one line."""
    return " ".join(f"{name}: {error}".removeprefix(": ").split())


def _signal(client, number, group=True):
    """Signal a kernel and, where there are groups of processes, its workers too."""
    provisioner = getattr(client.km, "provisioner", None)
    with contextlib.suppress(OSError, AttributeError):
        if not hasattr(os, "killpg"):
            provisioner.process.kill()
        elif not group:
            os.kill(provisioner.pid, number)
        elif provisioner.pgid not in (None, os.getpgrp()):
            os.killpg(provisioner.pgid, number)
