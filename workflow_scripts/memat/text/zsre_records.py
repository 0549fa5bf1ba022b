"""What a record of zsRE says, in one language: a fact, asked as questions.

    {"subject", "src", "rephrase", "alt", "answers", "loc", "loc_ans",
     "portability": {"New Question", "New Answer"}}

`alt` is the new answer, `answers` the true ones (of which the first counts; they may be left out).
"""

from memat.text.asked_facts import AskedFact, first_text, prompts_with_answers, texts
from memat.text.questions import MARKS, as_question, asked
from memat.text.records import Where

PORTABILITY_KEYS = ("New Question", "New Answer")
NEEDED = ("subject", "src", "alt")


def looks_like_zsre(record: dict) -> bool:
    return set(NEEDED) <= record.keys()


def zsre_fact(where: Where, record: dict, template: str, within: str = "") -> AskedFact:
    """A record, or the half of one whose fields are named `within` ("en."), as a fact.

    template: with which the questions of its language are asked.
    """

    def text(key: str) -> str:
        return where.subject(record.get(key), f"{within}{key}")

    question = text("src")
    mark = question[-1] if question.endswith(tuple(MARKS)) else "?"
    place = f"{within}loc"
    locality = texts(where, record.get("loc"), place)
    answer = first_text(where, record.get("loc_ans"), f"{within}loc_ans")
    portability = prompts_with_answers(
        where, record.get("portability"), f"{within}portability", PORTABILITY_KEYS
    )
    return AskedFact(
        where.case_id,
        where.position,
        text("subject"),
        asked(question, template),
        first_text(where, record.get("alt"), f"{within}alt"),
        first_text(where, record.get("answers"), f"{within}answers"),
        [asked(t, template) for t in texts(where, record.get("rephrase"), f"{within}rephrase")],
        [(as_question(prompt, template, mark), answer) for prompt in locality],
        [(asked(prompt, template), own) for prompt, own in portability],
    )
