"""The built-in models, registered as any plugin's. State-dict keys and layouts are torchvision's."""

from graphdiff_models.alexnet import alexnet
from graphdiff_models.cifar_resnet import resnet20, resnet32, resnet44, resnet56, resnet110
from graphdiff_models.googlenet import googlenet
from graphdiff_models.lenet import lenet5, lenet5_1998
from graphdiff_models.perceptron import linear, mlp, two_layer
from graphdiff_models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from graphdiff_models.vgg import small_vgg, vgg11, vgg13, vgg16, vgg19

__all__ = [
    "alexnet",
    "googlenet",
    "lenet5",
    "lenet5_1998",
    "linear",
    "mlp",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnet101",
    "resnet110",
    "resnet152",
    "small_vgg",
    "two_layer",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]
