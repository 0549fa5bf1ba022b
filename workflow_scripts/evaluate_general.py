"""lm-eval's tasks on one model: an exported folder, or the unedited model."""

from memat import io
from memat.evaluate.general import general_results
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params = stage.params
    results, questions = general_results(
        stage.inputs.manifest, params.compute, params.tasks, stage.cfg
    )
    io.write_table(stage.outputs.results, results, stage.provenance)
    io.write_table(stage.outputs.questions, questions, stage.provenance)
    return f"{results['task'].n_unique()} tasks, {questions.height} answers"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
