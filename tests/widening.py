"""Modules in float64, where rounding does not hide what is compared."""

import graphdiff as gd


def widened(module):
    """The module with all its numbers in float64: dozens of layers of batch statistics turn rounding in
    float32 into gradients that differ in the second digit."""
    for _, part in module.named_modules():
        for name, cell in list(vars(part).items()):
            if isinstance(cell, gd.Cell) and cell.dtype.is_floating:
                object.__setattr__(part, name, type(cell)(cell.numpy(), "float64", name=cell.name))
    return module
