"""The built-in transforms of images, registered as any plugin's."""

from graphdiff_transforms.color import ColorCast, ColorJitter
from graphdiff_transforms.compose import Compose
from graphdiff_transforms.distortion import GeometricDistortion
from graphdiff_transforms.placement import Cutout, HorizontalFlip, RandomCrop
from graphdiff_transforms.resize import Resize
from graphdiff_transforms.standardize import Standardize

__all__ = [
    "ColorCast",
    "ColorJitter",
    "Compose",
    "Cutout",
    "GeometricDistortion",
    "HorizontalFlip",
    "RandomCrop",
    "Resize",
    "Standardize",
]
