"""Which words of a sentence correspond to which of its translation (simalign)."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import torch
from simalign import SentenceAligner
from simalign.simalign import EmbeddingLoader
from tqdm import tqdm

from memat.errors import ModelError
from memat.model.batching import pad
from memat.model.budget import trie_budget
from memat.model.manifest import model_folder as prepared_folder
from memat.model.prefix_trie import build_trie, trie_batches, trie_inputs
from memat.text.hub import model_folder
from memat.text.prompts import Prompt
from memat.text.spans import occurrences
from memat.text.translate import translated
from memat.text.words import words_of

ALIGNMENT_SCHEMA = {
    "prompt_id": pl.String,
    "source_words": pl.List(pl.String),
    "translation_words": pl.List(pl.String),
    "pairs": pl.List(pl.Struct({"s": pl.Int64, "t": pl.Int64})),
}
METHODS = {"itermax": "i", "inter": "a", "mwmf": "m"}
PAIRS_AT_ONCE = 2048  # vectors of so many pairs are held in memory
SUBJECT_WORD = "Maria"  # a name in many languages, while the real one is set aside


class WordVectors:
    """What `SentenceAligner` asks of its loader: `tokenizer` and `get_embed_list`, from any model.

    simalign's own loader drops the first and last position as [CLS] and [SEP] and tokenises words
    without their leading space; a decoder has neither of the two and needs the space. This one
    tokenises whole sentences once, finds words by character offsets, and hands simalign one vector
    a word.
    """

    def __init__(self, loader: EmbeddingLoader, batch_size: int, causal: bool) -> None:
        self.model, self.device, self.layer = loader.emb_model, loader.device, loader.layer
        self.model.config.use_cache = False
        self.pieces = loader.tokenizer
        self.batch_size, self.causal = batch_size, causal
        # simalign asks in how many pieces a word is cut
        self.tokenizer = SimpleNamespace(tokenize=lambda word: [word])
        self._vectors: dict[tuple[str, ...], torch.Tensor] = {}
        keep_layers(self.model, self.layer)

    def prepare(self, sentences: Sequence[tuple[str, ...]]) -> None:
        """Vectors of these sentences, replacing those of the call before."""
        distinct = sorted(set(sentences), key=lambda words: sum(map(len, words)))
        encoded = [self._encode(words) for words in distinct]
        if self.causal:  # sentences that begin alike (most do) run their common prefix once
            batches = trie_batches([ids for ids, _places in encoded], trie_budget(self.model))
        else:
            numbers = list(range(len(distinct)))
            starts = range(0, len(distinct), self.batch_size)
            batches = [numbers[start : start + self.batch_size] for start in starts]
        self._vectors = {}
        for batch in tqdm(batches, desc="word vectors", unit="batch"):
            states = self._states([encoded[number][0] for number in batch])
            for number, own in zip(batch, states, strict=True):
                places = encoded[number][1]
                self._vectors[distinct[number]] = torch.stack([own[p].mean(0) for p in places])

    def get_embed_list(self, sent_batch: Sequence[Sequence[str]]) -> torch.Tensor:
        """(sentences, longest sentence, d): one vector a word, zeros after the last word."""
        vectors = [self._vectors[tuple(words)] for words in sent_batch]
        return torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)

    @torch.inference_mode()
    def _states(self, rows: list[list[int]]) -> list[torch.Tensor]:
        """Hidden states of some rows of token ids, each (n_tokens, d)."""
        if self.causal:
            trie = build_trie(rows)
            ids, mask, positions = trie_inputs(trie, self.model)
            states = self._hidden(input_ids=ids, attention_mask=mask, position_ids=positions)[0]
            return [states[path] for path in trie.paths]
        ids, mask = pad(rows, self.device)
        states = self._hidden(input_ids=ids, attention_mask=mask)
        return [states[place, : len(row)] for place, row in enumerate(rows)]

    def _hidden(self, **inputs: torch.Tensor) -> torch.Tensor:
        return (
            self.model(**inputs, output_hidden_states=True).hidden_states[self.layer].float().cpu()
        )

    def _encode(self, words: tuple[str, ...]) -> tuple[list[int], list[list[int]]]:
        """Token ids of a sentence and, for each word, the positions of its pieces."""
        # the leading space makes the first word look like any other word
        text = " " + " ".join(words)
        encoding = self.pieces(text, return_offsets_mapping=True, add_special_tokens=True)
        ids, offsets = list(encoding["input_ids"]), list(encoding["offset_mapping"])
        if offsets[0][1] > 0 and self.pieces.bos_token_id is not None:
            # the first position of a decoder is an attention sink, no word must sit there
            ids, offsets = [self.pieces.bos_token_id, *ids], [(0, 0), *offsets]
        places: list[list[int]] = []
        cursor = 0
        for word in words:
            start = text.index(word, cursor)
            cursor = start + len(word)
            places.append(
                [i for i, (a, b) in enumerate(offsets) if a < cursor and b > start] or [0]
            )
        return ids, places


def keep_layers(model: torch.nn.Module, layer: int) -> None:
    """Drop the blocks above `layer`, whose hidden states nobody asks for.

    One block more than needed is kept: the last hidden state of a decoder has
    passed its final norm, the ones before have not.
    """
    depth = model.config.num_hidden_layers
    if layer + 1 >= depth:
        return
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == depth:
                setattr(module, name, child[: layer + 1])
                model.config.num_hidden_layers = layer + 1
                return


class Aligner:
    """simalign's `SentenceAligner` with word vectors from any model.

    causal: the model is a decoder, whose words do not see what follows them.
    """

    def __init__(
        self,
        model: str | Path,
        layer: int,
        method: str = "itermax",
        batch_size: int = 32,
        revision: str | None = None,
        causal: bool = False,
    ) -> None:
        self.method = method
        try:
            self.aligner = SentenceAligner(
                model=str(model_folder(str(model), revision, "align.model")),
                token_type="word",
                matching_methods=METHODS[method],
                device="cpu",
                layer=layer,
            )
        except (OSError, ValueError) as error:
            raise ModelError(f"align.model {model}: cannot be loaded ({error})") from error
        depth = self.aligner.embed_loader.emb_model.config.num_hidden_layers
        if not 0 <= layer <= depth:
            raise ModelError(f"align.layer {layer}: {model} has hidden layers 0 to {depth}")
        self.vectors = WordVectors(self.aligner.embed_loader, batch_size, causal)
        self.aligner.embed_loader = self.vectors

    def align(
        self, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]
    ) -> list[list[tuple[int, int]]]:
        """For each (source words, translation words) its aligned positions, sorted."""
        answers = []
        with tqdm(total=len(pairs), desc="simalign", unit="pair") as progress:
            for start in range(0, len(pairs), PAIRS_AT_ONCE):
                part = pairs[start : start + PAIRS_AT_ONCE]
                self.vectors.prepare([tuple(words) for pair in part for words in pair if words])
                for source, translation in part:
                    answers.append(self._align_one(list(source), list(translation)))
                    progress.update()
        return answers

    def _align_one(self, source: list[str], translation: list[str]) -> list[tuple[int, int]]:
        if not source or not translation:
            return []
        found = self.aligner.get_word_aligns(source, translation)[self.method]
        return sorted((int(s), int(t)) for s, t in found)


def aligner_of(settings: dict, manifest: str | None) -> Aligner:
    """The aligner of a section `align`; manifest: that of the edited model, where it aligns.

    Raises ModelError(align.model).
    """
    return Aligner(
        prepared_folder(manifest) if manifest else settings["model"],
        layer=settings["layer"],
        method=settings["method"],
        batch_size=settings["batch_size"],
        revision=None if manifest else settings["revision"],
        causal=manifest is not None,
    )


def align_translations(
    prompts: pl.DataFrame, translations: pl.DataFrame, aligner: Aligner
) -> pl.DataFrame:
    """`ALIGNMENT_SCHEMA` of the prompts that have a translation, without the noise before it.

    Where the subject stands once on both sides it is one word, aligned with itself.
    Sentences that differ in nothing else are then aligned by the model only once.
    """
    rows = [
        (prompt, row["translated_subject"], _words_with_subject(prompt, row, text))
        for prompt, row, text in translated(prompts, translations)
        if text
    ]
    keys = [(tuple(source), tuple(text)) for _, _, (source, text, _) in rows]
    distinct = list(dict.fromkeys(keys))
    aligned = dict(zip(distinct, aligner.align(distinct), strict=True))
    table = []
    for (prompt, form, (source, text, named)), key in zip(rows, keys, strict=True):
        pairs = aligned[key]
        if named:
            s, t = source.index(SUBJECT_WORD), text.index(SUBJECT_WORD)
            pairs = sorted({(a, b) for a, b in pairs if a != s and b != t} | {(s, t)})
            source[s], text[t] = prompt.subject, form
        table.append((prompt.prompt_id, source, text, [{"s": s, "t": t} for s, t in pairs]))
    return pl.DataFrame(table, schema=ALIGNMENT_SCHEMA, orient="row")


def _words_with_subject(prompt: Prompt, row: dict, text: str) -> tuple[list[str], list[str], bool]:
    """Words of both sides, and whether the subject was made one word on both."""
    source = prompt.sentence
    subject, form = prompt.subject or "", row["translated_subject"] or ""
    source_parts, text_parts = _around(source, subject), _around(text, form)
    if not source_parts or not text_parts or SUBJECT_WORD in source + text:
        return words_of(source), words_of(text), False
    return (
        [*words_of(source_parts[0]), SUBJECT_WORD, *words_of(source_parts[1])],
        [*words_of(text_parts[0]), SUBJECT_WORD, *words_of(text_parts[1])],
        True,
    )


def _around(text: str, name: str) -> tuple[str, str] | None:
    """What stands before and after the only occurrence of a name."""
    places = occurrences(text, name)
    return (text[: places[0]], text[places[0] + len(name) :]) if len(places) == 1 else None
