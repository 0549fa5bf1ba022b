"""What a model can do beside its facts: tasks of lm-eval, question by question."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from memat.evaluate.harness import task_manager
from memat.model.for_stage import model_for

RESULT_SCHEMA = {
    "task": pl.String,
    "metric": pl.String,
    "n_questions": pl.Int64,
    "value": pl.Float64,
    "stderr": pl.Float64,
}
QUESTION_SCHEMA = {
    "task": pl.String,
    "metric": pl.String,
    "question": pl.Int64,
    "value": pl.Float64,
}
RESAMPLES = 1000  # of the standard errors that lm-eval draws: none of a mean


def general_results(
    manifest: str, compute: dict, tasks: Sequence[str], cfg: Mapping
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`RESULT_SCHEMA`, a row per task and metric, and `QUESTION_SCHEMA`, a row per question.

    manifest: of the folder that is asked. cfg: include, limit, few_shot and batch_size of the
    config section `general`. Values and standard errors are lm-eval's, as it gives them; a metric
    that is none of single questions (F1 over all) has no rows of the second kind.
    Raises ConfigError(general.tasks), ModelError.
    """
    # before the model, whose quick loading leaves out what lm-eval asks for
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    logging.getLogger("lm_eval").setLevel(logging.WARNING)
    manager = task_manager(tasks, cfg["include"])
    model = model_for(manifest, compute)
    found = simple_evaluate(
        HFLM(
            pretrained=model.network,
            tokenizer=model.tokenizer,
            batch_size=cfg["batch_size"],
            trust_remote_code=False,
        ),
        tasks=list(tasks),
        num_fewshot=cfg["few_shot"],
        limit=cfg["limit"],
        task_manager=manager,
        bootstrap_iters=RESAMPLES,
    )
    results = pl.DataFrame(_results(found["results"]), schema=RESULT_SCHEMA, orient="row")
    questions = pl.DataFrame(_questions(found["samples"]), schema=QUESTION_SCHEMA, orient="row")
    return results, questions


def _results(found: Mapping[str, Mapping]) -> Iterator[tuple]:
    """Rows of each task and group: lm-eval keeps `acc,none` beside `acc_stderr,none`."""
    for task, numbers in found.items():
        for key, value in numbers.items():
            metric, comma, way = key.partition(",")
            if comma and not metric.endswith("_stderr") and _is_number(value):
                stderr = numbers.get(f"{metric}_stderr,{way}")
                stderr = float(stderr) if _is_number(stderr) else None
                n_questions = numbers.get("sample_len")
                yield task, _metric_name(metric, way), n_questions, float(value), stderr


def _questions(samples: Mapping[str, Sequence[Mapping]]) -> Iterator[tuple]:
    for task, asked in samples.items():
        for sample in asked:
            for metric in sample["metrics"]:
                if _is_number(sample[metric]):
                    name = _metric_name(metric, sample["filter"])
                    yield task, name, sample["doc_id"], float(sample[metric])


def _metric_name(metric: str, way: str) -> str:
    """`acc`, or `exact_match,strict-match` of a task that reads its answers in several ways."""
    return metric if way == "none" else f"{metric},{way}"


def _is_number(value: object) -> bool:
    """Whether a value, also NumPy's, is one number."""
    return not isinstance(value, str | tuple | list | dict) and hasattr(value, "__float__")
