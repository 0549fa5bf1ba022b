"""One run of every stage on an untrained model: what it leaves, and what a change reruns.

All tests look at the same finished run and so share a file: pytest-xdist (`--dist
loadfile`) gives a file to one worker, and the run is made once. Every row of the rerun
table starts from it; an edited file is put back afterwards.
"""

import re
from contextlib import ExitStack, contextmanager

import polars as pl
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from failure_metric import failure_metric
from tiny import COMPANIES
from workflow import config_keys
from workflow.config_keys import OTHER_GRAPH, change_of, write_other_inputs
from workflow.project import REPOSITORY, Project, merged_config, unread_params

FOLDER = "resources/cache/tiny"
LIBRARY = REPOSITORY / "workflow_scripts/memat"

N_FACTS = 12
# experiments, and the names of their models in paths
EXPERIMENTS = {
    "unedited": "unedited",
    "memit_ca": "memit-ca",
    "in_context_ca": "in_context-ca",
    "memat_ca_en": "memit-ca_en_located-3",
    "random_ca_en": "memit-ca_en_random-2",
}


def test_tables_hold_every_experiment_language_and_fact(finished):
    results = finished.folder / "results-tiny"
    summary = pl.read_csv(results / "summary.csv")
    assert summary.columns == [
        *("experiment", "method", "edit_language", "combine", "head_language", "heads", "n_facts"),
        *("eval_language", "metric", "value", "low", "high"),
    ]
    assert set(summary["experiment"]) == set(EXPERIMENTS)
    assert set(summary["eval_language"]) == {"en", "ca"}
    assert set(summary["n_facts"]) == {N_FACTS}
    for model in EXPERIMENTS.values():
        scores = pl.read_parquet(results / f"scores/{model}/block_0/scores_0.parquet")
        assert scores["nll"].is_finite().all()
        for language in ("en", "ca"):
            assert scores.filter(language=language)["case_id"].n_unique() == N_FACTS


def test_every_model_answers_a_prompt_of_each_type_freely(finished):
    results = finished.folder / "results-tiny"
    for model in EXPERIMENTS.values():
        answers = pl.read_parquet(results / f"scores/{model}/block_0/answers_0.parquet")
        asked = answers.group_by("language", "prompt_type").agg(
            pl.len(), pl.col("case_id").n_unique()
        )
        assert set(asked.drop("language", "prompt_type").rows()) == {(N_FACTS, N_FACTS)}
        assert asked.height == 2 * 3
    summary = pl.read_csv(results / "summary.csv")
    assert {"GA", "GP", "GN"} < set(summary["metric"])
    assert "### Generation" in (results / "table.md").read_text(encoding="utf-8")


def test_edit_makes_the_new_targets_likelier_than_the_true_ones(finished):
    def ahead(name: str) -> float:
        """How much likelier the new targets are than the true ones, in nats."""
        path = f"results-tiny/scores/{EXPERIMENTS[name]}/block_0/scores_0.parquet"
        scores = pl.read_parquet(finished.folder / path).filter(
            language="ca", prompt_type="rewrite"
        )
        new, true = (scores.filter(role=f"target_{role}")["nll"].mean() for role in ("new", "true"))
        return true - new

    assert ahead("memit_ca") > ahead("unedited") + 0.3


def test_every_job_left_a_log_and_a_benchmark(finished):
    results = finished.folder / "results-tiny"
    logs = {p.relative_to(results / "logs").with_suffix("") for p in results.rglob("*.log")}
    times = {p.relative_to(results / "benchmarks").with_suffix("") for p in results.rglob("*.tsv")}
    assert logs == times
    assert logs


def test_every_job_ends_with_a_line_on_what_it_made(finished):
    for log in (finished.folder / "results-tiny" / "logs").rglob("*.log"):
        lines = log.read_text().strip().splitlines()
        rule = log.relative_to(finished.folder / "results-tiny" / "logs").parts[0].split(".")[0]
        assert re.search(rf"{rule}: .+ \(\d+ s\) -> \S+$", lines[-1]), lines[-1]


def test_every_param_of_a_rule_is_read_by_its_script(finished):
    assert unread_params(finished.folder / "results-tiny") == {}


