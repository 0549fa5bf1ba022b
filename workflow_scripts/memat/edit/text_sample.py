"""What the unedited model writes: context templates, which vary a prompt while a value or correction
is optimised, and text for the covariance. That may also be read from a file or a hub corpus.

A few times d_ff token vectors are enough for a usable second moment (FastMEMIT,
arXiv 2506.04226), so a model can be edited where no corpus is at hand.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from tqdm import tqdm

from memat.commits import full_commit
from memat.errors import FactError, NonFiniteValue
from memat.model.batching import pad
from memat.model.editable import EditableModel
from memat.model.sentences import PLAIN


@torch.no_grad()
def make_templates(model: EditableModel, openers: Sequence[str], tokens: int) -> list[str]:
    """`{}` (the plain prompt) and one template per opener in the language of the prompts, such as
    `The sky is. {}`: its greedy continuation of `tokens` tokens, then `. {}`.

    Braces the model happens to write become blanks, so that each template has one `{}`.
    Raises FactError (an opener that is longer than the model takes).
    """
    templates = [PLAIN]
    for opener in openers:
        ids = model.tokenizer(opener, return_tensors="pt")["input_ids"].to(model.device)
        model.require_positions(ids[0])
        whole = model.within_positions(ids.shape[1] + tokens, "context templates")
        grown = model.network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=whole - ids.shape[1],
            do_sample=False,
            pad_token_id=0,
        )
        text = model.tokenizer.decode(grown[0], skip_special_tokens=True)
        text = " ".join(text.replace("{", " ").replace("}", " ").split())
        templates.append(f"{text.rstrip(' .,;:')}. {PLAIN}")
    return templates


@torch.no_grad()
def sample_text(
    model: EditableModel,
    openers: Sequence[str],
    tokens: int,
    sequence_length: int,
    temperature: float,
    batch_size: int,
    seed: int,
) -> list[str]:
    """Texts of about `tokens` tokens in all, sampled from the unedited model.

    Openers take turns at the start, so several languages share the text evenly. An opener and its
    continuation of `sequence_length` tokens are cut to what the model takes.
    Raises NonFiniteValue(text), FactError (an opener that is too long).
    """
    torch.manual_seed(seed)
    begun = [model.tokenizer(opener)["input_ids"] for opener in openers]
    longest = max(begun, key=len)
    model.require_positions(longest)
    whole = model.within_positions(len(longest) + sequence_length, "sampled texts")
    new_tokens = whole - len(longest)
    n_texts = -(-tokens // new_tokens)
    starts = [begun[i % len(begun)] for i in range(n_texts)]
    texts = []
    with tqdm(total=n_texts, desc="sampled texts", mininterval=5) as progress:
        for first in range(0, n_texts, batch_size):
            # padding stands in front, so that all rows grow at the same place
            rows = [start[::-1] for start in starts[first : first + batch_size]]
            ids, mask = (part.flip(1) for part in pad(rows, model.device))
            try:
                grown = model.network.generate(
                    ids,
                    attention_mask=mask,
                    max_new_tokens=new_tokens,
                    do_sample=True,
                    temperature=temperature,
                    top_k=0,
                    pad_token_id=0,
                )
            except RuntimeError as error:
                if "probability tensor" not in str(error):
                    raise
                raise NonFiniteValue(
                    f"sampled text, batch from text {first}: the model's probabilities are not"
                    " finite: check its weights"
                ) from error
            for row, real in zip(grown, mask.sum(1).tolist(), strict=True):
                text = row[ids.shape[1] - real :]
                texts.append(model.tokenizer.decode(text, skip_special_tokens=True))
            progress.update(len(ids))
    return texts


def read_corpus(path: str | Path) -> list[str]:
    """Paragraphs of a UTF-8 text file (blank lines part them). Raises FactError(path)."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FactError(f"{path}: not a readable UTF-8 text ({error})") from error
    paragraphs = [p.strip() for p in text.split("\n\n") if p.strip()]
    if not paragraphs:
        raise FactError(f"{path}: holds no text")
    return paragraphs


def read_hub_corpus(repo: str, revision: str, subset: str | None, tokens: int) -> list[str]:
    """Texts of a hub dataset's Parquet files at a commit, until `tokens` words are read.

    subset: only files whose path starts so. Raises FactError (no such file, no `text` column),
    ModelError (no such commit).
    """
    from huggingface_hub import HfApi, hf_hub_download  # only where a hub is used

    commit = full_commit(repo, revision, "dataset")
    names = sorted(HfApi().list_repo_files(repo, repo_type="dataset", revision=commit))
    wanted = [n for n in names if n.endswith(".parquet") and n.startswith(subset or "")]
    if not wanted:
        raise FactError(f"covariance: {repo}@{revision} has no Parquet file under '{subset or ''}'")
    texts, words = [], 0
    for name in wanted:
        frame = pl.read_parquet(hf_hub_download(repo, name, repo_type="dataset", revision=commit))
        if "text" not in frame.columns:
            raise FactError(f"covariance: {repo}/{name} has no column 'text'")
        for text in frame["text"]:
            texts.append(text)
            words += len(text.split())
            if words >= tokens:
                return texts
    return texts
