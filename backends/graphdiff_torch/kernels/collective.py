"""What passes between processes: calls of torch.distributed, over NCCL on CUDA and gloo elsewhere."""

from __future__ import annotations

import atexit
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from graphdiff.backend import Kernel
from graphdiff.errors import BackendError
from graphdiff.kernels import Kernels
from graphdiff.processes import ALONE, Processes, launched, restarts

Array = Any


def processes(device: torch.device) -> Processes:
    """The process's place; the group that its launcher started is joined when first asked.

    Raises:
        BackendError: the others cannot be reached.
    """
    if not dist.is_available():
        return ALONE
    if not dist.is_initialized():
        if launched() == 1:
            return ALONE
        _join(device)
    return Processes(dist.get_rank(), dist.get_world_size())


def _join(device: torch.device) -> None:
    try:
        store, rank, size = next(rendezvous("env://"))
        # The launcher's store outlives a crash, and with it the addresses of those who were there before.
        store = dist.PrefixStore(f"restart {restarts()}", store)
        place: dict[str, Any] = {"store": store, "rank": rank, "world_size": size}
        if device.type == "cuda":
            dist.init_process_group("nccl", device_id=device, **place)
        else:
            dist.init_process_group("gloo", **place)
    except (RuntimeError, ValueError) as problem:
        raise BackendError(
            f"the {launched()} processes found no way to each other: {problem}",
            fix="start them with torchrun, which sets MASTER_ADDR, MASTER_PORT, RANK and WORLD_SIZE",
        ) from None
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _summed(x: Array) -> Array:
    # Elements meet by their place in memory, which must be the same everywhere.
    total = torch.clone(x, memory_format=torch.contiguous_format)
    total.work = dist.all_reduce(total, async_op=True)
    return total


def _sent(x: Array, source: int) -> Array:
    if dist.get_rank() == source:
        there = torch.clone(x, memory_format=torch.contiguous_format)
    else:
        there = torch.empty_like(x, memory_format=torch.contiguous_format)
    there.work = dist.broadcast(there, source, async_op=True)
    return there


def _begun(start: Kernel) -> Kernel:
    """The kernel that gives memory in which the result will be; not to be looked at before it is awaited."""

    def begin(x: Array, **params: Any) -> Array:
        try:
            return start(x, **params)
        except RuntimeError as problem:
            raise _lost(problem) from None

    return begin


def awaited(result: Array) -> Array:
    """What was begun, when it is there."""
    try:
        result.work.wait()
    except RuntimeError as problem:
        raise _lost(problem) from None
    del result.work
    return result


def _lost(problem: Exception) -> BackendError:
    first = str(problem).strip().splitlines()[0]
    return BackendError(
        f"process {dist.get_rank()} of {dist.get_world_size()} lost the others, one of which has ended or "
        f"does not answer: {first}",
        fix="see what that one said last; with checkpoints, torchrun --max-restarts=1 goes on from the last",
    )


BEGUN: Kernels = {"all_reduce": _begun(_summed), "broadcast_from": _begun(_sent)}


def _at_once(begin: Kernel) -> Kernel:
    return lambda x, **params: awaited(begin(x, **params))


COLLECTIVES: Kernels = {name: _at_once(begin) for name, begin in BEGUN.items()}
