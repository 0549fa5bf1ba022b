"""Surprisal of sentences against one forward pass per prefix, and who is odd among its like."""

import math

import polars as pl
import pytest
import torch

from memat.errors import NonFiniteValue
from memat.evaluate.scores import SURPRISAL_SCHEMA, sentence_surprisal
from memat.text.funnel import funnel_table
from memat.text.prompts import list_prompts
from memat.text.repair import repair_facts
from memat.text.review import review_table, surprising_prompts, suspicion_table
from memat.text.suspicion import LEAST, SURPRISING, robust_z
from memat.text.translate import translate_prompts, translated_sentences
from small_models import small_model
from text_samples import (
    INSTRUMENTS,
    MadeUpEngine,
    alignments_of,
    facts_of,
    language,
    record,
    replace_all,
)

TEXTS = [
    "The mother tongue of Marie Curie is Polish.",
    "The mother tongue of Marie Curie is French and the capital.",
    "Miles Davis plays the trumpet.",
    "Jimi Hendrix toca l'orgue.",
]


def slow_surprisal(model, text):
    """Nats per predicted token: a pass for every prefix, P of the token that follows it."""
    ids = model.tokenizer(text)["input_ids"]
    total = 0.0
    for end in range(1, len(ids)):
        logits = model.network(torch.tensor([ids[:end]])).logits[0, -1].double()
        odds = (logits - logits.max()).exp()
        total += math.log(float(odds.sum()) / float(odds[ids[end]]))
    return len(ids) - 1, total / (len(ids) - 1)


@pytest.mark.parametrize("budget", [8, 4096])
@pytest.mark.parametrize(
    ("name", "bos"), [("llama", False), ("llama", True), ("gemma3_text", True)]
)
def test_surprisal_is_that_of_a_plain_loop_in_any_order_and_batch(name, bos, budget):
    model = small_model(name, bos=bos)
    found = sentence_surprisal(model, [*reversed(TEXTS), TEXTS[0]], budget)
    assert found.schema == SURPRISAL_SCHEMA
    assert found["sentence"].to_list() == sorted(TEXTS)
    for row in found.iter_rows(named=True):
        n_tokens, nats = slow_surprisal(model, row["sentence"])
        assert (row["n_tokens"], nats > 0) == (n_tokens, True)
        assert row["nats_per_token"] == pytest.approx(nats, rel=1e-9)


def test_a_text_of_which_nothing_is_predicted_is_no_row():
    model = small_model("llama")
    assert len(model.tokenizer("T")["input_ids"]) == 1
    assert sentence_surprisal(model, ["T"], 64).is_empty()
    assert sentence_surprisal(model, ["T", TEXTS[0]], 64)["sentence"].to_list() == [TEXTS[0]]
    assert sentence_surprisal(small_model("llama", bos=True), ["T"], 64)["n_tokens"].item() == 1


def test_a_broken_weight_names_the_sentence():
    model = small_model("llama")
    with torch.no_grad():
        model.mlp_matrix(3)[0, 0] = float("nan")
    with pytest.raises(NonFiniteValue, match="Jimi Hendrix"):
        sentence_surprisal(model, TEXTS, 64)


def test_z_is_that_of_the_definition_and_high_for_what_surprises():
    values = [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 9.0]
    surprisals = {str(value): value for value in values}
    found = robust_z(surprisals, dict.fromkeys(surprisals, ("all",)))
    # by hand: median 3.75; |x - 3.75| sorted 0.25 0.25 0.75 0.75 1.25 1.25 1.75 5.25, median 1.0
    assert found == {str(value): pytest.approx((value - 3.75) / 1.4826) for value in values}
    assert max(found, key=found.get) == "9.0"
    assert found["2.0"] < 0 < found["9.0"]


def test_one_is_compared_with_its_wording_if_that_has_enough_and_else_with_its_relation():
    first = {f"a{i}": 1.0 + 0.1 * i for i in range(LEAST)}
    second = {f"b{i}": 5.0 + 0.1 * i for i in range(LEAST - 1)}
    other = {"c": 7.0}
    groups = {s: ("born first", "born") for s in first} | {
        s: ("born second", "born") for s in second
    }
    surprisals = first | second | other
    found = robust_z(surprisals, groups | {"c": ("died", "dies")})
    assert found["c"] is None  # of too few nothing is said
    assert found["a0"] == pytest.approx(-found[f"a{LEAST - 1}"])
    alone = robust_z(first, {s: ("born first",) for s in first})
    assert {s: found[s] for s in first} == alone
    together = first | second
    assert {s: found[s] for s in second} == {
        s: z
        for s, z in robust_z(together, dict.fromkeys(together, ("born",))).items()
        if s in second
    }
    shifted = robust_z(
        {s: 3 * x + 1 for s, x in first.items()}, {s: ("born first",) for s in first}
    )
    assert shifted == {s: pytest.approx(z) for s, z in alone.items()}


def test_nothing_is_said_where_half_of_a_group_is_equally_surprising():
    surprisals = {str(i): 1.0 if i < LEAST - 1 else 9.0 for i in range(LEAST)}
    assert set(robust_z(surprisals, dict.fromkeys(surprisals, ("one",))).values()) == {None}


def test_the_surprising_one_comes_first_in_the_review_and_is_counted_in_the_funnel(tmp_path):
    names = [f"Anna {letter}oda" for letter in "BCDFGLMR"]
    given = [record(i, subject=s, paraphrases=[], neighbours=[]) for i, s in enumerate(names)]
    facts, languages = facts_of(tmp_path, *given), (language("en"), language("ca"))
    asked = list_prompts(facts, "en")
    translations = translate_prompts(asked, MadeUpEngine(replace_all(INSTRUMENTS)), *languages)
    alignments = alignments_of(asked, translations)
    prompts, rejected = repair_facts(facts, asked, translations, alignments, language("ca"))
    sentences = translated_sentences(translations)
    ids, texts = sentences["prompt_id"].to_list(), sentences["sentence"].to_list()
    assert len(ids) == prompts.height == 16
    nats = {prompt: 3 + 0.1 * i for i, prompt in enumerate(ids)}
    nats |= {ids[5]: 9.0, ids[9]: 0.5}

    def reviewed(*surprisals):
        found = suspicion_table(asked, translations, prompts, *languages, *surprisals)
        return review_table(prompts, rejected, sample=0, seed=0, suspicion=found)

    review = reviewed(nats, 3.0)
    assert review["translation"].to_list() == [texts[5]]
    assert review["why"].item().split()[0] == SURPRISING
    z = robust_z(nats, dict.fromkeys(nats, ("all",)))
    assert review["surprisal_z"].item() == pytest.approx(z[ids[5]], abs=0.005)
    assert reviewed().is_empty()
    assert reviewed(nats, z[ids[5]] + 1).is_empty()
    surprising = {"ca": surprising_prompts(review)}
    funnel = funnel_table(facts, rejected, ["ca", "es"], surprising=surprising)
    counted = funnel.filter(pl.col("surprising").is_not_null())
    assert counted.select("step", "language", "surprising").rows() == [("translated", "ca", 1)]
