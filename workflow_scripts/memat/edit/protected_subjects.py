"""Which subjects an edit protects: neither edited by its set of facts nor asked about there.

Names are compared in every language of the run, without what writing them differently changes;
what is left out is listed with its reason.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from memat.csv_files import read_csv_rows
from memat.errors import ConfigError, NotEnoughFacts
from memat.fact_sets import DONOR, TUNING
from memat.model.sentences import PLAIN, EditRequest
from memat.suggest import allowed_values, shown

LIST_KEY = "covariance.protected_subjects.path"  # of a user's own list

# number: case id of a fact, or line of a user's file (`origin`: donor, tuning or list)
PROTECTED_SCHEMA = {
    "origin": pl.String,
    "number": pl.Int64,
    "language": pl.String,
    "subject": pl.String,
    "template": pl.String,
    "target": pl.String,
    "joined": pl.Boolean,
}
LEFT_OUT_SCHEMA = {
    **{name: PROTECTED_SCHEMA[name] for name in ("origin", "number", "language", "subject")},
    "reason": pl.String,
    "detail": pl.String,
}
EDITED, NEIGHBOUR, IN_PROMPT = "edited", "neighbour", "in_prompt"
REPEATED, OTHER_LANGUAGE = "repeated", "left_out_in_another_language"
WORD = re.compile(r"\w+")


def name_words(text: str) -> tuple[str, ...]:
    """The words of a name or prompt without case, accents and punctuation marks."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(letter)
    )
    return tuple(WORD.findall(plain))


def subjects_of_facts(bilingual: pl.DataFrame, blocks: pl.DataFrame, block: str) -> pl.DataFrame:
    """`PROTECTED_SCHEMA`: the rewrite prompts, in every language, of the donor and tuning facts.

    bilingual: `memat.text.gender.BILINGUAL_SCHEMA`. blocks: case_id, block. block: the whole set
    that is edited, whose own facts are no candidates.
    """
    others = [name for name in (DONOR, TUNING) if name != block]
    members = blocks.filter(pl.col("block").is_in(others))
    rows = bilingual.filter(prompt_type="rewrite", role="target_new").join(members, on="case_id")
    named = rows.rename({"block": "origin", "case_id": "number"})
    return named.select(PROTECTED_SCHEMA.keys()).cast(PROTECTED_SCHEMA)


