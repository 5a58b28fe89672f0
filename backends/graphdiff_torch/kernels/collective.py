"""What passes between processes: calls of torch.distributed, over NCCL on CUDA and gloo elsewhere."""

from __future__ import annotations

import atexit
import re
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from graphdiff.backend import Kernel
from graphdiff.errors import BackendError
from graphdiff.kernels import Kernels
from graphdiff.processes import ALONE, TIMEOUT, Processes, launched, patience, restarts

Array = Any
_LOOK = 1.0  # seconds after which a process that waits says so
_ALIKE = "have all processes exchange as many tensors, of the same shapes and dtypes, in the same order"
_OWN = re.compile(r"^\[\S+:\d+\] |\. This is typically .*")  # gloo's source line, and its advice


class _Board:
    """Where processes say that they wait, so that in the end it is known for whom: the launcher's store."""

    def __init__(self, store: dist.Store, rank: int, size: int) -> None:
        self.store, self.rank, self.size = store, rank, size

    def say(self) -> None:
        self.store.set(f"{self.rank} waits", "")

    def unsay(self) -> None:
        self.store.delete_key(f"{self.rank} waits")

    def silent(self) -> list[int]:
        """The others that do not wait."""
        return [k for k in range(self.size) if k != self.rank and not self.store.check([f"{k} waits"])]


_board: _Board | None = None


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
    global _board
    limit = timedelta(seconds=patience())
    try:
        store, rank, size = next(rendezvous("env://", timeout=limit))
        # The launcher's store outlives a crash, and with it the addresses of those who were there before.
        store = dist.PrefixStore(f"restart {restarts()}", store)
        _board = _Board(store, rank, size)
        _board.say()
        place: dict[str, Any] = {"store": store, "rank": rank, "world_size": size, "timeout": limit}
        if device.type == "cuda":
            dist.init_process_group("nccl", device_id=device, **place)
        else:
            dist.init_process_group("gloo", **place)
        _board.unsay()
    except (RuntimeError, ValueError) as problem:
        if _late(problem):
            raise _failure(problem) from None
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
            raise _failure(problem) from None

    return begin


def awaited(result: Array) -> Array:
    """What was begun, when it is there."""
    try:
        # Under NCCL only the device waits, and a watchdog of torch's ends what takes too long.
        said = dist.get_backend() == "gloo" and _said(result.work)
        result.work.wait()
    except RuntimeError as problem:
        raise _failure(problem) from None
    if said and _board is not None:
        _board.unsay()
    del result.work
    return result


def _said(work: dist.Work) -> bool:
    """Wait until a sum is there or has failed, in pieces, between which an interrupt is heard; whether that
    was said to the others."""
    said = False
    while not work.is_completed():
        try:
            work.wait(timedelta(seconds=min(_LOOK, patience() / 4)))
        except RuntimeError:  # not yet, or for good
            if _board is not None and not said:
                _board.say()
                said = True
    return said


def _late(problem: Exception) -> bool:
    return "timed out" in str(problem).lower() or "timeout" in str(problem).lower()


def _failure(problem: Exception) -> BackendError:
    if _late(problem):
        return _unanswered()
    first = _OWN.sub("", str(problem).strip().splitlines()[0])
    if "scalar type" in first:
        return BackendError(f"the processes cannot exchange numbers of this dtype: {first}", fix="cast first")
    if "mismatch" in first:
        return BackendError(f"{_own_name()} exchanges something else than the others: {first}", fix=_ALIKE)
    return BackendError(
        f"{_own_name()} lost the others, one of which has ended: {first}",
        fix="see what that one said last; if it ended well, it did not call what all must call, such as "
        "evaluate() and state_dict(). With checkpoints, torchrun --max-restarts=1 goes on from the last. "
        f"(If it says EnforceNotMet: {_ALIKE}; TORCH_DISTRIBUTED_DEBUG=DETAIL tells them apart.)",
    )


def _unanswered() -> BackendError:
    silent = _board.silent() if _board is not None else []
    who = " and ".join(f"process {k}" for k in silent) or "another one, which waits for something else"
    return BackendError(
        f"{_own_name()} has waited {patience():g} seconds for {who}",
        fix="see what that one does: it may be stopped, hang, or take another way through the program; if it "
        f"only has more to do than the others, give it time: {TIMEOUT}={6 * patience():g}",
    )


def _own_name() -> str:
    rank, size = (_board.rank, _board.size) if _board else (dist.get_rank(), dist.get_world_size())
    return f"process {rank} (from 0) of {size}"


BEGUN: Kernels = {"all_reduce": _begun(_summed), "broadcast_from": _begun(_sent)}


def _at_once(begin: Kernel) -> Kernel:
    return lambda x, **params: awaited(begin(x, **params))


COLLECTIVES: Kernels = {name: _at_once(begin) for name, begin in BEGUN.items()}
