"""OLMo 2: refused, as a norm stands after the MLP."""

from memat.model.architecture import NORM_AFTER_MLP


def refusal(config):
    return NORM_AFTER_MLP
