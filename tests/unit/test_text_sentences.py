"""Sentences of facts: noise, subjects of neighbours, sources."""

import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memat.text.facts import FACT_SCHEMA, read_facts
from memat.text.prompts import list_prompts, prompts_of
from memat.text.sentences import TemplateIndex, core_start_in_translation
from text_samples import COUNTERFACT_SHAPED, DEMO_FACTS, facts_of, record


def prompts(tmp_path, *records):
    return prompts_of(list_prompts(facts_of(tmp_path, *records), "en"))


def test_each_prompt_gives_a_sentence_for_each_target(tmp_path):
    found = prompts(tmp_path, record())
    assert len(found) == 2 * (1 + 2 + 2)
    for prompt in found:
        assert prompt.source == f"{prompt.prompt} {prompt.target}."
        assert prompt.source.endswith(prompt.sentence)
        assert prompt.prompt[prompt.subject_start :].startswith(prompt.subject)


def test_noise_before_the_sentence_is_told_apart(tmp_path):
    noises = ["It rained. ", "References\n\n", 'He said "no." ', "", "Really? Yes! "]
    paraphrases = [f"{noise}Toko Yasuda performs on the" for noise in noises]
    found = prompts(tmp_path, record(paraphrases=paraphrases))
    cores = [p.core for p in found if (p.prompt_type, p.role) == ("paraphrase", "target_new")]
    assert cores == [len(noise) for noise in noises]


def test_a_question_before_the_target_belongs_to_the_sentence(tmp_path):
    prompt = "It rained. What does Toko Yasuda play? It is the"
    found = prompts(tmp_path, record(paraphrases=[prompt]))
    core = next(p.core for p in found if p.prompt_type == "paraphrase")
    assert prompt[core:] == "What does Toko Yasuda play? It is the"


def test_noise_without_a_full_stop_ends_where_a_known_template_begins(tmp_path):
    clean = [record(i, paraphrases=["It rained. Toko Yasuda is heard on the"]) for i in (1, 2)]
    glued = record(3, paraphrases=["Category:Music Toko Yasuda is heard on the"])
    found = [p for p in prompts(tmp_path, *clean, glued) if p.case_id == 3]
    prompt = next(p for p in found if p.prompt_type == "paraphrase")
    assert prompt.prompt[prompt.core :] == "Toko Yasuda is heard on the"


def test_the_subject_of_a_neighbour_is_what_a_template_leaves_over(tmp_path):
    neighbours = [
        "Jimi Hendrix plays the",
        "Who of Bath performs on the",
        "the B-52's is good at the",
    ]
    found = prompts(tmp_path, record(neighbours=neighbours))
    names = [p.subject for p in found if p.prompt_type == "neighborhood"][:3]
    assert names == ["Jimi Hendrix", "Who of Bath", "the B-52's"]


def test_a_neighbour_of_no_template_falls_back_to_its_capitalised_name(tmp_path):
    found = prompts(tmp_path, record(neighbours=["everyone saw Pau Casals with a", "nobody had a"]))
    names = [p.subject for p in found if p.prompt_type == "neighborhood"][:2]
    assert names == ["Pau Casals", None]


@pytest.mark.parametrize(
    ("source", "core", "translation", "start"),
    [
        ("John is here.", 0, "En John és aquí.", 0),
        ("It rained. John is here.", 11, "Ha plogut. En John és aquí.", 11),
        ("A. B. Who is it? It is he.", 6, "A. B. Qui és? És ell.", 6),
        ("It rained. John is here.", 11, "En John és aquí.", 0),
    ],
)
def test_the_core_of_a_translation_has_as_many_sentences(source, core, translation, start):
    assert core_start_in_translation(source, core, translation) == start


@pytest.mark.parametrize("path", [COUNTERFACT_SHAPED, DEMO_FACTS], ids=["noisy", "demo"])
def test_neighbours_all_have_a_subject(path):
    facts, _ = read_facts(path)
    found = prompts_of(list_prompts(facts, "en"))
    assert all(prompt.subject for prompt in found)
    assert all(prompt.subject in prompt.prompt[prompt.core :] for prompt in found)


def left_over(template, text):
    """What a template leaves of a text, looked at alone."""
    before, after = template
    start, end = len(before), len(text) - len(after)
    fits = start < end and text.startswith(before) and text.endswith(after)
    return (start, end) if fits and text[start:end] == text[start:end].strip() else None


PIECES = st.text(alphabet="ab ", max_size=3)


@given(st.lists(st.tuples(PIECES, PIECES), max_size=12), st.text(alphabet="ab ", max_size=9))
def test_the_index_finds_what_trying_every_template_finds(templates, text):
    spans = [span for template in templates if (span := left_over(template, text))]
    shortest = min(spans, key=lambda span: span[1] - span[0], default=None)
    assert TemplateIndex(templates).subject(text) == shortest


def test_a_prompt_costs_the_same_however_many_templates_there_are():
    facts = pl.DataFrame(
        [
            {
                "case_id": n,
                "relation_id": "R",
                "subject": f"Land {n}",
                "prompt": "The town of {} is",
            }
            | {"paraphrase_prompts": [f"noise {n} without a stop Land {n} has the town"]}
            | {"neighborhood_prompts": [f"Its town, says Old {n}, is", f"The town of Old {n} is"]}
            | {"target_new": "a", "target_true": "b", "split": "report"}
            for n in range(6000)
        ],
        schema=FACT_SCHEMA,
    )
    start = time.process_time()
    subjects = list_prompts(facts, "en")["subject"].to_list()
    assert time.process_time() - start < 3  # 8 where each prompt tries all templates
    assert subjects[2:4] == ["Old 0", "Old 0"]
