"""How a check is run: on drawn samples, down to the smallest one that fails, alone or all of a kind at once.

A kit such as :func:`graphdiff.testing.check_layer` is one function with two uses::

    check_layer(Swish)                      # every check, one after the other; the result can be printed

    @check_layer.parametrize(Swish, expected_failures={"second_order": "its rule has no derivative"})
    def test_swish(check):                  # one test per check
        check()
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Generic, NoReturn, ParamSpec

from graphdiff.errors import ArgumentError
from graphdiff.testing.report import CheckError, report
from graphdiff.testing.source import RandomSource, Source

P = ParamSpec("P")
EXAMPLES = 10


class NotRunError(Exception):
    """Raised by a check that has nothing to say here; its text is the reason."""


@dataclass(frozen=True)
class Check:
    """One check of one plugin; calling it runs it.

    Attributes:
        kit: the name of the kit it belongs to.
        subject: the plugin.
        name: of the check.
        draw: a sample from a source.
        run: ``run(sample)`` raises what is wrong.
        examples: how many samples to draw.
        seed: of the draws; equal seeds draw equal samples.
    """

    kit: str
    subject: str
    name: str
    draw: Callable[[Source], Any]
    run: Callable[[Any], None]
    examples: int = EXAMPLES
    seed: int = 0

    def __call__(self) -> None:
        """Run it on samples drawn by Hypothesis where that is installed, at random elsewhere.

        Raises:
            CheckError: with a report on the smallest failing sample.
            NotRunError: it does not apply here.
        """
        last: list[Any] = [None]
        not_run: list[NotRunError] = []

        def once(source: Source) -> None:
            last[0] = None  # not the sample before, if this one cannot be drawn
            last[0] = self.draw(source)
            try:
                self.run(last[0])
            except NotRunError as reason:  # no failure, of which a smaller one would be looked for
                not_run.append(reason)

        try:
            _repeated(once, self.examples, self.seed)
        except Exception as problem:
            raise CheckError(report(self.kit, self.subject, self.name, last[0], problem)) from problem
        if len(not_run) == self.examples:
            raise not_run[0]


def _repeated(once: Callable[[Source], None], examples: int, seed: int) -> None:
    if find_spec("hypothesis") is not None:
        from graphdiff.testing.strategies import repeated

        repeated(once, examples, seed)
        return
    source = RandomSource(seed)
    for _ in range(examples):
        once(source)


@dataclass(frozen=True)
class Results:
    """What came of the checks of one plugin: names, and reasons where there are any."""

    subject: str
    passed: Sequence[str]
    failed_as_declared: Mapping[str, str]
    not_run: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{self.subject}: {len(self.passed)} checks passed: {', '.join(self.passed)}"]
        lines += [f"  failed as declared: {name}: {why}" for name, why in self.failed_as_declared.items()]
        lines += [f"  not run: {name}: {why}" for name, why in self.not_run.items()]
        return "\n".join(lines)


class Kit(Generic[P]):
    """The checks of one kind of plugin: run all of them by a call, or give each to a test of its own."""

    def __init__(self, checks: Callable[P, Iterable[Check]]) -> None:
        self._checks = checks
        functools.update_wrapper(self, checks)

    def checks(self, *args: P.args, **options: P.kwargs) -> dict[str, Check]:
        """The checks by name, none of them run."""
        return {check.name: check for check in self._checks(*args, **options)}

    def __call__(
        self, *args: Any, expected_failures: Mapping[str, str] | None = None, **options: Any
    ) -> Results:
        """Run every check.

        Args:
            args, options: as documented for the kit.
            expected_failures: name of a check -> the reason for which it fails; that it passes is then wrong.

        Raises:
            CheckError: the report on the first check that failed, and the names of all others.
            ArgumentError: an expected failure of a check that there is not.
        """
        checks = self.checks(*args, **options)
        declared = _declared(checks, expected_failures)
        passed: list[str] = []
        not_run: dict[str, str] = {}
        failed: dict[str, CheckError] = {}
        for name, check in checks.items():
            try:
                check()
                passed.append(name)
            except NotRunError as reason:
                not_run[name] = str(reason)
            except CheckError as problem:
                failed[name] = problem
        _refuse(failed, [name for name in passed if name in declared], declared)
        subject = next((check.subject for check in checks.values()), "")
        return Results(subject, passed, {name: declared[name] for name in failed}, not_run)

    def parametrize(
        self, *args: Any, expected_failures: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """A pytest decorator: the test gets each check as ``check`` and calls it. Arguments as for a call."""
        import pytest

        checks = self.checks(*args, **options)
        declared = _declared(checks, expected_failures)
        params = []
        for name, check in checks.items():
            marks = [pytest.mark.xfail(reason=declared[name], strict=True)] if name in declared else []
            params.append(pytest.param(_skipping(check), id=name, marks=marks))
        return pytest.mark.parametrize("check", params)


def _skipping(check: Check) -> Callable[[], None]:
    def run() -> None:
        import pytest

        try:
            check()
        except NotRunError as reason:
            pytest.skip(str(reason))

    return run


def _declared(checks: Mapping[str, Check], expected: Mapping[str, str] | None) -> dict[str, str]:
    declared = dict(expected or {})
    unknown = declared.keys() - checks.keys()
    if unknown:
        raise ArgumentError(f"no checks are called {sorted(unknown)}", fix=f"choose from {', '.join(checks)}")
    return declared


def _refuse(failed: Mapping[str, CheckError], passing: Sequence[str], declared: Mapping[str, str]) -> None:
    wrong = {name: problem for name, problem in failed.items() if name not in declared}
    if passing:
        raise CheckError(f"declared to fail, and they pass: {', '.join(passing)}")
    if wrong:
        _raise_first(wrong)


def _raise_first(wrong: Mapping[str, CheckError]) -> NoReturn:
    first, *others = wrong
    problem = wrong[first]
    also = f"\n  failed too: {', '.join(others)}" if others else ""
    raise CheckError(f"{problem}{also}") from problem.__cause__
