"""The built-in data sets, registered as any plugin's. Nothing is ever downloaded."""

from graphdiff_data.arrays import arrays
from graphdiff_data.cifar import cifar10, cifar100
from graphdiff_data.digits import digits
from graphdiff_data.folder import image_folder
from graphdiff_data.mnist import mnist

__all__ = ["arrays", "cifar10", "cifar100", "digits", "image_folder", "mnist"]
