"""Generation: the wanted target stands in what the model says by itself."""

LABEL = "generation"
DESCRIPTION = (
    "share of the prompts after which the model, writing freely to the end of the sentence, "
    "names the wanted target"
)
UNIT = "percent of prompts"
READS = "answers"
NAMES = {
    "rewrite": "GA",
    "paraphrase": "GP",
    "neighborhood": "GN",
    "distracted": "GD",
    "portability": "GO",
}
SCORE = None
RANGE = (0.0, 1.0)
CHANCE = None
HIGHER_IS_BETTER = True


def of_prompts(prompts):
    """1 or 0, by `memat.evaluate.matching.is_contained`."""
    return prompts["contained"].cast(float)