def choose_protected(
    candidates: pl.DataFrame, bilingual: pl.DataFrame, blocks: pl.DataFrame, block: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The candidates (`PROTECTED_SCHEMA`) that an edit of a whole set protects, and the others
    with reason and detail (`LEFT_OUT_SCHEMA`).

    A candidate is left out in all languages if its name in one of them is, in any language, that
    of an edited subject, that of an evaluated neighbour, or stands in a prompt about anything else
    than an edited fact (of a neighbour, or of portability). Of equal texts up to the subject one
    counts.
    Raises NotEnoughFacts(block) if none is left.
    """
    held = bilingual.join(blocks.filter(block=block), on="case_id")
    names = {name_words(name) for name in candidates["subject"]}
    of_fact = pl.col("prompt_type").is_in(["rewrite", "paraphrase"])
    taken = dict(_in_prompts(held.filter(~of_fact), names))
    taken |= dict(_subjects(held.filter(~of_fact), NEIGHBOUR, "prompt"))
    taken |= dict(_subjects(held.filter(of_fact), EDITED, "case_id"))
    kept, left_out, seen = [], [], {}
    for _, forms in candidates.group_by("origin", "number", maintain_order=True):
        own = [(row, taken.get(name_words(row["subject"]))) for row in forms.iter_rows(named=True)]
        lost = next((why for _, why in own if why), None)
        for row, why in own:
            text = (row["language"], row["template"].split(PLAIN)[0], row["subject"])
            if not lost and text not in seen:
                seen[text] = f"{row['origin']} {row['number']}"
                kept.append(row)
                continue
            other = (OTHER_LANGUAGE, lost[1]) if lost else (REPEATED, seen[text])
            reason, detail = why or other
            left_out.append(row | {"reason": reason, "detail": detail})
    if not kept:
        raise NotEnoughFacts(
            f"block {block}: no subject is left to protect; of {candidates.height} prompts of the"
            " candidates all ask about a subject that is edited or evaluated in it"
        )
    return (
        pl.DataFrame(kept, schema=PROTECTED_SCHEMA),
        pl.DataFrame(left_out, schema=LEFT_OUT_SCHEMA),
    )


def protected_requests(
    subjects: pl.DataFrame, languages: Sequence[str]
) -> dict[str, list[EditRequest]]:
    """Language → the requests whose keys are protected, for the languages that have any."""
    columns = ("number", "template", "subject", "target", "joined")
    found = {code: subjects.filter(language=code).select(columns).rows() for code in languages}
    return {code: [EditRequest(*row) for row in rows] for code, rows in found.items() if rows}


Taken = Iterator[tuple[tuple[str, ...], tuple[str, str]]]


def _subjects(asked: pl.DataFrame, reason: str, detail: str) -> Taken:
    """Name of each subject of some prompts → reason and detail."""
    rows = asked.filter(pl.col("subject").is_not_null()).select("subject", detail)
    for name, what in rows.unique(maintain_order=True).iter_rows():
        yield name_words(name), (reason, str(what))


def _in_prompts(asked: pl.DataFrame, names: set[tuple[str, ...]]) -> Taken:
    """Names that stand in a prompt as whole words: its subject may not be told."""
    lengths = {len(name) for name in names}
    for prompt in asked["prompt"].unique(maintain_order=True):
        words = name_words(prompt)
        for length in lengths:
            for start in range(len(words) - length + 1):
                if (run := words[start : start + length]) in names:
                    yield run, (IN_PROMPT, prompt)


def read_subject_list(path: str | Path, languages: Sequence[str]) -> pl.DataFrame:
    """A user's own list, a text with a subject a line or a CSV, as `PROTECTED_SCHEMA`.

    A subject without a template stands alone (`{}`), one without a language is protected in each
    of `languages`. Raises ConfigError(key, file, line) for a file that cannot be read, an empty
    subject, a template without exactly one `{}`, and a language that is none of the run.
    """
    rows = []
    for line, cells in _lines(path):
        fault = _fault(cells, languages)
        if fault:
            raise ConfigError(f"{LIST_KEY}: {path}: line {line}: {fault}")
        for code in [cells["language"]] if cells["language"] else languages:
            template = cells["template"] or PLAIN
            rows.append(("list", line, code, cells["subject"], template, "", False))
    if not rows:
        raise ConfigError(f"{LIST_KEY}: {path}: holds no subject")
    return pl.DataFrame(rows, schema=PROTECTED_SCHEMA, orient="row")


def _lines(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of each line with its subject, template and language, empty where it has none."""
    if Path(path).suffix.lower() == ".csv":
        for line, row in read_csv_rows(path, ("subject",), ConfigError, ",;\t"):
            wanted = ("subject", "template", "language")
            yield line, {name: (row.get(name) or "").strip() for name in wanted}
        return
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{LIST_KEY}: {path}: cannot be read as UTF-8 text ({error})") from error
    for line, text in enumerate(lines, start=1):
        if text.strip():
            yield line, {"subject": text.strip(), "template": "", "language": ""}


def _fault(cells: dict[str, str], languages: Sequence[str]) -> str | None:
    if not cells["subject"]:
        return "subject: must not be empty"
    if PLAIN in cells["subject"]:
        return f"subject: must not hold '{{}}': {shown(cells['subject'])}"
    if cells["template"] and cells["template"].count(PLAIN) != 1:
        return f"template: must have exactly one '{{}}', found {shown(cells['template'])}"
    if cells["language"] and cells["language"] not in languages:
        return f"language: {allowed_values(cells['language'], languages)}"
    return None
