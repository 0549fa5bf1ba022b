"""General tasks: lm-eval on the shipped questions against a plain loop, and the table made of it."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml

import evaluate_general
import report_general
from memat import io
from memat.errors import ConfigError
from memat.evaluate import harness
from memat.evaluate.general import QUESTION_SCHEMA, RESULT_SCHEMA
from memat.evaluate.intervals import BootstrapSettings
from memat.report.advice import general_tasks
from memat.report.general import general_frame, general_markdown
from small_models import small_model
from stages import PROVENANCE, stage

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / harness.OWN_TASKS
LANGUAGES = ("ca", "en", "es")
CFG = {"include": None, "limit": None, "few_shot": None, "batch_size": 16}
COMPUTE = {"device": "cpu", "dtype": "float64"}
needs_harness = pytest.mark.skipif(
    find_spec("lm_eval") is None, reason="lm_eval is not installed: make install"
)


def questions(code):
    return json.loads((SHIPPED / f"common_knowledge_{code}.json").read_text(encoding="utf-8"))


def test_shipped_questions_are_the_same_in_every_language():
    tables = {code: questions(code) for code in LANGUAGES}
    for code, rows in tables.items():
        assert [(r["id"], r["answer"]) for r in rows] == [
            (r["id"], r["answer"]) for r in tables["en"]
        ]
        assert len({r["question"] + r["choices"][r["answer"]] for r in rows}) == len(rows) == 40
        assert {len(set(r["choices"])) for r in rows} == {4}, code
        # a model that always takes one place knows nothing
        assert [sum(r["answer"] == place for r in rows) for place in range(4)] == [10] * 4


def test_tasks_of_a_language_are_those_there_is_a_file_for(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert harness.own_tasks(["en", "xx", "ca"]) == {
        "common_knowledge_en": "en",
        "common_knowledge_ca": "ca",
    }


def test_without_lm_eval_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(harness, "PACKAGE", "no_such_package_as_this")
    with pytest.raises(ConfigError, match="make install") as caught:
        harness.require_harness()
    assert "\n" not in str(caught.value)
    assert "pip install lm_eval -c envs/constraints.txt" in str(caught.value)


def write_model(folder, seed):
    """A prepared folder of an untrained model, and the model."""
    model = small_model("llama", seed=seed)
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    files = {path.name: {"bytes": path.stat().st_size} for path in folder.iterdir()}
    io.write_json(folder / "manifest.json", {"folder": ".", "files": files}, PROVENANCE)
    return model


def plain_log_probability(model, text, ending):
    """log P of an ending after a text: one pass without a batch, token by token."""
    start, end = (model.tokenizer(part)["input_ids"] for part in (text, ending))
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor([start + end])).logits[0].double()
    rows = range(len(start) - 1, len(start) + len(end) - 1)
    return sum(
        float(logits[row].log_softmax(-1)[token]) for row, token in zip(rows, end, strict=True)
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Two untrained models, and the files that the script writes of each."""
    pytest.importorskip("lm_eval", reason="lm_eval is not installed: make install")
    found = []
    for seed in (0, 1):
        folder = tmp_path_factory.mktemp(f"model_{seed}")
        model = write_model(folder, seed)
        outputs = {name: str(folder / f"{name}.parquet") for name in ("results", "questions")}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(REPOSITORY)
            evaluate_general.main(
                stage(
                    {"manifest": str(folder / "manifest.json")},
                    outputs,
                    CFG,
                    tasks=[f"common_knowledge_{code}" for code in ("ca", "en")],
                    compute=COMPUTE,
                )
            )
        found.append((model, outputs))
    return found


@needs_harness
@pytest.mark.parametrize("code", ["ca", "en"])
def test_lm_eval_answers_the_shipped_questions_as_a_plain_loop_does(asked, code):
    model, outputs = asked[0]
    right = {"acc": [], "acc_norm": []}
    for row in questions(code):
        sums = [plain_log_probability(model, row["question"], f" {c}") for c in row["choices"]]
        per_letter = [total / len(c) for total, c in zip(sums, row["choices"], strict=True)]
        right["acc"].append(float(np.argmax(sums) == row["answer"]))
        right["acc_norm"].append(float(np.argmax(per_letter) == row["answer"]))
    task = {"task": f"common_knowledge_{code}"}
    answers, results = (io.read_table(outputs[name]) for name in ("questions", "results"))
    for metric, wanted in right.items():
        own = answers.filter(**task, metric=metric).sort("question")
        assert own["value"].to_list() == wanted
        row = results.filter(**task, metric=metric).row(0, named=True)
        assert row["value"] == pytest.approx(np.mean(wanted))
        assert row["stderr"] == pytest.approx(np.std(wanted, ddof=1) / len(wanted) ** 0.5)
        assert row["n_questions"] == len(wanted)
    assert 0 < np.mean(right["acc"]) < 1, "a loop that always or never agrees would prove nothing"


