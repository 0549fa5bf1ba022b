"""A table for a person: suspicious prompts first, then one of each wording, a random sample of the
rest, the dropped ones.

A row is corrected by changing prompt and target and saving it in the corrections file
(config: repair.corrections), which the next run applies.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from memat.text.languages import Language
from memat.text.prompts import Prompt
from memat.text.suspicion import HOLE, SURPRISING, Translated, robust_z, suspicions
from memat.text.translate import translated

COLUMNS = {  # type and meaning
    "case_id": (pl.Int64, "the fact"),
    "role": (
        pl.String,
        "target_new or target_true: which of its two targets ends the sentence, a neighbour's"
        " own answer in place of the true one; answer: what a portability prompt asks for",
    ),
    "prompt_type": (pl.String, "rewrite, paraphrase, neighborhood or portability"),
    "index": (pl.Int64, "number of the prompt in its list"),
    "suspicion": (pl.Float64, "points of all reasons; empty: dropped"),
    "surprisal_z": (
        pl.Float64,
        "how many robust standard deviations the translation surprises the model more per"
        " token than the median of its wording, or of its relation; empty: nothing is known,"
        " as the language is not in review.surprisal, or too few sentences are like it",
    ),
    "why": (
        pl.String,
        "reasons to look, the reason it was dropped, `wording_of(n)` where it stands for the"
        " n prompts (whatever their answers) of its wording, or `sample`; then how its target"
        " was found",
    ),
    "source": (pl.String, "the sentence that was translated"),
    "back": (pl.String, "its translation translated back, where the translator can"),
    "translation": (pl.String, "its translation; for a dropped prompt what is known of it"),
    "prompt": (pl.String, "the repaired prompt; rewrites with {} for the subject; empty: dropped"),
    "target": (pl.String, "the repaired target; empty: dropped"),
    "subject": (pl.String, "the subject in the other language"),
}
# no call here: it would run, and count, for every script that knows a column
REVIEW_SCHEMA = {name: COLUMNS[name][0] for name in COLUMNS}
COLUMN_MEANINGS = {name: COLUMNS[name][1] for name in COLUMNS}
ORDER = ["suspicion", "case_id", "role", "prompt_type", "index"]
DESCENDING = [name == "suspicion" for name in ORDER]
SUSPICION_SCHEMA = {
    "prompt_id": pl.String,
    "suspicion": pl.Float64,
    "surprisal_z": pl.Float64,
    "why": pl.String,
    "back": pl.String,
    "wording": pl.String,  # relation and prompt without its subject, in the source language
}
# points of what the repair says of a prompt; its other flags say how a target was found
FLAG_POINTS = {"article_unsure": 2.0, "rare_target_form": 1.0}
WORTH_A_LOOK = 0.8  # as much as a sentence of which nothing comes back when translated back
SURE = 1.0  # below, one prompt of a relation stands for all with the same reasons
WORDING = "wording_of"
EMPTY = {pl.String: "", pl.Float64: None}  # a column that the rows of a part do not have
NOT_READ: Mapping[str, float] = {}
CORRECTED = ("reviewed", "follows_correction")  # the machine's translation is no more


def review_table(
    repaired: pl.DataFrame,
    rejected: pl.DataFrame,
    sample: int,
    seed: int,
    suspicion: pl.DataFrame | None = None,
    wordings: int = 0,
) -> pl.DataFrame:
    """`REVIEW_SCHEMA`: suspicious prompts, the most suspicious first, one of each wording that has none
    among them, `sample` others, the dropped.

    Of faintly suspicious ones (below `SURE`) a relation shows one prompt for equal reasons: they
    share a wording. suspicion: `SUSPICION_SCHEMA`, what the translations say; None: only the repair's
    flags count. wordings: at most so many, those of most prompts first.
    """
    if suspicion is None:
        suspicion = pl.DataFrame(schema=SUSPICION_SCHEMA)
    own = suspicion.rename({"suspicion": "points", "why": "reasons"})
    flagged = pl.col("flags").list
    prompts = repaired.join(own, on="prompt_id", how="left").with_columns(
        suspicion=pl.sum_horizontal(
            pl.col("points").fill_null(0),
            *(flagged.contains(flag).cast(pl.Float64) * n for flag, n in FLAG_POINTS.items()),
        ),
        why=pl.concat_str(
            pl.col("reasons").fill_null(""), flagged.join(" "), separator=" "
        ).str.strip_chars(),
        prompt=pl.coalesce("template", "prompt"),
    )
    alike = pl.struct("relation_id", "reasons").is_first_distinct()
    faint = prompts.filter(pl.col("suspicion").is_between(WORTH_A_LOOK, SURE, closed="left"))
    suspicious = pl.concat([prompts.filter(pl.col("suspicion") >= SURE), faint.filter(alike)])
    rest = prompts.filter(pl.col("suspicion") < WORTH_A_LOOK)
    shared = _one_of_each_wording(prompts, suspicious).head(wordings)
    rest = rest.join(shared, on="prompt_id", how="anti", maintain_order="left")
    drawn = rest.sample(min(sample, len(rest)), seed=seed).with_columns(
        why=("sample " + pl.col("why")).str.strip_chars()
    )
    dropped = rejected.filter(
        (pl.col("prompt_type") != "record")
        & (pl.col("stage") == "repair_structure")
        & pl.col("role").is_not_null()
    ).with_columns(why=pl.col("reason"), translation=pl.col("detail"))
    first, *last = (
        _columns(part).sort(ORDER, descending=DESCENDING) for part in (suspicious, drawn, dropped)
    )
    return pl.concat([first, _columns(shared), *last])


def _one_of_each_wording(prompts: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """The most suspicious prompt of each wording that several have and that is not `shown`, the
    wording of most prompts first: what is wrong in all of them is odd in none."""
    prompt = pl.struct("case_id", "prompt_type", "index")
    counted = prompts.filter(pl.col("wording").is_not_null()).with_columns(
        shared=prompt.n_unique().over("wording")
    )
    chosen = (
        counted.filter(pl.col("shared") > 1)
        .join(shown, on="wording", how="anti")
        .sort(["shared", *ORDER], descending=[True, *DESCENDING])
        .unique("wording", keep="first", maintain_order=True)
    )
    words = pl.format(WORDING + "({}) {}", "shared", "why").str.strip_chars()
    return chosen.with_columns(why=words)


def suspicion_table(
    prompts: pl.DataFrame,
    translations: pl.DataFrame,
    repaired: pl.DataFrame,
    source_language: Language,
    target_language: Language,
    surprisals: Mapping[str, float] = NOT_READ,
    least_z: float = 0,
) -> pl.DataFrame:
    """`SUSPICION_SCHEMA` of the repaired prompts that are as the machine translated them.

    surprisals: prompt_id → nats per token of its translation without the noise;
    least_z: from which z on (`memat.text.suspicion.robust_z`) a translation is flagged.
    """
    own = pl.col("flags").list.set_intersection(list(CORRECTED)).list.len() == 0
    looked_at = prompts.join(
        repaired.filter(own), on="prompt_id", how="semi", maintain_order="left"
    )
    sentences = {
        prompt.prompt_id: _translated(prompt, row, text)
        for prompt, row, text in translated(looked_at, translations)
    }
    # of each translation that the model has read, against those of its wording or relation
    groups = {s.translation: (s.group, s.relation) for s in reversed(sentences.values())}
    read = {s.translation: surprisals[key] for key, s in sentences.items() if key in surprisals}
    z = robust_z(read, groups)
    odd = {text: value for text, value in z.items() if value is not None and value >= least_z}
    flagged = [replace(s, surprisal_z=odd.get(s.translation, 0)) for s in sentences.values()]
    found = suspicions(flagged, source_language, target_language)
    table = [
        (key, suspicion.points, z.get(s.translation), " ".join(suspicion.reasons), s.back, s.group)
        for (key, s), suspicion in zip(sentences.items(), found, strict=True)
    ]
    frame = pl.DataFrame(table, schema=SUSPICION_SCHEMA, orient="row")
    return frame.with_columns(pl.col("surprisal_z").round(2))


def _translated(prompt: Prompt, row: dict, text: str) -> Translated:
    frame = prompt.prompt[prompt.core :].replace(prompt.subject or "", HOLE, 1)
    return Translated(
        source=prompt.sentence,
        translation=text,
        subject=prompt.subject,
        form=row["translated_subject"],
        target=prompt.target,
        relation=prompt.relation_id,
        group=f"{prompt.relation_id} {frame}",
        **{name: row[name] for name in ("back", "verb", "subject_as_word", "unknown")},
    )


def review_line(review: pl.DataFrame, read: bool) -> str:
    """What a review table holds, for the job's closing line; read: whether a model has read it."""
    for_wording = pl.col("why").str.starts_with(WORDING)
    suspicious = review.filter(pl.col("suspicion") >= WORTH_A_LOOK, ~for_wording).height
    unread = "" if read else "; no model has read them: the language is not in review.surprisal"
    return (
        f"{review.height} prompts to look at, {suspicious} of them suspicious,"
        f" {review.filter(for_wording).height} for all of their wording{unread}"
    )


def surprising_prompts(review: pl.DataFrame) -> int:
    """How many prompts of a review table are flagged as surprising."""
    return review.filter(pl.col("why").str.split(" ").list.contains(SURPRISING)).height


def column_table() -> pl.DataFrame:
    """What each column of the review table means."""
    return pl.DataFrame(list(COLUMN_MEANINGS.items()), schema=["column", "meaning"], orient="row")


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(EMPTY[dtype])).cast(dtype).alias(name)
        for name, dtype in REVIEW_SCHEMA.items()
    )
