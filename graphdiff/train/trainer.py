"""Trainer: a model, a loss and an optimizer as one compiled training step, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff import context, ops
from graphdiff.arguments import check_flags, check_functions, check_kind
from graphdiff.backend import Backend, current_backend
from graphdiff.compile import compile
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.leaf import as_tensor, tensor
from graphdiff.module import Module, Parameter
from graphdiff.processes import Processes, apart, launched
from graphdiff.tensor import Tensor
from graphdiff.train.gradients import gradients_of
from graphdiff.train.history import History, Means, Metrics
from graphdiff.train.optimizer import Optimizer
from graphdiff.train.parallel import reduced, together
from graphdiff.train.sources import shares

if TYPE_CHECKING:
    from graphdiff.train.callbacks import Callback
    from graphdiff.train.checkpoint import Checkpoints
    from graphdiff.train.schedule import Rates
    from graphdiff.train.transform import Transform

Loss = Callable[[Any, Tensor], Tensor]
Metric = Callable[[Tensor, Tensor], Tensor]


def accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """The share of examples whose largest score is at their label.

    Raises:
        ShapeError: other shapes than (…, classes) and (…).
    """
    scores, labels = as_tensor(scores), as_tensor(labels)
    if scores.shape[:-1] != labels.shape or not scores.ndim:
        raise ShapeError(
            f"accuracy: scores of shape {scores.shape} do not fit labels of shape {labels.shape}",
            fix="give class numbers as labels, or the trainer metrics of your own; metrics={} for none",
        )
    return ops.mean(ops.cast(ops.argmax(scores, -1) == labels, "float32"))


class Trainer:
    """Trains a model that turns inputs into class scores.

    Args:
        model: called with a batch of inputs. One that gives several tensors, such as GoogLeNet with its
            auxiliary heads, hands them all to the loss; metrics take the first.
        loss: ``loss(scores, labels)`` gives the mean loss of a batch.
        optimizer: changes the model's parameters, except those that are frozen.
        penalty: ``penalty(model)`` is added to the loss that is descended (regularisation), not to the
            loss that is reported.
        metrics: name -> ``metric(scores, labels)``, the mean over a batch as a scalar tensor; accuracy by
            default.
        mode: how the backend is to run the compiled step (:func:`graphdiff.compile`).
        shard_optimizer: where several processes train together, each holds the optimizer's state of some of
            the parameters alone, in N processes about 1/N of it (or that of the largest parameter, if that is
            more), and sends the others their new values (ZeRO stage 1: Rajbhandari et al. 2020, section 5.1).
            What is trained is the same. The optimizer's ``state_dict()`` is then gathered, so every process
            must call it.

    Raises:
        ArgumentError: what is no model, no function or no optimizer; state to be sharded in several processes
            whose backend works in one.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        penalty: Callable[[Module], Tensor] | None = None,
        metrics: Mapping[str, Metric] | None = None,
        mode: str = "auto",
        shard_optimizer: bool = False,
    ) -> None:
        check_kind("model", model, Module, "give an instance of a graphdiff.Module")
        check_kind("optimizer", optimizer, Optimizer, "make one: gd.optimizers.SGD(lr=0.1)")
        if metrics is not None:
            check_kind("metrics", metrics, Mapping, "give a dict of name -> function, {} for none")
        check_flags(shard_optimizer=shard_optimizer)
        check_functions(
            loss=loss, **{f"metrics[{name!r}]": metric for name, metric in (metrics or {}).items()}
        )
        if penalty is not None:
            check_functions(penalty=penalty)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.penalty = penalty
        self.metrics = {"accuracy": accuracy} if metrics is None else dict(metrics)
        self._stopped = ""
        if shard_optimizer and self.processes.size > 1:
            optimizer.shard()
        self._step = compile(self._update, mode=mode)
        self._measure = compile(lambda inputs, labels: _vector(self._values(inputs, labels)), mode=mode)

    def fit(
        self,
        train: Any,
        *,
        validation: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        seed: int = 0,
        transform: Transform | None = None,
        schedule: Rates | None = None,
        schedule_by: str = "epoch",
        callbacks: Callback | Iterable[Callback] = (),
        checkpoints: Checkpoints | None = None,
        resume: bool = False,
        fetch_every: int | None = None,
        keep_going: bool = False,
        progress: bool = True,
    ) -> History:
        """Train for a number of epochs.

        The order of the batches and what is random in the transform follow from the seed and the epoch's
        number, so a run that is resumed from a checkpoint ends with the weights, to the last bit, that it
        would have had without the break. (On torch the backend must be ``deterministic``: else it finds out
        anew in which memory layout it is faster, and rounds otherwise.)

        Args:
            train, validation: (inputs, labels), a torch DataLoader, or any iterable of such batches; where
                several processes train together, the same in each of them, which takes its share of a batch.
            epochs: in all, those before a checkpoint included.
            transform: changes the training inputs of each batch (augmentation).
            schedule: sets the learning rate: one of ``graphdiff.schedules``, a function from what is counted
                to a rate, or a rate that stays. One that watches a metric is given the last epoch's loss, on
                the validation data if there are any, once when the next epoch begins.
            schedule_by: "epoch" or "step": what the schedule counts.
            callbacks: one, or several, told what happens in this order.
            checkpoints: where the run is kept.
            resume: go on from the checkpoint that is there, if there is one; a run that is there is not
                overwritten. A process that a launcher starts anew goes on by itself.
            fetch_every: loss and metrics are fetched from the device, and the loss is checked, after so many
                steps; on the CPU each by default, on other devices every 20th.
            keep_going: go on although the loss is not finite.

        Raises:
            NonFiniteError: the loss or its gradient became NaN or infinite. The message names the node in
                which that arose; all state is as it was before that batch.
            ArgumentError, ShapeError: data that make no batches or are not the same in all processes, or
                settings that make no sense.
            BackendError: another process has ended, or has not come in the time it is waited for
                (:mod:`graphdiff.processes`).
            StateError: a checkpoint that is damaged, of another run, or there without ``resume``.
        """
        from graphdiff.train.callbacks import as_callbacks
        from graphdiff.train.loop import Loop, Settings
        from graphdiff.train.schedule import as_schedule

        self._stopped = ""
        settings = Settings(
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            transform=transform,
            schedule=as_schedule(schedule),
            schedule_by=schedule_by,
            callbacks=as_callbacks(callbacks),
            checkpoints=checkpoints,
            fetch_every=fetch_every,
            keep_going=keep_going,
        )
        check_flags(resume=resume, progress=progress)
        return Loop(self, train, validation, settings).run(resume=resume, progress=progress)

    def stop(self, why: str) -> None:
        """Make the present epoch the last; for callbacks."""
        check_kind("why", why, str, "give the reason, as text")
        self._stopped = why

    @property
    def stopped(self) -> str:
        """Why training is to end before its last epoch, or ""."""
        return self._stopped

    def evaluate(self, data: Any, *, batch_size: int = 256, transform: Transform | None = None) -> Metrics:
        """Means of loss and metrics over all examples, in evaluation mode, without training.

        Args:
            data: as for :meth:`fit`.
            transform: changes the inputs of each batch, such as standardising what was so in training.
        """
        means, digest = Means(("loss", *self.metrics)), 0
        processes = self.processes
        with evaluating(self.model):
            for share in shares(data, batch_size, processes, transform=transform):
                values = self._measure(tensor(share.batch.inputs), tensor(share.batch.labels))
                means.add(values.numpy(), share.weight * share.examples)
                digest = share.digest
        if processes.size > 1:
            together(means, digest, self.home)
        return means.metrics()

    @property
    def processes(self) -> Processes:
        """The processes that train together, each of which holds the model.

        Raises:
            ArgumentError: several were started, and the model's backend works in one.
        """
        found = self.home.processes
        if found.size == 1 < launched():
            raise ArgumentError(
                f"{launched()} processes were started, and the backend {self.home.name!r} trains "
                "in one: each would do the same work",
                fix='use the torch backend: gd.backend("torch"), on the command line --backend torch',
            )
        return found

    @property
    def home(self) -> Backend:
        """The backend that the model is on."""
        return next((cell.backend for _, cell in self.model.named_cells()), current_backend())

    # One step

    def step(
        self, inputs: Tensor, labels: Tensor, share: Tensor | None = None, *, whole: bool = False
    ) -> Tensor:
        """One compiled step.

        Args:
            share: where several processes train together, what a mean over these examples counts in the
                mean over those of all, and a number to be added up; (2,), float64.
            whole: every process has all the examples, which are too few to be shared out.

        Returns:
            A vector: what was descended, the norm of its gradient, the loss, and each metric, over the
            examples of all processes; of several, also the sum of the numbers.
        """
        if share is None:
            found: Tensor = self._step(inputs, labels)
        else:
            found = self._step(inputs, labels, share, whole)
        return found

    def objective(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """What a step descends, eagerly: the loss of a batch and the penalty."""
        return self._descended(self._values(inputs, labels)[0])

    def trained(self) -> list[Parameter]:
        """The parameters that are not frozen.

        Raises:
            ArgumentError: there are none.
        """
        found = [p for p in self.model.parameters() if not p.frozen]
        if not found:
            raise ArgumentError("the model has no parameters to train", fix="unfreeze some, or add layers")
        return found

    def cells(self) -> list[Any]:
        """All that a step may change: the model's cells and the optimizer's."""
        own = [cell for _, cell in self.model.named_cells()]
        return own + [cell for cells in self.optimizer.state.values() for cell in cells.values()]

    def replicated(self) -> list[Any]:
        """Those of the cells that every process holds."""
        return [cell for _, cell in self.model.named_cells()] + self.optimizer.replicated

    def _update(
        self, inputs: Tensor, labels: Tensor, share: Tensor | None = None, whole: bool = False
    ) -> Tensor:
        with apart() if whole else nullcontext():
            values = self._values(inputs, labels)
            objective = self._descended(values[0])
        part = objective if share is None else objective * ops.cast(share[0], objective.dtype)
        gradients = gradients_of(self.model, part.backward(wrt=self.trained()))
        if share is not None:
            gradients = reduced(gradients)
        with context.no_grad(), context.scope("measures"):
            squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients.values()]
            norm = ops.sqrt(ops.accumulate(*squares))
        self.optimizer.step(self.model, gradients)
        measured = _vector([objective, norm, *values])
        if share is None:
            return measured
        with context.no_grad(), context.scope("measures"):
            told = ops.cast(share, measured.dtype)
            return ops.all_reduce(ops.concatenate([measured * told[:1], told[1:]]))

    def _descended(self, loss: Tensor) -> Tensor:
        return loss if self.penalty is None else loss + self.penalty(self.model)

    def _values(self, inputs: Tensor, labels: Tensor) -> list[Tensor]:
        scores = self.model(inputs)
        first = scores[0] if isinstance(scores, tuple) else scores
        loss = self.loss(scores, labels)
        with context.no_grad(), context.scope("measures"):
            return [loss, *(metric(first, labels) for metric in self.metrics.values())]


def _vector(values: Sequence[Tensor]) -> Tensor:
    with context.no_grad(), context.scope("measures"):
        return ops.stack([ops.cast(ops.reshape(v, ()), "float32") for v in values])


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """The model in evaluation mode; every part's own mode comes back."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module._training = mode


def in_one(vectors: Sequence[Tensor]) -> np.ndarray[Any, Any]:
    """Several vectors fetched from their device at once: (vectors, elements)."""
    return np.asarray(ops.stack(vectors).numpy() if len(vectors) > 1 else vectors[0].numpy()[None])
