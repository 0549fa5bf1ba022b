"""One prompt asked of several models: what each says, and the tokens it thinks come next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import polars as pl
import torch

from memat.compare.models import CarriedFiles
from memat.edit.requests import asked_of_block
from memat.errors import ConfigError
from memat.evaluate.answers import greedy_answers, next_token_probabilities
from memat.evaluate.prompt_types import WANTED
from memat.heads.deployment import carrying
from memat.model.budget import CPU_TOKENS
from memat.model.editable import EditableModel
from memat.suggest import allowed_values

LIKELIEST = 8  # tokens of each model


@dataclass(frozen=True)
class Asked:
    """Of one model: its greedy continuation, and P of the next token, (n_vocabulary,)."""

    name: str
    says: str
    next_token: torch.Tensor


class Asking:
    """A loaded model that carries the edits of one experiment after another.

    What it carries comes off after each question; questions asked at once wait for each other.
    """

    def __init__(self, model: EditableModel, models: Sequence[CarriedFiles]):
        self.model = model
        self.models: Mapping[str, CarriedFiles] = {files.name: files for files in models}
        self._lock = Lock()

    def ask(self, prompt: str, names: Sequence[str], most_tokens: int) -> list[Asked]:
        """What each model says after a prompt, in at most `most_tokens` tokens of one sentence.

        Raises ConfigError for a name that is no model, FactError for an empty prompt.
        """
        for name in names:
            if name not in self.models:
                raise ConfigError(f"model: {allowed_values(name, self.models)}")
        asked = []
        with self._lock:
            for files in (self.models[name] for name in names):
                with carrying(self.model, files.deltas, files.corrections) as model:
                    probabilities = next_token_probabilities(model, prompt)
                    (says,) = greedy_answers(model, [prompt], CPU_TOKENS, most_tokens)
                asked.append(Asked(files.name, says, probabilities))
        return asked

    def likeliest(self, asked: Sequence[Asked]) -> list[tuple[str, list[float]]]:
        """The likeliest next tokens of each model, with P in every model; the likeliest of all
        models first."""
        places = {int(n) for one in asked for n in one.next_token.topk(LIKELIEST).indices}
        rows = [(n, [float(one.next_token[n]) for one in asked]) for n in places]
        rows.sort(key=lambda row: (-max(row[1]), row[0]))
        return [(shown_token(self.model.tokenizer.decode([n])), values) for n, values in rows]


def shown_token(text: str) -> str:
    """A token with what one does not see: ␣ for a space before it, ⏎ for the end of a line."""
    words = text.lstrip(" ")
    return ("␣" * (len(text) - len(words)) + words).replace("\n", "⏎")


def facts_of_run(
    bilingual: pl.DataFrame, blocks: pl.DataFrame, block: str, languages: Sequence[str]
) -> list[tuple[str, int]]:
    """(edited prompt with its new target, case id) of each fact of a block, once each."""
    rows = asked_of_block(bilingual, blocks, block, languages, ())
    rows = rows.filter(prompt_type="rewrite", role="target_new").unique(
        "case_id", keep="first", maintain_order=True
    )
    columns = rows.select("case_id", "prompt", "target").iter_rows()
    return [(f"{case_id} · {prompt} → {target}", case_id) for case_id, prompt, target in columns]


def prompts_of_fact(
    bilingual: pl.DataFrame, case_id: int, languages: Sequence[str]
) -> list[tuple[str, str]]:
    """(language, type, prompt and wanted target; the prompt) of everything that a fact is asked."""
    rows = bilingual.filter(
        pl.col("case_id") == case_id,
        pl.col("role") == pl.col("prompt_type").replace_strict(WANTED, default=None),
    ).sort(pl.col("language").replace_strict({code: n for n, code in enumerate(languages)}))
    columns = rows.select("language", "prompt_type", "prompt", "target").iter_rows()
    return [
        (f"{code} · {kind} · {prompt} → {target}", prompt) for code, kind, prompt, target in columns
    ]
