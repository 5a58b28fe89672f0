"""The ``graphdiff`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from graphdiff import __version__
from graphdiff.errors import GraphdiffError


class _Commands(click.Group):
    """Says graphdiff's own errors in their own words, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except GraphdiffError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="graphdiff")
def main() -> None:
    """Build computational graphs, differentiate them, see them, train them."""


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("graphdiff-demo"),
    show_default=True,
    help="Folder for the pictures and the report.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of split, weights and batches.",
)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="Passes over the digits."
)
def demo(out: Path, seed: int, epochs: int) -> None:
    """Differentiate and draw a small circuit, then train a network on handwritten digits."""
    from graphdiff.demo import run

    run(out, seed=seed, epochs=epochs)


@main.command()
@click.argument("target", metavar="[SCRIPT.py:NAME]", required=False)
@click.option("--model", help="Draw this model instead.")
@click.option("-m", "--model-option", "model_options", multiple=True, metavar="NAME=VALUE")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SIZES",
    help="Shape of an input, 1x3x224x224 or 1x20:int64; several for several arguments.",
)
@click.option("--backward", is_flag=True, help="Compute with random numbers, and show the gradients.")
@click.option("--style", default="auto", show_default=True, help="circuit, tensor, overview, or a plugin's.")
@click.option("--boxes", type=click.IntRange(min=1), help="The most boxes.")
@click.option("--unfold", multiple=True, metavar="NAME", help="Show what this is made of.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File; its suffix is the format: .svg (default), .png, .pdf, .dot, .mmd, …",
)
@click.option("--open", "opened", is_flag=True, help="Show the file.")
def draw(opened: bool, **choices: Any) -> None:
    """Draw a tensor, record, graph, model or function of a script, or a model by name."""
    from graphdiff.draw.command import command

    show = (lambda path: click.launch(str(path))) if opened else None
    command(**choices, show=show, say=click.echo)


@main.command()
@click.option(
    "--workload", "workloads", multiple=True, help="Measure this one; all of the device's by default."
)
@click.option("--contestant", "contestants", multiple=True, help="Measure this one; all by default.")
@click.option("--rounds", type=click.IntRange(min=1), help="Turns that each takes on a workload.")
@click.option("--quick", is_flag=True, help="A few steps of each: does everything run?")
@click.option("--gpu", is_flag=True, help="The workloads for a CUDA device, in under 10 minutes.")
@click.option("--kernels", is_flag=True, help="Convolution and pooling kernels against torch's, too.")
@click.option("--targets", is_flag=True, help="Print the targets alone: met, missed or not measured.")
@click.option(
    "--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here."
)
def bench(**choices: Any) -> None:
    """Time whole training steps beside those of other libraries, as ratios in one run."""
    from graphdiff.bench.command import command

    command(**choices)


@main.command()
@click.argument("model")
@click.option("--data", required=True, help="Name of a data set.")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where its files are."
)
@click.option(
    "--image-size", type=click.IntRange(min=1), help="Resize images; by default where they are too small."
)
@click.option("-m", "--model-option", "model_options", multiple=True, metavar="NAME=VALUE")
@click.option("--loss", default="softmax", show_default=True, help="Name of a loss; softmax or hinge.")
@click.option("--optimizer", default="Adam", show_default=True, help="Name of an optimizer.")
@click.option(
    "-o",
    "--optimizer-option",
    "optimizer_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="momentum=0.9, …",
)
@click.option(
    "--lr",
    type=click.FloatRange(min=0, min_open=True),
    default=0.003,
    show_default=True,
    help="Learning rate.",
)
@click.option(
    "--schedule", default="Cosine", show_default=True, help='Name of a schedule over all steps, or "".'
)
@click.option(
    "--l1", type=click.FloatRange(min=0), default=0.0, help="Strength of the penalty λ Σ|w| on weights."
)
@click.option(
    "--l2", type=click.FloatRange(min=0), default=0.0, help="Strength of the penalty λ Σw² on weights."
)
@click.option(
    "--augment",
    multiple=True,
    show_default="for images GeometricDistortion:rotation=10,scale=0.1,shift=0.05",
    metavar="NAME[:ARGUMENT,…]",
    help='A transform of training images, several in order; "" for none.',
)
@click.option(
    "--weights",
    "weights_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start from these, as far as they fit: safetensors or torch's.",
)
@click.option("--freeze", "freeze_pattern", multiple=True, metavar="PATTERN", help="Parameters that stay.")
@click.option("--epochs", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option(
    "--validation",
    type=click.FloatRange(min=0, max=1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the training data that is held out to watch.",
)
@click.option("--early-stopping", "patience", type=click.IntRange(min=1), metavar="EPOCHS", help="Patience.")
@click.option("--restarts", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--backend", default="numpy", show_default=True)
@click.option("--device", help="cpu, cuda, cuda:1, …")
@click.option("--mode", default="auto", show_default=True, help="How the backend runs the compiled step.")
@click.option(
    "--deterministic", is_flag=True, help="Round alike in every run, where the backend has a choice (torch)."
)
@click.option(
    "--synchronise",
    "synchronised",
    is_flag=True,
    help="Batch norm over the batch of all processes, where torchrun started several.",
)
@click.option(
    "--shard-optimizer",
    is_flag=True,
    help="Each of several processes holds its share of the optimizer's state (ZeRO stage 1).",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="graphdiff-train-1, -2, …",
    help="Folder for checkpoints, weights, history and curves.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the folder --out.")
@click.option(
    "--checkpoint-every", type=click.IntRange(min=1), metavar="STEPS", help="Besides after each epoch."
)
def train(**choices: Any) -> None:
    """Train MODEL on a data set, measure it on the test part, and write weights, history and curves."""
    from graphdiff.train.command import command

    command(**choices, say=click.echo)


@main.group()
def plugins() -> None:
    """The plugins that are installed, and a project for new ones."""


_json = click.option("--json", "as_data", is_flag=True, help="For programs.")


@plugins.command("list")
@_json
def list_plugins(as_data: bool) -> None:
    """List every plugin with its distribution and status; loads none."""
    _show_plugins(as_data)


@plugins.command("check")
@click.argument("name", required=False)
@_json
def check_plugins(name: str | None, as_data: bool) -> None:
    """Put the plugin NAME through the conformance kit of its kind; without a name, load every plugin, and
    list them with what is amiss. Fails if anything is."""
    from graphdiff.plugins import command

    if name is None:
        fine = command.load_all()
        _show_plugins(as_data)
        if not fine:
            raise SystemExit(1)
        return
    try:
        click.echo(command.conformance_of(name))
    except AssertionError as report:  # a CheckError
        raise click.ClickException(str(report)) from report


def _show_plugins(as_data: bool) -> None:
    from rich.console import Console

    from graphdiff.plugins import command

    if as_data:
        click.echo(command.as_json())
    else:
        Console().print(command.as_table())


@plugins.command("info")
@click.argument("name")
def plugin_info(name: str) -> None:
    """Load the plugin NAME, or DISTRIBUTION:NAME, and say what it is, and why it fails if it does."""
    from graphdiff.plugins import command

    click.echo(command.about(name))


@plugins.command("new")
@click.argument("name")
def new_plugins(name: str) -> None:
    """Make a project for plugins in a new folder NAME: one of each kind, with tests, ready to install."""
    from graphdiff.plugins.project import new_project

    new_project(name, click.echo)


if __name__ == "__main__":
    main()
