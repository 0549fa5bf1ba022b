"""Sentences of facts: noise, subjects of neighbours, sources."""

import pytest

from memat.text.facts import read_facts
from memat.text.sentences import core_start_in_translation, fact_sentences
from text_samples import COUNTERFACT_SHAPED, DEMO_FACTS, facts_of, record


def sentences(tmp_path, *records):
    return [s for _, of_fact in fact_sentences(facts_of(tmp_path, *records)) for s in of_fact]


def test_each_prompt_gives_a_sentence_for_each_target(tmp_path):
    found = sentences(tmp_path, record())
    assert len(found) == 2 * (1 + 2 + 2)
    for sentence in found:
        assert sentence.source == f"{sentence.prompt.text} {sentence.target}."
        assert sentence.source[sentence.target_start :] == f"{sentence.target}."
        start = sentence.prompt.subject_start
        assert sentence.prompt.text[start:].startswith(sentence.prompt.subject)


def test_noise_before_the_sentence_is_told_apart(tmp_path):
    noises = ["It rained. ", "References\n\n", 'He said "no." ', "", "Really? Yes! "]
    paraphrases = [f"{noise}Toko Yasuda performs on the" for noise in noises]
    found = sentences(tmp_path, record(paraphrases=paraphrases))
    cores = [
        s.prompt.core for s in found if s.prompt.kind == "paraphrase" and s.role == "target_new"
    ]
    assert cores == [len(noise) for noise in noises]


def test_a_question_before_the_target_belongs_to_the_sentence(tmp_path):
    prompt = "It rained. What does Toko Yasuda play? It is the"
    found = sentences(tmp_path, record(paraphrases=[prompt]))
    core = next(s.prompt.core for s in found if s.prompt.kind == "paraphrase")
    assert prompt[core:] == "What does Toko Yasuda play? It is the"


def test_noise_without_a_full_stop_ends_where_a_known_template_begins(tmp_path):
    clean = [record(i, paraphrases=["It rained. Toko Yasuda is heard on the"]) for i in (1, 2)]
    glued = record(3, paraphrases=["Category:Music Toko Yasuda is heard on the"])
    found = [s.prompt for s in sentences(tmp_path, *clean, glued) if s.prompt.case_id == 3]
    prompt = next(p for p in found if p.kind == "paraphrase")
    assert prompt.text[prompt.core :] == "Toko Yasuda is heard on the"


def test_the_subject_of_a_neighbour_is_what_a_template_leaves_over(tmp_path):
    neighbours = [
        "Jimi Hendrix plays the",
        "Who of Bath performs on the",
        "the B-52's is good at the",
    ]
    found = sentences(tmp_path, record(neighbours=neighbours))
    names = [s.prompt.subject for s in found if s.prompt.kind == "neighborhood"][:3]
    assert names == ["Jimi Hendrix", "Who of Bath", "the B-52's"]


def test_a_neighbour_of_no_template_falls_back_to_its_capitalised_name(tmp_path):
    found = sentences(
        tmp_path, record(neighbours=["everyone saw Pau Casals with a", "nobody had a"])
    )
    names = [s.prompt.subject for s in found if s.prompt.kind == "neighborhood"][:2]
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
    prompts = [s.prompt for _, of_fact in fact_sentences(facts) for s in of_fact]
    assert all(prompt.subject for prompt in prompts)
    assert all(prompt.subject in prompt.text[prompt.core :] for prompt in prompts)
