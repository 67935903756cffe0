"""`python -m dashboard`: serve the results on this machine."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from brainmri import accounts, jobs, memory
from brainmri.errors import InputError
from dashboard import reach

if TYPE_CHECKING:
    from gunicorn.workers.gthread import ThreadWorker

_PREPARE_AFTER_SECONDS = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Check the options and the port, then serve until Ctrl-C."""
    options = _parser().parse_args(arguments)
    if options.models is not None:
        if not options.models.is_dir():
            return _refuse(
                f"There is no folder {options.models}; give the folder with the results."
            )
        os.environ["BRAINMRI_MODELS"] = str(options.models)
    if options.data is not None:
        if not options.data.is_dir():
            return _refuse(f"There is no folder {options.data}; give the folder that was indexed.")
        os.environ["BRAINMRI_DATA"] = str(options.data)
    if options.workers < 1:
        return _refuse("At least one process has to serve; give --workers 1 or more.")
    open_to_network = options.open_to_network or reach.is_open()
    fault = _door_fault(options.host, open_to_network=open_to_network)
    fault = fault or _queue_fault() or _port_fault(options.host, options.port)
    if fault:
        return _refuse(fault)
    if open_to_network:
        os.environ[reach.OPEN] = "1"

    _serve(options.host, options.port, options.workers)
    return 0


def _serve(host: str, port: int, workers: int) -> None:
    from gunicorn.app.base import BaseApplication

    from dashboard import bodies

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            settings = {
                "bind": f"{host}:{port}",
                "workers": workers,
                "worker_class": "gthread",
                "threads": bodies.THREADS,
                "loglevel": "warning",
                "preload_app": True,
                "control_socket_disable": True,  # It would lie in the user's home folder.
                "post_worker_init": _prepare_soon,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> object:
            from dashboard.app import server

            print(f"Brain MRI dashboard: http://{host}:{port}/  (Ctrl-C stops it)", flush=True)
            return server

    Server().run()


def _prepare_soon(worker: ThreadWorker) -> None:
    """Read the runs while nobody waits: a moment after the start, so that the first request comes first.

    In a thread that answers requests, since the end of the process waits for those. One that it does not
    wait for would read while the libraries are taken down, and hold up the end for good.
    """
    from dashboard import data

    def prepare() -> None:
        data.keep_jobs_going()
        data.list_runs()
        memory.return_freed()

    def hand_over() -> None:
        with suppress(RuntimeError):  # It ends already.
            worker.tpool.submit(prepare)

    soon = threading.Timer(_PREPARE_AFTER_SECONDS, hand_over)
    soon.daemon = True
    soon.start()


def _door_fault(host: str, *, open_to_network: bool) -> str | None:
    """Why an address must not be served as it is, or None."""
    try:
        users = accounts.from_environment()
    except InputError as error:
        return str(error)
    closed = users is not None or bool(os.environ.get(reach.PROXY_HEADER))
    if closed or open_to_network or reach.is_here(host):
        return None
    return (
        f"{host} can be reached from other machines, and nobody has to sign in. Set {accounts.USERS} "
        "(make a line of it with `python -m brainmri user NAME`), or say --open-to-network."
    )


def _queue_fault() -> str | None:
    """Why evaluations cannot be handed to other machines as the settings ask, or None."""
    try:
        jobs.broker()
    except InputError as error:
        return str(error)
    return None


def _port_fault(host: str, port: int) -> str | None:
    """Why the port cannot be used, or None."""
    if not 0 < port < 65536:
        return f"{port} is not a port; choose one between 1 and 65535 with --port."
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < 65535 else port - 1
            return f"Port {port} is in use; choose another with --port {other}."
        return f"Cannot listen on {host}:{port} ({error.strerror or error})."
    return None


def _refuse(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboard",
        description="Show results in a browser.",
        epilog="""examples:
  python -m dashboard
  python -m dashboard --models demo/models --data demo/data --port 8051
  BRAINMRI_MODELS=models gunicorn dashboard.app:server --workers 2 --threads 32""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="folder with the results (default: models)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the indexed images, for thumbnails"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=8050, help="port (default: 8050)")
    parser.add_argument(
        "--open-to-network",
        action="store_true",
        help=f"serve other machines although nobody has to sign in (the same as {reach.OPEN}=1)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (default: 1)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