@needs_harness
def test_the_report_pairs_both_models_question_by_question(asked, tmp_path):
    names = ("results", "questions")
    inputs = {name: [outputs[name] for _model, outputs in asked] for name in names}
    outputs = {"csv": str(tmp_path / "general.csv"), "table": str(tmp_path / "general.md")}
    cfg = {"bootstrap": 200, "confidence": 0.95}
    report_general.main(stage(inputs, outputs, cfg, experiments=["edited"], languages={}, seed=0))
    table = pl.read_csv(outputs["csv"])
    assert table.select("experiment", "task", "metric").rows() == [
        ("edited", f"common_knowledge_{code}", metric)
        for code in ("ca", "en")
        for metric in ("acc", "acc_norm")
    ]
    assert table["difference"].to_list() == pytest.approx(
        (table["value"] - table["unedited"]).to_list()
    )
    assert (table["low"] < table["high"]).all()
    assert "common_knowledge_en" in Path(outputs["table"]).read_text(encoding="utf-8")


@needs_harness
def test_a_task_of_ones_own_is_found_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    task = yaml.safe_load((SHIPPED / "_common_knowledge.yaml").read_text()) | {"task": "mine"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(task))
    assert "mine" in harness.task_manager(["mine"], str(tmp_path)).all_tasks


@needs_harness
def test_an_unknown_task_is_named_with_what_was_meant(monkeypatch):
    class Listed:
        """lm-eval's own list takes seconds to read."""

        def __init__(self, include_path, include_defaults=True):
            self.all_tasks = ["common_knowledge_en"] + include_defaults * ["catalan_bench"]

    monkeypatch.setattr("lm_eval.tasks.TaskManager", Listed)
    harness.task_manager(["catalan_*", "common_knowledge_en"], None)
    with pytest.raises(ConfigError, match=r"^general.tasks: 'catalan_bank' .*'catalan_bench'"):
        harness.task_manager(["catalan_bank"], None)


def tables(values, more=()):
    """Both tables of one model: question → value of task t, and rows of other metrics."""
    results = [("t", "acc", len(values), float(np.mean(values)), 0.1), *more]
    answers = [("t", "acc", number, value) for number, value in enumerate(values)]
    return (
        pl.DataFrame(results, schema=RESULT_SCHEMA, orient="row"),
        pl.DataFrame(answers, schema=QUESTION_SCHEMA, orient="row"),
    )


def test_intervals_are_of_paired_differences():
    """Both models know half of the questions; the difference is sure where they are the same."""
    half = [1.0, 0.0] * 20
    settings = BootstrapSettings(400)
    table = general_frame(
        {"same": tables(half), "other": tables(half[::-1])}, tables(half), settings, {}
    )
    same, other = table.rows(named=True)
    assert (same["difference"], same["low"], same["high"]) == (0, 0, 0)
    assert other["difference"] == 0
    # each question changes by 1 up or down: the standard error of the mean is 1/√40
    assert other["high"] - other["low"] == pytest.approx(2 * 1.96 / 40**0.5, rel=0.2)
    lost = general_frame({"lost": tables([0.0] * 40)}, tables(half), settings, {}).row(
        0, named=True
    )
    assert lost["difference"] == -0.5
    assert lost["high"] < 0


def test_a_metric_that_is_no_mean_over_questions_has_no_interval():
    f1 = [("t", "f1", 4, 0.7, None), ("group", "acc", None, 0.5, 0.1)]
    table = general_frame(
        {"a": tables([1.0, 0.0, 1.0, 1.0], f1)}, tables([1.0] * 4, f1), BootstrapSettings(100), {}
    )
    ends = {(r["task"], r["metric"]): (r["low"], r["high"]) for r in table.iter_rows(named=True)}
    assert ends["t", "f1"] == ends["group", "acc"] == (None, None)
    assert None not in ends["t", "acc"]
    # values that lm-eval weights, though it gives each question's, are no mean of these either
    weighted = tables([1.0, 0.0])[0].with_columns(value=pl.lit(0.9)), tables([1.0, 0.0])[1]
    table = general_frame({"a": weighted}, tables([1.0, 0.0]), BootstrapSettings(100), {})
    assert table["low"].to_list() == [None]


def test_the_table_to_read_escapes_names_and_leaves_out_what_is_not_known():
    table = general_frame(
        {"a|b": tables([1.0, 0.0], [("<g>", "acc", None, 0.5, None)])},
        tables([1.0, 1.0], [("<g>", "acc", None, 0.25, None)]),
        BootstrapSettings(100),
        {"t": "ca"},
    )
    # as the page of advice reads it
    assert dict(general_tasks(table).select("task", "language").rows()) == {"t": "ca"}
    assert table["language"].to_list() == [None, "ca"]
    text = general_markdown(table, 0.95)
    lines = [[c.strip() for c in line.split(" | ")] for line in text.splitlines() if "| a" in line]
    assert lines[0][1:] == ["&lt;g&gt;", "acc", "", "0.250", "0.500", "+0.250 |"]
    assert lines[1][1:6] == ["t", "acc", "2", "1.000", "0.500 ± 0.100"]
    assert "a\\|b" in text
