"""Being connected to a cluster: which one, what it has, and what travels to it."""

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

_ROOT = PACKAGE.parent
# What the computers do not need of the project.
_LEFT_HERE = [".git", ".github", ".ci", "tests", "benchmarks", "docs", "samples", "tools", "**/__pycache__", "*_out.*"]
# Only small messages pass through it, no pictures; Ray would take 30 % of the memory otherwise.
_LOCAL_STORE_BYTES = 100 * 1024 * 1024
_KNOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a cluster is at the moment: computers, cores, graphics cards, and the cores of the smallest one."""

    nodes: int
    cores: int
    gpus: float
    smallest: int


@contextmanager
def connected(address: str, objects: Sequence[str]) -> Iterator[Any]:
    """Connect to a cluster, and yield the module `ray`.

    Args:
        address: "local" for one of its own on this computer, "auto" for the one that this computer belongs to,
            ``HOST:6379``, or ``ray://HOST:10001``.
        objects: The custom objects, as in `Recipe`; their modules travel along.

    Raises:
        InputError: Ray is missing, or nothing answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers of every run
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--cluster needs an extra package: {install_command('cluster')}") from error
    _knock(address)
    where: dict[str, Any] = {"address": address}
    if address == "local":
        where = {"address": "local", "include_dashboard": False, "object_store_memory": _LOCAL_STORE_BYTES}
    try:
        with silence_stderr():
            ray.init(
                **where,
                runtime_env=_runtime_env(objects),
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                configure_logging=False,
            )
    except Exception as error:  # ConnectionError, ValueError, RuntimeError, and some of gRPC's
        asked = "is Ray running there (ray status), in the same release, with the same token?"
        hint = "" if address == "local" else f"; {asked}"
        raise InputError(f"--cluster {address}: cannot be reached ({reason(error, first_line=True)}){hint}") from error
    # A thread of Ray's prints what happens to processes, which the driver tells in its own words.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            yield ray
        finally:
            with silence_stderr():
                ray.shutdown()


def _knock(address: str) -> None:
    """Raise InputError unless something listens at ``HOST:PORT``; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        if address not in ("local", "auto"):
            raise InputError(f"--cluster {address}: must be auto, HOST:6379, ray://HOST:10001 or local")
        return
    try:
        with socket.create_connection((host, int(port)), _KNOCK_SECONDS):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"--cluster {address}: cannot be reached ({error}); is Ray running there (ray status)?"
        ) from error


def size_of_cluster(ray: Any) -> Size:
    """Return how large the cluster is now.

    Raises:
        ProcessingError: it has no core.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cores = [int(resources.get("CPU", 0)) for resources in nodes]
    working = [count for count in cores if count]
    if not working:
        raise ProcessingError("the cluster has no cores to work with; see: ray status")
    return Size(len(working), sum(working), sum(resources.get("GPU", 0) for resources in nodes), min(working))


def runtime_modules(specs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return how the custom objects are called on the other computers, and the files and packages that travel there.

    Args:
        specs: ``FILE.py:NAME`` or ``package.module:NAME``, as in `load_object`. What is installed
            must be so there too; a package in the current folder travels whole, a file alone.
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
        modules += [str(place) for place in (top, top.with_suffix(".py")) if place.exists()][:1]
    return names, modules


def _runtime_env(objects: Sequence[str]) -> dict[str, Any]:
    env: dict[str, Any] = {"env_vars": {"PYTHONWARNINGS": "ignore"}}
    modules = runtime_modules(objects)[1]
    if modules:
        env["py_modules"] = modules
    # A job that `ray job submit --working-dir` has started has the project there already.
    submitted = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")).get("runtime_env", {})
    if "working_dir" not in submitted:
        env |= {"working_dir": str(_ROOT), "excludes": _LEFT_HERE}
    return env
