"""The connection to a Ray cluster: its address, its size, and the code that is sent to its computers."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from background_removal.errors import InputError, ProcessingError, reason
from background_removal.support.installing import install_command
from background_removal.support.paths import PACKAGE
from background_removal.support.stderr import silence_stderr

# Files of a checkout that the computers do not need.
_EXCLUDED = [".git", ".github", ".ci", "tests", "benchmarks", "docs", "samples", "tools", "**/__pycache__", "*_out.*"]
# Memory for objects of a cluster on this computer, bytes; Ray would take 30 % of all memory, and only small messages
# pass through it.
_LOCAL_STORE_BYTES = 100 * 1024 * 1024
# Timeout for the first connection to an address, seconds.
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """The current size of a cluster: computers, cores, graphics cards, and the cores of the smallest computer."""

    nodes: int
    cores: int
    gpus: float
    smallest: int

    def __str__(self) -> str:
        return f"{self.nodes} computer{'s'[: self.nodes != 1]}, {self.cores} cores"


@contextmanager
def connect(address: str, objects: Sequence[str]) -> Iterator[Any]:
    """Connect to a cluster, and yield the module `ray`.

    Args:
        address: "local" for a cluster of its own on this computer, "auto" for the one that this computer belongs to,
            ``HOST:6379``, or ``ray://HOST:10001``.
        objects: The custom objects, as in `Recipe`; their modules are sent to the computers.

    Raises:
        InputError: Ray is missing, or the address does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports every run to its makers otherwise
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--cluster needs an extra package: {install_command('cluster')}") from error
    _check_address(address)
    where: dict[str, Any] = {"address": address}
    if address == "local":
        where = {"address": "local", "include_dashboard": False, "object_store_memory": _LOCAL_STORE_BYTES}
    try:
        with silence_stderr():
            ray.init(
                **where,
                runtime_env=runtime_env(objects),
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                configure_logging=False,
            )
    except Exception as error:  # ConnectionError, ValueError, RuntimeError, and some of gRPC's
        question = "is Ray running there (ray status), in the same release, with the same token?"
        hint = "" if address == "local" else f"; {question}"
        raise InputError(f"--cluster {address}: cannot be reached ({reason(error, first_line=True)}){hint}") from error
    # A thread of Ray prints the ends of processes, which the driver reports itself.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            yield ray
        finally:
            with silence_stderr():
                ray.shutdown()


def measure_cluster(ray: Any) -> ClusterSize:
    """Return the current size of the cluster.

    Raises:
        ProcessingError: it has no core.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cores = [int(resources.get("CPU", 0)) for resources in nodes]
    working = [count for count in cores if count]
    if not working:
        raise ProcessingError("the cluster has no cores to work with; see: ray status")
    return ClusterSize(len(working), sum(working), sum(resources.get("GPU", 0) for resources in nodes), min(working))


def runtime_modules(specs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of custom objects on the other computers, and the files and packages to send there.

    Args:
        specs: ``FILE.py:NAME`` or ``package.module:NAME``. A file is sent alone, a package in the current folder
            whole; installed packages must be installed there too.
    """
    names, modules = [], []
    for spec in specs:
        where, _, name = spec.rpartition(":")
        if where.endswith(".py"):
            modules.append(os.path.abspath(where))
            names.append(f"{Path(where).stem}:{name}")
            continue
        names.append(spec)
        top = Path.cwd() / where.partition(".")[0]
        modules += [str(path) for path in (top, top.with_suffix(".py")) if path.exists()][:1]
    return names, modules


def runtime_env(objects: Sequence[str], package: Path = PACKAGE) -> dict[str, Any]:
    """Return Ray's description of the environment on the computers.

    Args:
        objects: The custom objects, as in `Recipe`.
        package: The folder of this package, in a checkout or where it is installed.
    """
    env: dict[str, Any] = {"env_vars": {"PYTHONWARNINGS": "ignore"}}
    modules = runtime_modules(objects)[1]
    if not (package.parent / "pyproject.toml").is_file():
        modules.append(str(package))  # its folder is site-packages, with everything else that is installed
    elif "working_dir" not in _submitted_env():
        env |= {"working_dir": str(package.parent), "excludes": _EXCLUDED}
    if modules:
        env["py_modules"] = modules
    return env


def _submitted_env() -> dict[str, Any]:
    """Return the environment of a job started by ``ray job submit --working-dir``, which has the project already."""
    return json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")).get("runtime_env", {})


def _check_address(address: str) -> None:
    """Raise InputError unless ``HOST:PORT`` accepts connections; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        if address not in ("local", "auto"):
            raise InputError(f"--cluster {address}: must be auto, HOST:6379, ray://HOST:10001 or local")
        return
    try:
        with socket.create_connection((host, int(port)), _CONNECT_SECONDS):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"--cluster {address}: cannot be reached ({error}); is Ray running there (ray status)?"
        ) from error
