"""The page "Should I ship this edit?": verdicts, the rule behind them, and every edit in sentences."""

from collections.abc import Iterator, Mapping, Sequence

from memat.evaluate.families import metrics_of
from memat.report.advice import (
    AHEAD,
    COST,
    ENTROPY,
    LEARNT,
    NEIGHBOURS,
    SAID,
    WORDS,
    Advice,
    Finding,
)
from memat.report.document import Block, Heading, Paragraph, Picture, Points, Table
from memat.report.headlines import Interval, listed

TITLE = "Should I ship this edit?"
PROMPTS = {"rewrite": "the edited prompts", "paraphrase": "paraphrases of them"}
PROMPTS |= {"neighborhood": "neighbours, other subjects whose answer must stay as it was"}
TEXT_MEASURES = {
    "perplexity_ratio": "how much harder the model finds ordinary text that has nothing to do with "
    "the facts: its perplexity there over that of the unedited model; 1 is no change.",
    "kl": "how far the model's predictions of the next token of that text moved from those of the "
    "unedited model, in nats a token; 0 is no change.",
}
OWN_WORDS = (
    "entropy: how little the model repeats itself where it writes freely, as entropy of the pairs and "
    "triples of words in an answer, in bits. One much lower than the unedited model's means that the "
    "edited one says the same over and over, or much less. Both are of the prompts that both answer at "
    "some length. It has no bound."
)
TEXT_SENTENCES = {
    "perplexity_ratio": "the perplexity is {} times what it was",
    "kl": "predictions moved by {} nats a token",
}
TASKS = (
    "general tasks: questions on other things than these facts, in percent right as lm-eval counts "
    "them; the change is against the unedited model on the same questions."
)
# what a model that writes freely, and one that does not, is said to do
SPOKEN = {"Writing freely, the model names the new answer": True}
SPOKEN |= {"The model's first choices, nothing written freely, are the new answer": False}
FORMS = dict.fromkeys(TEXT_MEASURES, ".4f") | {ENTROPY: ".2f"}  # of what is no percentage
# what the n of a measure counts; that of every other one, a general task's, counts questions
COUNTED = dict.fromkeys(TEXT_MEASURES, "paragraphs") | {ENTROPY: "answers"}
COUNTED |= {name: "facts" for names in (*SAID.values(), *NEIGHBOURS) for name in names}
ROW_HEADER = ("asked in", "measure", "on", "measured", "unedited", "change", "bound", "verdict")
NO_EDIT = "No experiment of this run edits the model."


def advice_page(
    advices: Sequence[Advice],
    families: Sequence[str],
    bounds: Mapping[str, float],
    confidence: float,
    names: Mapping[str, str],
    model: str,
    picture: Picture | None = None,
) -> list[Block]:
    """Blocks of the page. advices: of `memat.report.advice.advise`, with the same bounds.

    families: of the metrics measured; confidence: of the intervals; names: of the language codes;
    picture: gain against damage, None where no text was measured.
    """
    if not advices:
        return [Paragraph(NO_EDIT)]
    edits = dict.fromkeys(advice.experiment for advice in advices)
    return [
        Paragraph(
            f"The model is {model}. Below stands what each edit taught it and what it cost, in "
            "every language, first in one word each. The words follow the bounds under the table: "
            "yours may be others. They judge what was measured here, and nothing else."
        ),
        _overview(advices, names),
        Heading("What the words mean"),
        Points(tuple(_rule(bounds))),
        Heading("What the measures are"),
        Points(tuple(_measures(advices, families, confidence))),
        *([Heading("Gain against cost"), picture] if picture else []),
        *(
            block
            for edit in edits
            for block in _of_edit([a for a in advices if a.experiment == edit], names)
        ),
    ]


def _overview(advices: Sequence[Advice], names: Mapping[str, str]) -> Table:
    return Table(
        ("edit", "asked in", "learnt", "cost", "against the facts in the prompt"),
        tuple(
            (
                advice.experiment,
                names.get(advice.language, advice.language),
                advice.verdict(LEARNT),
                advice.verdict(COST),
                ", ".join(f"{c.name} {AHEAD[c.ahead]}" for c in advice.against) or "no such row",
            )
            for advice in advices
        ),
    )


def _rule(bounds: Mapping[str, float]) -> Iterator[str]:
    learnt, cost = WORDS[LEARNT], WORDS[COST]
    yield (
        f"{learnt[True]}: the model names the new answer after at least {bounds['edited']:g}% of the "
        f"edited prompts and {bounds['paraphrases']:g}% of their paraphrases, and more often than "
        f"the unedited model. {learnt[False]}: it clearly does not."
    )
    yield (
        f"{cost[True]}: neighbours lose at most {bounds['neighbours_lost']:g} points, the perplexity "
        f"of unrelated text is at most {bounds['perplexity_ratio']:g} times what it was, its KL at "
        f"most {bounds['kl']:g} nats a token, and every general task loses at most "
        f"{bounds['general_lost']:g} points, as far as they were measured. {cost[False]}: one of "
        "them is clearly more."
    )
    yield (
        "Clearly: the whole interval lies on that side of the bound. Where an interval holds the "
        f"bound, the word is {learnt[None]}: more facts would tell."
    )
    yield (
        f"On fewer than {bounds['facts']} facts, or {bounds['paragraphs']} paragraphs of text, "
        f"all is {learnt[None]}. Where all n facts do the same, the interval has no width and is taken to "
        "be 3/n wider on each side (rule of three)."
    )
    yield "The bounds are settings of yours: section ship of the config."