def test_report_and_table_exist(finished):
    outcome = finished.snakemake(
        "--configfile", "configs/tiny.yaml", "--report", "results-tiny/report.html"
    )
    assert outcome.code == 0, outcome.text
    assert (finished.folder / "results-tiny/report.html").stat().st_size > 10_000
    report = (finished.folder / "results-tiny/report.html").read_text(encoding="utf-8")
    assert "Edited in Catalan." in report, "its first page opens with the headlines"
    assert "results-tiny/index.html" in report
    assert "results-tiny/facts.html" in report
    assert "results-tiny/ship.html" in report
    assert "memat_ca_en" in (finished.folder / "results-tiny/table.md").read_text()


def test_every_fact_is_listed_with_what_each_model_says(finished):
    facts = pl.read_csv(finished.folder / "results-tiny/facts.csv")
    assert facts.height == 2 * len(COMPANIES)
    scored = facts.filter(status="scored")
    assert scored["case_id"].n_unique() == N_FACTS
    for name in EXPERIMENTS:
        assert scored[f"{name} P(wanted)"].null_count() == 0
        assert facts.filter(pl.col("status") != "scored")[f"{name} says"].is_null().all()


def test_export_loads_without_our_code(finished):
    outcome = finished.snakemake(
        *("export", "--configfile", "configs/tiny.yaml", "--config", "experiment=memat_ca_en")
    )
    assert outcome.code == 0, outcome.text
    folder = finished.folder / "results-tiny/export/memat_ca_en"
    _, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    assert AutoTokenizer.from_pretrained(folder).is_fast


# rules that follow from all that is computed in shards
OF_SCORES = ("list_facts", "draw_metrics", "draw_losses", "advise")


def test_another_folder_and_number_of_shards_change_no_result(finished, tmp_path):
    """Four jobs, or three, where the other run has one or two: every other file has equal bytes."""
    cut = Project.tiny(tmp_path)
    changes = {
        "translate__shards": 3,
        "covariance__shard_tokens": 128,
        **{f"{section}__shard_size": 3 for section in ("values", "activations", "scores")},
    }
    outcome = cut.snakemake("--configfile", cut.config(**changes), "--", *OF_SCORES)
    assert outcome.code == 0, outcome.text
    whole, found = finished.results(), cut.results()
    shards = {name for name in whole | found if re.search(r"_\d\.(parquet|safetensors)$", name)}
    # the names of the files of the shards are in these, or in their metadata
    named = {"metrics.parquet", "study/results.json", "figures/losses.png", "figures/losses.svg"}
    made = found.keys() - shards - named
    assert {"summary.csv", "facts.csv", "figures/metrics.svg"} < made
    assert {"heads/memit-ca/en/block_0/accuracy.parquet", "ship.md"} < made
    assert {name for name in made if found.get(name) != whole.get(name)} == set()
    for kind, number in {
        "model/covariance/moments": 4,
        "edits/memit-ca/block_0/values": 4,
        "heads/memit-ca/en/block_0/activations": 4,
        "scores/memit-ca_en_located-3/block_0/scores": 4,
        "dataset/ca/translations": 3,
    }.items():
        assert len([name for name in found if name.startswith(f"{kind}_")]) == number
    for model in EXPERIMENTS.values():
        of_whole, of_cut = (
            pl.concat(map(pl.read_parquet, sorted(folder.glob("scores_*.parquet"))))
            for folder in (
                project.folder / "results-tiny/scores" / model / "block_0"
                for project in (finished, cut)
            )
        )
        assert of_cut.equals(of_whole)


