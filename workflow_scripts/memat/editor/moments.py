"""The covariance of a model, made once and kept in the user's cache folder.

What is kept is named by a hash of the model's weights and of every setting that it depends on, so
that another model, text or seed has a folder of its own and nothing is ever out of date.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from platformdirs import user_cache_path
from torch import nn

from memat import io
from memat.edit.covariance import key_moments, mean_moments
from memat.edit.storage import LayerMoments
from memat.edit.text_sample import read_corpus, read_hub_corpus, sample_text
from memat.editor.settings import Settings
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import raw_bytes
from memat.text.languages import Language

log = logging.getLogger("memat")

# how the workflow cuts its jobs, and keys that it adds for each edit
NO_PART = {"shard_tokens", "protected_subjects"}


def cache_folder() -> Path:
    """$MEMAT_CACHE, or the system's folder for caches of this user ($XDG_CACHE_HOME/memat)."""
    return Path(os.environ.get("MEMAT_CACHE") or user_cache_path("memat"))


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of all weights with their names, shapes and types, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.named_parameters(), key=lambda item: item[0]):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}\0".encode())
        digest.update(raw_bytes(weight))
    return digest.hexdigest()


def moments_of(
    model: EditableModel,
    fingerprint: str,
    settings: Settings,
    languages: Sequence[Language],
    token_budget: int,
    cache: Path,
) -> LayerMoments:
    """The covariance of the edit layers of an unedited model; what the cache lacks is made.

    fingerprint: `weights_hash` of the unedited model. languages: text is sampled from their
    openers where the model is the source.
    """
    recipe = _recipe(fingerprint, settings, languages)
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]
    kept = LayerMoments(cache / "covariance" / key, settings.edit.layers)
    if missing := kept.missing():
        log.info("covariance of layers %s: made once, kept in %s", missing, kept.folder)
        provenance = Provenance("memat.Editor", recipe, "")
        found = key_moments(
            model,
            _text(model, settings, languages, kept.folder / "text.parquet", provenance),
            missing,
            tokens=settings.covariance.tokens,
            max_length=settings.covariance.sequence_length,
            token_budget=token_budget,
            rows_together=settings.covariance.batch_size,
        )
        kept.write(mean_moments([found])[0], provenance)
    return kept


def _recipe(fingerprint: str, settings: Settings, languages: Sequence[Language]) -> dict:
    """Everything that the covariance of a layer depends on."""
    chosen = settings.covariance
    recipe = {"weights": fingerprint, "covariance": chosen.model_dump(exclude=NO_PART)}
    if chosen.source == "model":
        recipe |= {"seed": settings.seed, "openers": _openers(languages)}
    if chosen.source == "text":
        recipe["text"] = io.sha256_of(chosen.path)
    return recipe


def _openers(languages: Sequence[Language]) -> list[str]:
    in_order = sorted(languages, key=lambda language: language.code)
    return [opener for language in in_order for opener in language.openers]


def _text(
    model: EditableModel,
    settings: Settings,
    languages: Sequence[Language],
    kept: Path,
    provenance: Provenance,
) -> list[str]:
    """The text that the covariance is read from; what the model wrote is kept."""
    chosen = settings.covariance
    if chosen.source == "text":
        return read_corpus(chosen.path)
    if chosen.source == "hub":
        return read_hub_corpus(chosen.path, chosen.revision, chosen.subset, chosen.tokens)
    if kept.is_file():
        return io.read_table(kept)["text"].to_list()
    # the user's own random numbers go on as if nothing had been drawn
    with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
        texts = sample_text(
            model,
            _openers(languages),
            chosen.tokens,
            chosen.sequence_length,
            chosen.temperature,
            chosen.batch_size,
            settings.seed,
        )
    io.write_table(kept, pl.DataFrame({"text": texts}), provenance)
    return texts
