"""Metric families: numbers that compare what a model says with the target that is wanted. Each is
a leaf (`memat.leaves`); its docstring begins "Name: what it says". It has these names:

LABEL             its name in tables and figures, in lower case
DESCRIPTION       one sentence for a reader who has read no paper, about "the prompts"
UNIT              what its axes count
READS             "scores" of given targets, or free "answers"
NAMES             prompt type (`memat.evaluate.prompt_types`) → the name of the metric on prompts of
                  that type; other prompts have no such metric
SCORE             name of the harmonic mean of its rewrite, paraphrase and neighborhood metrics, or
                  None; only of fractions in [0, 1]
RANGE             least and largest value, as fractions
CHANCE            the value of a model that knows nothing, or None where that depends on the facts
HIGHER_IS_BETTER  whether the best of a column is its largest value
of_prompts(prompts)
                  a value per prompt, (n_prompts,) float, null where it is not defined. prompts: a
                  frame with the columns of `memat.evaluate.fact_metrics.prompt_pairs` (of scores)
                  or `matched_answers` (of answers)

Polars is not imported at the head of a leaf, because the plan reads every leaf before any job.
"""