# the tiny run: one edit (memit-ca, 2 shards), heads located in en, one located and one random
# correction (k: 2 of its own), 5 experiments scored, the 3 with other weights asked for damage
SUMMARY = {"summarise": 1, "draw_metrics": 1, "draw_language_matrix": 1, "write_index": 1}
SUMMARY |= {"report_damage": 1, "advise": 1}
FIRST = {"first_table": 1}  # of the unedited model and the plain edit
STUDY = {"write_study": 1, **FIRST}
SCORE_FIGURES = {"list_facts": 1, **SUMMARY}
TRUE_HEADS = {"fit_corrections": 2, "score": 2, "measure_damage": 2, "draw_losses": 1}
TRUE_HEADS |= SCORE_FIGURES
PROBES = {"train_probes": 1, "draw_head_maps": 1, **TRUE_HEADS}
ACTIVATIONS = {"dump_activations": 1, **PROBES}
DELTAS = {"solve_deltas": 1, **ACTIVATIONS, **FIRST, "score": 3, "measure_damage": 3}
COVARIANCE = {"estimate_covariance": 1, "add_moments": 1, **DELTAS}
VALUES = {"optimise_values": 2, **DELTAS}
BLOCKS = {"assign_blocks": 1, "count_funnel": 1, "draw_funnel": 1, **VALUES, "score": 5}
BILINGUAL = {"measure_overlap": 1, "draw_overlap": 1, **BLOCKS}
GENDER = {"duplicate_gender": 1, "join_languages": 1, "list_lost": 1, **BILINGUAL}
REPAIR = {"repair_structure": 1, "list_for_review": 1, **GENDER}
ALIGN = {"align": 1, **REPAIR}

# how many jobs of each rule; which rules any other key starts is in workflow/config_keys.py
CONFIG_CHANGES = {
    "K of one experiment": (
        {"experiments__3__k": 4},
        {
            **{"fit_corrections": 1, "score": 1, "measure_damage": 1, "draw_losses": 1},
            **STUDY,
            **SCORE_FIGURES,
        },
    ),
    "covariance tokens": (
        {"covariance__tokens": 1024},
        {"sample_text": 1, **COVARIANCE, "estimate_covariance": 2},
    ),
    "another solver and both languages": (
        {
            "experiments": [
                {"name": "memit_ca", "method": "memit", "train": "ca"},
                {"name": "alpha_ca", "method": "memit", "train": "ca", "solver": "alphaedit"},
                {"name": "sum", "method": "memit", "train": ["en", "ca"], "combine": "sum"},
                {"name": "iti", "method": "iti", "train": "ca", "heads": "en"},
            ]
        },
        {
            **{"optimise_values": 2, "solve_deltas": 2, "add_deltas": 1, "score": 3},
            **{"measure_damage": 3},
            **{"shift_heads": 1, "draw_losses": 1, **STUDY, **SCORE_FIGURES},
        },
    ),
    "facts of a job": (
        {"activations__shard_size": 6, "scores__shard_size": 6},
        {**ACTIVATIONS, "dump_activations": 2, "score": 10, **STUDY},
    ),
    "one more experiment": (
        {
            "experiments": [
                {"name": "unedited", "method": "unedited"},
                {"name": "memit_ca", "method": "memit", "train": "ca"},
                {"name": "again", "method": "memit", "train": "ca"},
            ]
        },
        # the same model under another name: nothing to score; too few rows to show any before
        {"draw_losses": 1, "write_study": 1, **SCORE_FIGURES},
    ),
}

# file of the library | old | new | jobs; more of the same, asked of the tag alone, is in
# tests/workflow/test_code_tag.py
DEFINITIONS = {
    "constant": ("text/repair.py", "SUPPORT = 2", "SUPPORT = 3", REPAIR),
    "function": ("edit/linear.py", "    moment = weight *", "    moment = 2 * weight *", DELTAS),
    "solver": ("edit/solvers/memit.py", "/ layers_left", "/ (layers_left + 1)", DELTAS),
}
# the same, of what no job of the run uses
UNUSED = (
    ("edit/solvers/pmet.py", "layers_left**0.5", "layers_left**0.4"),
    ("text/engines/apertium.py", '"-f", "line"', '"-f", "txt"'),
    ("text/readers/triples.py", "MOST_OF_TABLE = 10", "MOST_OF_TABLE = 9"),
    ("model/architectures/gpt2.py", '"mlp.c_proj"', '"mlp.proj"'),
    ("errors.py", "class ConfigError", "class New:\n    pass\n\n\nclass ConfigError"),
)
OF_HEADS = {"dump_activations", "train_probes", "fit_corrections"}
# an input that must be there and starts nothing again
ANCIENT = {("list_lost", "assign_blocks")}
TINY = merged_config("configs/tiny.yaml")
EVERYTHING = ("workflow_scripts/memat/io.py", "workflow_scripts/train_probes.py", "rules/heads.smk")
EVERYTHING += ("resources/languages/ca.yaml",)
# a line of resources/languages/ca.yaml, another one, jobs; the code is asked for by Apertium only
LANGUAGE_KEYS = {
    "name": (
        '"Florence": "Florència"',
        '"Florence": "Florencia"',
        {"translate": 1, "measure_surprisal": 1, **ALIGN},
    ),
    "code of a translator": ("iso639_3: cat", "iso639_3: cax", {}),
}


