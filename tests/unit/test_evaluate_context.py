"""Controls without any change of weights: what stands before a prompt, and which fact is found."""

import polars as pl
import pytest
import torch
from test_study import complete

from memat.evaluate.context import nearest_facts, prompt_vectors, with_context
from memat.study.models import Context, EditedModel
from memat.study.plan import plan_study
from memat.study.row_faults import experiment_faults
from small_models import small_model

FACTS = {
    1: ("The mother tongue of Marie Curie is", "La llengua materna de Marie Curie és el", "French", "francès"),
    2: ("Miles Davis plays the", "Miles Davis toca la", "piano", "guitarra"),
    3: ("Jimi Hendrix plays the", "Jimi Hendrix toca l'", "organ", "orgue"),
}  # fmt: skip


def asked() -> pl.DataFrame:
    rows = []
    for case_id, (english, catalan, new_en, new_ca) in FACTS.items():
        for code, prompt, new in (("en", english, new_en), ("ca", catalan, new_ca)):
            for role, target in (("target_new", new), ("target_true", "x")):
                for prompt_type, text in (("rewrite", prompt), ("neighborhood", f"{prompt} not")):
                    rows.append(
                        {
                            "case_id": case_id,
                            "language": code,
                            "role": role,
                            "prompt_type": prompt_type,
                            "index": 0,
                            "prompt": text,
                            "target": target,
                            "joined": prompt.endswith("'"),
                        }
                    )
    return pl.DataFrame(rows)


def test_every_prompt_stands_behind_its_own_fact_in_the_language_of_the_row():
    rows = asked()
    told = with_context(small_model("llama"), rows, "in_context", "ca", 64)
    assert told.drop("prompt").equals(rows.drop("prompt"))
    of = {(r["case_id"], r["language"], r["prompt_type"]): r["prompt"] for r in told.to_dicts()}
    assert of[2, "en", "rewrite"] == "Miles Davis toca la guitarra. Miles Davis plays the"
    assert of[3, "en", "neighborhood"] == "Jimi Hendrix toca l'orgue. Jimi Hendrix plays the not"
    assert of[1, "ca", "rewrite"].startswith("La llengua materna de Marie Curie és el francès. La ")


def test_vectors_are_means_behind_the_middle_block_without_the_first_token():
    model = small_model("llama", bos=True)
    prompts = ["Miles Davis plays the", "La llengua materna de Marie Curie és el", "The"]
    vectors = prompt_vectors(model, prompts, 16)
    for prompt, vector in zip(prompts, vectors, strict=True):
        ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
        with torch.no_grad():
            states = model.network(input_ids=ids, output_hidden_states=True).hidden_states
        torch.testing.assert_close(vector, states[model.n_layers // 2 + 1][0, 1:].mean(0))


def oracle_nearest(model, facts, rows):
    """One prompt at a time, cosines by hand."""

    def vector(prompt):
        ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
        with torch.no_grad():
            states = model.network(input_ids=ids, output_hidden_states=True).hidden_states
        return states[model.n_layers // 2 + 1][0, 1:].mean(0)

    def mean(code):
        distinct = dict.fromkeys(rows.filter(language=code)["prompt"])
        return sum(vector(p) for p in distinct) / len(distinct)

    def cosine(a, b):
        return float(a @ b / a.norm() / b.norm())

    of_facts = {f["case_id"]: vector(f["prompt"]) - mean(f["language"]) for f in facts.to_dicts()}
    found = []
    for row in rows.to_dicts():
        own = vector(row["prompt"]) - mean(row["language"])
        best = max(of_facts, key=lambda case: cosine(own, of_facts[case]))
        others = max(cosine(of_facts[best], of_facts[c]) for c in of_facts if c != best)
        found.append(best if cosine(own, of_facts[best]) > others else None)
    return found


@pytest.mark.parametrize("code", ["en", "ca"])
def test_the_nearest_fact_is_that_of_the_plain_loop(code):
    model, rows = small_model("llama"), asked()
    facts = rows.filter(prompt_type="rewrite", role="target_new", language=code)
    found = nearest_facts(model, facts, rows, 32)
    assert found == oracle_nearest(model, facts, rows)
    own = rows.with_columns(found=pl.Series(found)).filter(prompt_type="rewrite", language=code)
    assert own["found"].to_list() == own["case_id"].to_list()


def test_a_prompt_that_is_near_no_fact_is_asked_alone():
    model, rows = small_model("llama"), asked()
    far = rows.with_columns(
        prompt=pl.when(prompt_type="neighborhood").then(pl.lit("0")).otherwise("prompt")
    )
    told = with_context(model, far, "retrieval", "en", 64)
    plain = told.filter(prompt_type="neighborhood")["prompt"].unique().to_list()
    facts = far.filter(prompt_type="rewrite", role="target_new", language="en")
    assert oracle_nearest(model, facts, far.filter(prompt_type="neighborhood"))[0] is None
    assert plain == ["0"]


def test_rows_of_a_study_that_tell_the_facts():
    rows = [
        {"method": "unedited"},
        {"method": "in_context", "train": "target"},
        {"method": "retrieval", "train": "en"},
        {"method": "memit", "train": "en"},
        {"method": "memit", "train": "ca"},
    ]
    study = plan_study(complete(rows))
    told = study.row("in_context_ca")
    assert told.model == EditedModel(context=Context("in_context", "ca"))
    assert told.model.languages == ("ca",)
    assert study.edits.keys() == {"memit-en", "memit-ca"}
    baselines = {row.name: row.baselines for row in study.main.rows}
    assert baselines["in_context_ca"] == baselines["retrieval_en"] == ("unedited",)
    assert baselines["memit_ca"] == ("unedited", "in_context_ca")
    assert baselines["memit_en"] == ("unedited",)


def test_a_fact_is_said_in_one_language():
    rows = [{"method": "in_context", "train": ["en", "ca"]}, {"method": "retrieval", "heads": "ca"}]
    faults = "\n".join(experiment_faults(complete(rows)))
    assert "experiments[0].train: method in_context says each fact in one language" in faults
    assert "experiments[1].train: missing" in faults
    assert "experiments[1].heads: method retrieval takes no such key" in faults
