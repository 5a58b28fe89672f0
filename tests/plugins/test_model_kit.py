"""Every registered model through the kit."""

import numpy as np
import pytest
from plugins.model_draws import HUGE, LARGE, MODELS

import graphdiff as gd
from graphdiff.testing import check_model

# Of the same parts as smaller ones that every check runs on.
DEEP = {"resnet32", "resnet44", "resnet56"}
RUN = ("compiled", "backends")
HEADLESS = {"lenet5_1998"}  # its last layer compares with codes


def samples(name):
    def drawn(source):
        gd.seed(1)
        make, shape = MODELS[name](source, name)
        return make(), np.random.default_rng(source.integer(0, 99)).normal(size=shape)

    return drawn


def checks(name, keys=None):
    few = 1 if name in LARGE | HUGE else 2
    every = check_model.checks(gd.models[name], samples(name), examples=few)
    thorough = check_model.checks(gd.models[name], samples(name), examples=1 if few == 1 else 3)
    chosen = keys or [key for key in every if key != "head" or name not in HEADLESS]
    return {f"{name}-{key}": (thorough if key in RUN else every)[key] for key in chosen}


CHECKS = {}
for name in MODELS:
    if name not in HUGE:
        CHECKS |= checks(name, RUN if name in LARGE | DEEP else None)
CAMPAIGN = {}
for name in LARGE | DEEP | HUGE:
    CAMPAIGN |= checks(name)


def test_every_registered_model_is_checked():
    assert set(MODELS) == set(gd.models)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_check(check):
    check()


@pytest.mark.campaign
@pytest.mark.parametrize("check", CAMPAIGN.values(), ids=CAMPAIGN)
def test_check_of_a_large_model(check):
    check()
