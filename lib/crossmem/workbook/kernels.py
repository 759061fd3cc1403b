"""Execute notebooks side by side, each in a kernel of its own, and leave none behind."""

import asyncio
import atexit
import contextlib
import io
import logging
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait

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
                threads.shutdown(wait=False, cancel_futures=True)
                self.stop()
                raise
        return [future.result() for future in futures]

    def _attempt(self, work, notebook, *rest):
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
        failed = []
        client = _Client(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
            # Whatever goes wrong in a cell is raised here; what a kernel logs is of no use.
            extra_arguments=["--log-level=CRITICAL"],
            on_cell_error=lambda cell, **_: failed.append(cell),
        )
        self._clients.add(client)
        try:
            if self.stopping:  # before this one was among those that `stop` ends
                raise RuntimeError("interrupted")
            client.execute(env=self.environment)
        except CellExecutionError as error:
            cell = f"cell {failed[0].id}: {failed[0].source.strip().splitlines()[0]}"
            text = " ".join(f"{error.ename}: {error.evalue}".split())
            raise RuntimeError(f"{text} in {cell}") from error
        except Exception as error:
            raise RuntimeError(f"kernel: {_line(error)}") from error
        finally:
            self._clients.discard(client)
            client.forget()

    def stop(self):
        """End the kernels and their worker processes, after five seconds by force."""
        self.stopping = True
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of tasks that end unfinished
        for attempt in range(100):
            for client in list(self._clients):
                with contextlib.suppress(OSError, AttributeError):  # not started yet, or gone
                    kernel = client.km.provisioner
                    asyncio.run(kernel.terminate() if attempt < 50 else kernel.kill())
            if not self._clients:
                return
            time.sleep(0.1)


class _Client(nbclient.NotebookClient):
    """Shows the progress of sweeps on this process's terminal, and keeps it out of the outputs."""

    shown = 0  # when that was, in s

    def output(self, outs, msg, display_id, cell_index):
        """Take a message; each of its lines that was begun anew is progress."""
        content = msg["content"]
        if content.get("name") == "stderr":
            lines = list(io.StringIO(content["text"]))
            self._show("".join(line for line in lines if "\r" in line or line == "\n"))
            content["text"] = "".join(line for line in lines if "\r" not in line and line != "\n")
            if not content["text"]:
                return None
        return super().output(outs, msg, display_id, cell_index)

    def forget(self):
        """Leave nothing for the end of the process: it would fail for a kernel that is gone."""
        atexit.unregister(self._cleanup_kernel)

    def _show(self, progress):
        if sys.stderr.isatty():
            say(progress, end="")
        elif progress.strip() and (progress.endswith("\n") or time.monotonic() > self.shown + 20):
            say(progress.strip().rpartition("\r")[2])
            self.shown = time.monotonic()


def run(kernels, notebook, parameters, folder):
    """Run a notebook; the executed copy, up to the failure of one that fails, goes to `folder`."""
    copied, path = parameterized(notebook, parameters), folder / notebook.name
    try:
        kernels.execute(copied, notebook.parent)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n  the copy up to the failure: {path}") from error
    finally:
        if not kernels.stopping:
            _write(copied, path)


def render(kernels, notebook, parameters):
    """Renew the outputs of a notebook, which stays as it was if that fails.

    Cells tagged "compute" are left out and have no outputs. Sources, cell ids and metadata stay.
    """
    kept, executed = nbformat.read(notebook, as_version=4), parameterized(notebook, parameters)
    executed.cells = [cell for cell in executed.cells if "compute" not in cell.metadata.tags]
    kernels.execute(executed, notebook.parent)
    _take_outputs(kept, {cell.id: cell for cell in executed.cells})
    _write(kept, notebook)


def verify(kernels, notebook, parameters):
    """Tell of each dataset of a notebook whether a sample of it comes out as it was.

    That of one that differs is a RuntimeError, after all were told. Cells tagged "measures", which
    take the time of this machine, are left out.
    """
    sampled = parameterized(notebook, parameters)
    sampled.cells = [cell for cell in sampled.cells if "measures" not in cell.metadata.tags]
    kernels.execute(sampled, notebook.parent)
    outputs = [output for cell in sampled.cells for output in cell.get("outputs", [])]
    found = [o.data["application/json"] for o in outputs if "application/json" in o.get("data", {})]
    for one in found:
        told = f"{one['differ']} differ, {one['worst']}" if one["differ"] else "all as they were"
        if not one["values"] + one["differ"]:  # it is made of some points only, of none of these
            told = "so nothing is compared"
        say(f"  {one['name']}: {one['values']} values, {told}")
    if other := [one["name"] for one in found if one["differ"]]:
        raise RuntimeError(
            f"{len(other)} of {len(found)} datasets came out otherwise: {', '.join(other)}"
        )


def parameterized(notebook, parameters):
    """Read a notebook as papermill does: parameters behind its own cell of them."""
    return parameterize_notebook(load_notebook_node(str(notebook)), parameters)


def say(text, end="\n"):
    """Tell how far the work is; as one piece, because notebooks side by side have their say too."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + end)
        sys.stderr.flush()


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


def _write(notebook, path):
    write_atomically(path, f"{nbformat.writes(notebook)}\n".encode())


def _line(error):
    """An error in one line; a RuntimeError has been worded here."""
    if type(error) is RuntimeError:
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())