def _measures(
    advices: Sequence[Advice], families: Sequence[str], confidence: float
) -> Iterator[str]:
    found = {f.name for a in advices for f in (*a.learnt, *a.cost)}
    found |= {comparison.name for advice in advices for comparison in advice.against}
    for metric in metrics_of(families):
        if metric.name in found:
            yield f"{metric.name}, on {PROMPTS[metric.prompt_type]}: {metric.leaf.DESCRIPTION}."
    stand_ins = {f.name: f.stands_for for a in advices for f in (*a.learnt, *a.cost)}
    told = [f"{name} for {other}" for name, other in stand_ins.items() if other]
    if told:
        yield (
            f"No family of free answers is among summary.metrics: {listed(told)} stands in for it."
        )
    yield from (f"{name}: {text}" for name, text in TEXT_MEASURES.items() if name in found)
    if any(advice.general for advice in advices):
        yield TASKS
    if any(advice.own_words for advice in advices):
        yield OWN_WORDS
    yield f"In brackets stands the {100 * confidence:g}% interval, paired where it is of a change."


def _of_edit(advices: Sequence[Advice], names: Mapping[str, str]) -> Iterator[Block]:
    yield Heading(advices[0].experiment)
    for advice in advices:
        yield Paragraph(" ".join(_sentences(advice, names)))
    yield Table(
        ROW_HEADER,
        tuple(
            (names.get(advice.language, advice.language), *_cells(finding))
            for advice in advices
            for finding in (*advice.learnt, *advice.cost, *advice.own_words)
        ),
        ROW_HEADER[2:6],
    )


def _sentences(advice: Advice, names: Mapping[str, str]) -> Iterator[str]:
    where = names.get(advice.language, advice.language)
    edited = advice.language in advice.trained
    learnt, cost = advice.verdict(LEARNT), advice.verdict(COST)
    yield f"Asked in {where}, where {'it' if edited else 'nothing'} was edited: {learnt}; cost {cost}."
    for how, free in SPOKEN.items():
        parts = [
            f"{_percent(f.value)} of the {_asked(f)} ({f.name})"
            for f in advice.learnt
            if (f.stands_for is None) == free
        ]
        if parts:
            yield f"{how} after {' and after '.join(parts)}."
    moved = [f"{_points(finding.change)} of {finding.name}" for finding in advice.neighbours]
    if moved:
        yield f"Neighbouring facts changed by {listed(moved)}."
    moved = [TEXT_SENTENCES[f.name].format(f.value.written(".4f")) for f in advice.text]
    if moved:
        yield f"Of unrelated text in {where}, {listed(moved)}."
    for finding in advice.own_words:
        before = finding.before
        beside = "" if before is None else f", those of the unedited model {before:.2f}"
        yield f"Its free answers have {finding.value.value:.2f} bits of entropy{beside}."
    tasks = [f"{finding.name} by {_points(finding.change)}" for finding in advice.general]
    if tasks:
        yield f"General tasks changed: {listed(tasks)}."
    for baseline in dict.fromkeys(comparison.baseline for comparison in advice.against):
        told = [
            f"{c.name} {_points(c.change)}, {AHEAD[c.ahead]}"
            for c in advice.against
            if c.baseline == baseline
        ]
        yield f"Against {baseline}, where the fact stands in the prompt: {'; '.join(told)}."
    missing = [
        what
        for what, found in (
            ("the new answers", advice.learnt),
            ("neighbours", advice.neighbours),
            (f"unrelated text in {where}", advice.text),
            ("general tasks (target general)", advice.general),
        )
        if not found
    ]
    if missing:
        yield f"Not measured: {listed(missing)}."


def _cells(finding: Finding) -> Iterator[str]:
    value, change, form = finding.value, finding.change, FORMS.get(finding.name)
    yield f"{finding.name} (for {finding.stands_for})" if finding.stands_for else finding.name
    counted = COUNTED.get(finding.name, "questions")
    yield "" if value is None or value.n is None else f"{value.n} {counted}"
    yield "" if value is None else value.written(form) if form else _percent(value)
    before = finding.before
    yield "" if before is None else format(before, form) if form else f"{before:.1f}%"
    yield "" if change is None else change.written(f"+z{form or '.1f'}")
    if finding.bound is None:
        yield from ("none", "")
        return
    if any(finding.name in said for said in SAID.values()):
        yield from (f"≥ {finding.bound:g}%, change > 0", WORDS[LEARNT][finding.holds])
    else:
        yield f"≤ {finding.bound:g}" if form else f"change ≥ -{finding.bound:g}"
        yield WORDS[COST][finding.holds]


def _asked(finding: Finding) -> str:
    return "edited prompts" if finding.name in SAID["edited"] else "paraphrases"


def _percent(number: Interval) -> str:
    return number.written("z.1f", "%")


def _points(number: Interval) -> str:
    return number.written("+z.1f", " points")
