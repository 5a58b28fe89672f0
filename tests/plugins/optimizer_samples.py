"""For every optimizer: values of its options, the first being the default, and its counterpart in torch."""

import torch

OPTIONS = {
    "SGD": {"momentum": [0.0, 0.9], "nesterov": [False, True]},
    "AdaGrad": {"eps": [1e-10, 1e-2]},
    "RMSProp": {"alpha": [0.99, 0.5], "eps": [1e-8, 1e-2], "momentum": [0.0, 0.9], "centered": [False, True]},
    "Adadelta": {"rho": [0.9, 0.5], "eps": [1e-6, 1e-2]},
    "Adam": {"betas": [(0.9, 0.999), (0.5, 0.7)], "eps": [1e-8, 1e-2], "amsgrad": [False, True]},
    "AdamW": {"betas": [(0.9, 0.999), (0.0, 0.7)], "eps": [1e-8, 1e-2], "amsgrad": [False, True]},
    "NAdam": {"betas": [(0.9, 0.999), (0.5, 0.7)], "momentum_decay": [4e-3, 0.5]},
    "Lion": {"betas": [(0.9, 0.99), (0.5, 0.1)]},
}
TORCH = {
    "SGD": torch.optim.SGD,
    "AdaGrad": torch.optim.Adagrad,
    "RMSProp": torch.optim.RMSprop,
    "Adadelta": torch.optim.Adadelta,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "NAdam": torch.optim.NAdam,
}


def options_of(name, source):
    """Some of them, as ours and torch's both understand them."""
    chosen = {option: source.choice(values) for option, values in OPTIONS[name].items()}
    if chosen.get("nesterov") and not chosen["momentum"]:
        chosen["momentum"] = 0.5
    return chosen | {"weight_decay": source.choice([0.0, 0.1])}