@contextmanager
def edited(path, change):
    """The file with `change` applied to its text, its old bytes afterwards."""
    content = path.read_bytes()
    path.write_bytes(change(content.decode()).encode())
    try:
        yield
    finally:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def planned(finished):
    """Jobs of a dry run with some config, `configs/tiny.yaml` if none is given."""
    write_other_inputs(finished.folder / FOLDER)

    def jobs(config="configs/tiny.yaml", *targets: str) -> dict[str, int]:
        outcome = finished.snakemake("--dry-run", "--configfile", config, "--", *targets)
        assert outcome.code == 0, outcome.text
        return outcome.jobs

    jobs.graph = lambda config: finished.snakemake("--configfile", config, "--rulegraph").text
    return jobs


@pytest.mark.parametrize(("changes", "jobs"), CONFIG_CHANGES.values(), ids=CONFIG_CHANGES)
def test_config_change_reruns_its_stage_and_what_follows(finished, planned, changes, jobs):
    assert planned(finished.config(**changes)) == jobs


@pytest.mark.parametrize(("name", "old", "new", "jobs"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_changed_definition_reruns_the_stages_that_use_it(finished, planned, name, old, new, jobs):
    path = finished.folder / "workflow_scripts/memat" / name
    assert old in path.read_text()
    with edited(path, lambda text: text.replace(old, new, 1)):
        assert planned() == jobs


def test_changed_definitions_that_no_job_uses_rerun_nothing(finished, planned):
    with ExitStack() as stack:
        for name, old, new in UNUSED:
            path = finished.folder / "workflow_scripts/memat" / name
            assert old in path.read_text()
            stack.enter_context(
                edited(path, lambda text, old=old, new=new: text.replace(old, new, 1))
            )
        assert planned() == {}


@pytest.mark.parametrize(("old", "new", "jobs"), LANGUAGE_KEYS.values(), ids=LANGUAGE_KEYS)
def test_changed_key_of_a_language_reruns_the_stages_that_read_it(
    finished, planned, old, new, jobs
):
    path = finished.folder / "resources/languages/ca.yaml"
    assert old in path.read_text()
    with edited(path, lambda text: text.replace(old, new, 1)):
        assert planned() == jobs


def test_another_results_folder_uses_what_belongs_to_the_model(finished, planned, followers):
    jobs = planned(finished.config(results="results-second"))
    of_model = {"make_templates", "sample_text", "estimate_covariance", "add_moments"}
    assert jobs.keys() == followers.keys() - of_model - {"prepare_model", "all"}
    # other settings are other files beside them
    jobs = planned(finished.config(results="results-second", templates__count=1))
    assert jobs.keys() & of_model == {"make_templates"}
    jobs = planned(finished.config(results="results-second", edit__layers=[0, 1]))
    assert jobs.keys() & of_model == {"estimate_covariance", "add_moments"}


OWN_FORMAT = '''"""own: CounterFact's records (as an example)."""

from memat.text.readers import counterfact

SETTINGS = {}


def recognises(path):
    return False


def read(path, own):
    return counterfact.read(path, own)
'''


def text_of(name: str) -> str:
    return (LIBRARY / name).read_text(encoding="utf-8")


# a new leaf of each kind, and its text
LEAVES = {
    "edit/solvers/nearest.py": text_of("edit/solvers/emmet.py").replace("EMMET", "Nearest keys"),
    "evaluate/metrics/failure.py": failure_metric({"rewrite": "EF", "paraphrase": "PF"}),
    "text/engines/given.py": text_of("text/engines/table.py"),
    "text/readers/own.py": OWN_FORMAT,
    "model/architectures/phi.py": text_of("model/architectures/gpt2.py"),
}


@pytest.fixture
def leaves(finished):
    """Files that the finished run did not have."""
    paths = [finished.folder / "workflow_scripts/memat" / name for name in LEAVES]
    for path, text in zip(paths, LEAVES.values(), strict=True):
        path.write_text(text)
    yield
    for path in paths:
        path.unlink()


def with_leaves(finished) -> str:
    """A config with an experiment of the new solver, and the new metric shown."""
    row = {"name": "nearest_ca", "method": "memit", "train": "ca", "solver": "nearest"}
    return finished.config(
        experiments=[*TINY["experiments"], row],
        summary__metrics=[*TINY["summary"]["metrics"], "failure"],
    )


def test_new_leaves_rerun_nothing_until_they_are_used(finished, planned, followers, leaves):
    assert planned() == {}
    jobs = planned(finished.config(summary__metrics=[*TINY["summary"]["metrics"], "failure"]))
    assert jobs == FIRST | SUMMARY
    own = {"solve_deltas": 1, "score": 1, "measure_damage": 1}
    assert planned(with_leaves(finished)) == {**own, **STUDY, **SCORE_FIGURES}
    given = {"engine": "given", "given": TINY["translate"]["table"]}
    config = finished.config(translate=TINY["translate"] | given)
    assert planned(config) == {"translate": 1, "measure_surprisal": 1, **ALIGN}
    jobs = planned(finished.config(facts__format="own"))
    assert set(jobs) == {"read_facts"} | followers["read_facts"]


@pytest.fixture(scope="module")
def followers(planned) -> dict[str, set[str]]:
    return followers_in(planned.graph("configs/tiny.yaml"))


def followers_in(dot: str) -> dict[str, set[str]]:
    """Rule → the rules that depend on it, directly or not, from Snakemake's own graph."""
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', dot))
    edges = [(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", dot)]
    edges = [edge for edge in edges if edge not in ANCIENT]
    after = {name: {b for a, b in edges if a == name} for name in names.values()}
    grown = None
    while grown != after:
        grown = after
        after = {a: bs.union(*(grown[b] for b in bs)) for a, bs in grown.items()}
    # the graph is of rules: no score that the first table reads is of corrected heads
    for rule in after.keys() & OF_HEADS:
        after[rule] = after[rule] - FIRST.keys()
    return {rule: following - {"all"} for rule, following in after.items()}


def test_edited_script_reruns_its_rule_and_all_that_follow(finished, planned, followers):
    """That every rule has its own script's tag is a test of the rules (test_rules.py)."""
    path = finished.folder / "workflow_scripts/train_probes.py"
    with edited(path, lambda text: text + "\nADDED = 1\n"):
        assert set(planned()) == {"train_probes"} | followers["train_probes"]


def test_every_section_of_the_config_is_in_the_table():
    assert {key.split(".")[0] for key in config_keys.rows()} == merged_config().keys()


KEYS = {key: stages for key, (_, stages) in config_keys.rows().items()}


@pytest.mark.parametrize("key", [key for key, stages in KEYS.items() if stages])
def test_changed_key_reruns_the_stages_that_read_it_and_all_that_follow(
    finished, planned, followers, key
):
    config = finished.config(**change_of(key))
    if key in OTHER_GRAPH:
        followers = followers_in(planned.graph(config))
    expected = KEYS[key].union(*(followers[stage] for stage in KEYS[key]))
    # the first page shows the settings, so it is written again with any that it shows
    assert set(planned(config)) - {"write_index"} == expected - {"write_index"}


def test_changed_keys_that_no_stage_of_the_run_reads_rerun_nothing(finished, planned):
    changes = [change_of(key) for key, stages in KEYS.items() if not stages]
    assert len(changes) > 3
    config = finished.config(**{key: value for change in changes for key, value in change.items()})
    assert set(planned(config)) <= {"write_index"}


def test_comments_rerun_nothing(finished, planned):
    with ExitStack() as stack:
        for path in EVERYTHING:
            comment = edited(finished.folder / path, lambda text: text + "\n# a comment\n")
            stack.enter_context(comment)
        assert planned() == {}


def test_touched_files_rerun_nothing(finished, planned):
    for path in (*EVERYTHING, "resources/cache/tiny/facts.json"):
        (finished.folder / path).touch()
    assert planned() == {}


def test_changed_translation_reruns_from_translate_on(finished, planned):
    table = finished.folder / "resources/cache/tiny/translations.csv"
    with edited(table, lambda text: text.replace("es va fundar", "va ser fundada")):
        assert planned() == {"translate": 1, "measure_surprisal": 1, **ALIGN}


# last, because what follows makes more than the runs above expect
def test_protected_subjects_rerun_the_solve_alone(finished, planned):
    """An edit that protects subjects shares all but its solve; every param of its rules is read."""
    names = finished.folder / FOLDER / "subjects.txt"
    names.write_text("Zembla\nOrnal\nVelmar\n", encoding="utf-8")
    listed = {"covariance__protected_subjects__source": "list"}
    listed["covariance__protected_subjects__path"] = f"{FOLDER}/subjects.txt"
    row = {"name": "protected", "method": "memit", "train": "ca", "protected": True}
    listed["experiments"] = [row]
    deltas = "results-tiny/edits/memit-ca-protected/block_0/deltas.safetensors"
    outcome = finished.snakemake("--configfile", finished.config(**listed), "--", deltas)
    assert outcome.code == 0, outcome.text
    assert outcome.jobs == {"choose_protected": 1, "read_protected_keys": 1, "solve_deltas": 1}
    assert unread_params(finished.folder / "results-tiny") == {}
    left_out = pl.read_csv(finished.folder / "results-tiny/protected/block_0/left_out.csv")
    assert set(left_out["subject"]) == {"Velmar"}
    heavier = finished.config(**listed, covariance__protected_subjects__weight=5.0)
    again = finished.snakemake("--configfile", heavier, "--dry-run", "--", deltas)
    assert again.jobs == {"solve_deltas": 1}


def test_a_target_of_the_paper_needs_only_what_the_run_has_not(planned):
    # the run has everything but the edit in the other language
    edit = {"optimise_values": 2, "solve_deltas": 1, "score": 1}
    assert planned("configs/tiny.yaml", "figure1", "figure7") == {
        **edit,
        "write_study": 1,
        "report_subjects": 1,
        "figure1": 1,
    }


def test_targets_of_the_paper_are_made_once(finished):
    """Nested sizes and recycled corrections (figure 4), ITI on tuning facts (10), subsets (1)."""
    targets = ("figure1", "figure4", "figure10")
    arguments = ("--configfile", "configs/tiny.yaml", "--", *targets)
    outcome = finished.snakemake(*arguments)
    assert outcome.code == 0, outcome.text
    folder = finished.folder / "results-tiny/paper"
    for name in targets:
        assert pl.read_csv(folder / f"{name}.csv").height
        assert all((folder / f"{name}.{kind}").stat().st_size > 5000 for kind in ("png", "svg"))
    sizes = pl.read_csv(folder / "figure4.csv").filter(metric="ES").select("series", "x", "n_facts")
    assert set(sizes.rows()) == {(s, n, n) for s in ("MEMIT", "MEMAT") for n in (9, 10, 12)}
    again = finished.snakemake("--dry-run", *arguments)
    assert again.jobs == {}


def test_a_new_solver_and_a_new_metric_run_and_are_named_in_tables_and_figures(finished, leaves):
    outcome = finished.snakemake("--configfile", with_leaves(finished))
    assert outcome.code == 0, outcome.text
    results = finished.folder / "results-tiny"
    assert "| nearest_ca " in (results / "table.md").read_text(encoding="utf-8")
    summary = pl.read_csv(results / "summary.csv")
    assert set(summary.filter(experiment="nearest_ca")["method"]) == {"nearest"}
    assert set(summary["metric"]) > {"ES", "EF", "PF"}
    for name in ("table.md", "index.html", "headlines.html"):
        assert "Failure" in (results / name).read_text(encoding="utf-8")
    assert "EF  efficacy failure" in (results / "figures/metrics.svg").read_text(encoding="utf-8")
