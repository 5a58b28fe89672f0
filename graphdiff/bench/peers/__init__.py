"""The contestants, one file each: ``training_step`` and, where it does scalars, ``scalar_step``.

Each takes its step as its own documentation advises, from the given weights. A peer's package is imported
only when its file is.
"""
