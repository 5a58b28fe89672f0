"""The built-in models, registered as any plugin's. State-dict keys and layouts are torchvision's."""

from graphdiff_models.lenet import lenet5
from graphdiff_models.resnet import resnet18, resnet50
from graphdiff_models.vgg import small_vgg

__all__ = ["lenet5", "resnet18", "resnet50", "small_vgg"]
