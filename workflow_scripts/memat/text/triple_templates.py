"""The templates of a table of triples: for each relation the prompts of its facts.

    works in:
      rewrite: "{} works in"
      paraphrases: ["The workplace of {} is in"]
      neighbours:                      # true target → subjects that have it,
        Vienna: [Ada Vila, {subject: Joan Bell, answer: Rome}]   # or another answer
      portability:                     # what follows from a new target
        - prompt: "The country where {} works is"
          answers: {Paris: France, Vienna: Austria}

`neighbours` may also be a list of `{subject, answer}`: neighbours of every fact.
"""

from pathlib import Path

from memat.errors import FactError
from memat.suggest import shown
from memat.text.records import Where
from memat.yaml_files import read_yaml

NEIGHBOURS, PORTABILITY = "neighbours", "portability"
TEMPLATE_KEYS = ("rewrite", "paraphrases", NEIGHBOURS, PORTABILITY)
OF_EVERY_FACT = None  # in place of a true target
Neighbour = tuple[str, str | None]  # subject, and its answer unless that is the true target


def read_templates(path: Path) -> dict[str, dict]:
    """Relation → its checked templates.

    neighbours: true target, or `OF_EVERY_FACT` → neighbours. portability: (template, new target →
    answer) of each. Raises FactError(file, relation, key).
    """
    content = read_yaml(path, FactError)
    if not isinstance(content, dict):
        raise FactError(f"{path}: must map each relation to its templates")
    checked = {}
    for position, (relation, entry) in enumerate(content.items(), 1):
        where = Where(str(path), position, None)
        relation = where.text(str(relation), "relation")
        entry = where.mapping(entry, relation)
        where.known_keys(entry, TEMPLATE_KEYS, relation)
        rewrite = where.template(entry.get("rewrite"), f"{relation}.rewrite")
        paraphrases = where.prompts(entry.get("paraphrases"), f"{relation}.paraphrases")
        checked[relation] = {
            "rewrite": rewrite,
            "paraphrases": [
                where.template(text, f"{relation}.paraphrases[{i}]")
                for i, text in enumerate(paraphrases)
            ],
            NEIGHBOURS: _neighbours(where, entry.get(NEIGHBOURS, {}), f"{relation}.{NEIGHBOURS}"),
            PORTABILITY: [
                _portability(where, item, field)
                for item, field in where.items(entry.get(PORTABILITY), f"{relation}.{PORTABILITY}")
            ],
        }
    return checked


def _neighbours(where: Where, content: object, place: str) -> dict[str | None, list[Neighbour]]:
    if isinstance(content, list):
        listed = where.items(content, place)
        of_all = [_neighbour(where, item, field) for item, field in listed]
        for (_, field), (_, answer) in zip(listed, of_all, strict=True):
            if answer is None:
                raise where.fault(field, "a neighbour of every fact needs an answer")
        return {OF_EVERY_FACT: of_all}
    return {
        where.text(str(true), place): [
            _neighbour(where, item, field) for item, field in where.items(listed, f"{place}.{true}")
        ]
        for true, listed in where.mapping(content, place).items()
    }


def _neighbour(where: Where, item: object, place: str) -> Neighbour:
    if not isinstance(item, dict):
        return where.subject(item, place), None
    where.known_keys(item, ("subject", "answer"), place)
    subject = where.subject(item.get("subject"), f"{place}.subject")
    return subject, where.text(item.get("answer"), f"{place}.answer")


def _portability(where: Where, item: object, place: str) -> tuple[str, dict[str, str]]:
    entry = where.mapping(item, place)
    where.known_keys(entry, ("prompt", "answers"), place)
    answers = where.mapping(entry.get("answers"), f"{place}.answers")
    return where.template(entry.get("prompt"), f"{place}.prompt"), {
        where.text(str(target), f"{place}.answers"): where.text(
            answer, f"{place}.answers.{shown(target)}"
        )
        for target, answer in answers.items()
    }
