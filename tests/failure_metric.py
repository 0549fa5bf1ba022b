"""A family of metrics as its user would write one, for the tests that add it as a new file."""

LEAF = '''"""Failure: the other target is the more probable of the two (as an example)."""

LABEL = "failure"
DESCRIPTION = "share of the prompts after which <the other> target is more probable"
UNIT = "percent of prompts"
READS = "scores"
NAMES = {names}
SCORE = None
RANGE = (0.0, 1.0)
CHANCE = 0.5
HIGHER_IS_BETTER = False


def of_prompts(prompts):
    return (prompts["other_nll"] < prompts["nll"]).cast(float)
'''


def failure_metric(names: dict[str, str]) -> str:
    """The file's text. names: type of prompts → name of its metric."""
    return LEAF.format(names=names)
