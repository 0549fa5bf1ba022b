"""Word vectors for simalign from any model, encoder or decoder.

simalign's own loader drops the first and last position as [CLS] and [SEP] and
tokenises words without their leading space; a decoder has neither of the two and
needs the space. `WordVectors` takes the loader's place in a `SentenceAligner`: it
tokenises whole sentences once, finds words by character offsets, and hands
simalign one vector a word.
"""

from collections.abc import Sequence
from types import SimpleNamespace

import torch
from simalign.simalign import EmbeddingLoader
from tqdm import tqdm

from memat.model.batching import pad
from memat.model.budget import trie_budget
from memat.model.prefix_trie import build_trie, trie_batches, trie_inputs


class WordVectors:
    """What `SentenceAligner` asks of its loader: `tokenizer` and `get_embed_list`."""

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
