"""Exact generation: the wanted target is all that the model says by itself."""

LABEL = "exact generation"
DESCRIPTION = (
    "share of the prompts after which the model, writing freely to the end of the sentence, "
    "says the wanted target and nothing else"
)
UNIT = "percent of prompts"
READS = "answers"
NAMES = {
    "rewrite": "XA",
    "paraphrase": "XP",
    "neighborhood": "XN",
    "distracted": "XD",
    "portability": "XO",
}
SCORE = None
RANGE = (0.0, 1.0)
CHANCE = None
HIGHER_IS_BETTER = True


def of_prompts(prompts):
    """1 or 0, by `memat.evaluate.matching.is_exact`."""
    return prompts["exact"].cast(float)
