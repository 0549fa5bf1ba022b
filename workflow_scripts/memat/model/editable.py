"""A causal language model, and the modules and weights that editing reads and changes."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import nn

from memat.errors import FactError, ModelError, UnsupportedArchitecture
from memat.model.architecture import Architecture, architecture_of
from memat.model.hooks import blocks_skipped, input_changed, stopping_after
from memat.model.masks import Mask, row_mask
from memat.model.products import product, use_onednn

log = logging.getLogger("memat")
QUOTED = 80  # last characters of a text in a message: contexts stand before a prompt


@dataclass(frozen=True)
class EditableModel:
    """A loaded model, its tokenizer and its architecture map.

    block_tuple_size: 0 where blocks give a tensor, else the length of their output tuple.
    """

    network: nn.Module
    tokenizer: object
    architecture: Architecture
    n_layers: int
    n_heads: int
    head_dim: int
    d_model: int
    block_tuple_size: int

    @classmethod
    def wrap(cls, network: nn.Module, tokenizer) -> "EditableModel":
        """Freeze the weights, choose the fastest products, and read the shape off the modules.

        Raises UnsupportedArchitecture(model type), ModelError (a tokenizer that does not serve).
        """
        architecture = architecture_of(network.config)
        if fault := tokenizer_fault(tokenizer, network.get_input_embeddings().num_embeddings):
            raise ModelError(f"{network.config.name_or_path or 'the model'}: its tokenizer {fault}")
        network.eval()
        network.requires_grad_(False)
        use_onednn(network)
        config = network.config.get_text_config()
        blocks = network.get_submodule(architecture.blocks)
        projection = blocks[0].get_submodule(architecture.attention_output)
        out_size, in_size = _matrix(projection, architecture).shape
        if in_size % config.num_attention_heads:
            raise UnsupportedArchitecture(
                f"model type '{config.model_type}': {in_size} attention inputs do not divide "
                f"into {config.num_attention_heads} heads"
            )
        return cls(
            network=network,
            tokenizer=tokenizer,
            architecture=architecture,
            n_layers=len(blocks),
            n_heads=config.num_attention_heads,
            head_dim=in_size // config.num_attention_heads,
            d_model=out_size,
            block_tuple_size=_block_tuple_size(network, blocks),
        )

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def dtype(self) -> torch.dtype:
        return self.network.dtype

    @property
    def text_config(self):
        """The library's config of the language model, inside that of a model with images."""
        return self.network.config.get_text_config()

    @property
    def positions(self) -> int | None:
        """How many tokens one text may have; None where the config does not say."""
        return getattr(self.text_config, "max_position_embeddings", None)

    def require_positions(self, ids: Sequence[int]) -> None:
        """Raise FactError, which quotes the text, if it has more tokens than `positions`."""
        if self.positions is not None and len(ids) > self.positions:
            text = self.tokenizer.decode(ids, skip_special_tokens=True)
            raise FactError(
                f"a text of {len(ids)} tokens ends with {text[-QUOTED:]!r}, but the model takes at most"
                f" {self.positions} tokens (max_position_embeddings in its config.json)"
            )

    def within_positions(self, tokens: int, what: str) -> int:
        """`tokens`, or as many as one text may have where these are fewer, which is logged."""
        if self.positions is None or tokens <= self.positions:
            return tokens
        log.warning("%s: %d tokens, as the model takes no more", what, self.positions)
        return self.positions

    @property
    def blocks(self) -> nn.ModuleList:
        return self.network.get_submodule(self.architecture.blocks)

    def mlp_output(self, layer: int) -> nn.Module:
        """MLP output projection of a layer; its input is MEMIT's key."""
        return self.blocks[layer].get_submodule(self.architecture.mlp_output)

    def attention_output(self, layer: int) -> nn.Module:
        """Attention output projection; its input is the concatenated heads, eq. (10)."""
        return self.blocks[layer].get_submodule(self.architecture.attention_output)

    def mlp_matrix(self, layer: int) -> torch.Tensor:
        """View of the MLP output weight as (d_model, d_ff), whatever the storage."""
        return _matrix(self.mlp_output(layer), self.architecture)

    def attention_matrix(self, layer: int) -> torch.Tensor:
        """View of the attention output weight as (d_model, n_heads * head_dim)."""
        return _matrix(self.attention_output(layer), self.architecture)

    def last_hidden(self, ids: torch.Tensor, mask: Mask | None = None, **more) -> torch.Tensor:
        """Final normed hidden states, (n_rows, n_positions, d_model); no output head.

        mask: 1 at the tokens of whole rows, 0 at padding, or a mask of `memat.model.masks`.
        """
        if not more and ids.shape[1] > (self.positions or ids.shape[1]):
            self.require_positions(ids[0 if mask is None else int(mask[:, -1].argmax())])
        if isinstance(mask, torch.Tensor) and mask.shape == ids.shape and not more:
            places = torch.arange(ids.shape[1], device=ids.device)[None]
            mask = row_mask(self.network, mask, places, places)
        return self.network.base_model(input_ids=ids, attention_mask=mask, **more).last_hidden_state

    @property
    def vocabulary_size(self) -> int:
        """Rows of the output head."""
        return len(self.network.get_output_embeddings().weight)

    def logits(self, hidden: torch.Tensor, words: slice = slice(None)) -> torch.Tensor:
        """Output head in float32 (or better), (…, n_words), of the whole vocabulary or some of it."""
        head = self.network.get_output_embeddings()
        bias = getattr(head, "bias", None)
        logits = product(hidden, head.weight[words], bias if bias is None else bias[words])
        logits = logits if logits.dtype == torch.float64 else logits.float()
        # Gemma 2 bounds its logits in its forward pass, behind the head
        cap = getattr(self.text_config, "final_logit_softcapping", None)
        return logits if cap is None else cap * (logits / cap).tanh()

    def log_probabilities(self, hidden: torch.Tensor) -> torch.Tensor:
        """Log-softmax of the logits at the given positions, (…, vocabulary)."""
        return self.logits(hidden).log_softmax(-1)


def entering_at(
    model: EditableModel, layer: int, hidden: torch.Tensor
) -> AbstractContextManager[object]:
    """Forward passes start at block `layer`, whose input is `hidden`, (n_rows, n_positions, d_model)."""
    if layer == 0:
        return input_changed(model.blocks[0], lambda _embedded: hidden)
    return blocks_skipped(model.blocks, layer, hidden, model.block_tuple_size)


def tokenizer_fault(tokenizer, words: int | None) -> str | None:
    """Why a tokenizer does not serve a model of so many `words` (rows of its embedding; None:
    unknown): offsets, words told apart, no id beyond the vocabulary. None if it does."""
    if not tokenizer.is_fast:
        return "gives no character offsets (a fast tokenizer is needed)"
    # without its files, transformers makes an empty one of the type that the config names
    word, other = (tokenizer.encode(text, add_special_tokens=False) for text in ("The", "of"))
    if word == other:
        return "does not tell words apart: are its files (tokenizer.json …) there?"
    # what is added to the vocabulary (an image's place) may lie beyond the model's words, unless
    # it begins every text
    size = tokenizer.backend_tokenizer.get_vocab_size(with_added_tokens=False)
    highest = max(size - 1, *tokenizer.encode("The"))
    if words is not None and highest >= words:
        return (
            f"gives token ids up to {highest}, but the model's vocabulary (vocab_size) has {words}"
            f" words, 0 to {words - 1}: it is another model's"
        )
    return None


def _matrix(projection: nn.Module, architecture: Architecture) -> torch.Tensor:
    return projection.weight.T if architecture.transposed else projection.weight


@torch.no_grad()
def _block_tuple_size(network: nn.Module, blocks: nn.ModuleList) -> int:
    """Whether blocks give tensors or tuples differs between types and library versions: look."""
    seen = []
    token = torch.zeros(1, 1, dtype=torch.long, device=network.device)
    with (
        blocks[0].register_forward_hook(lambda _m, _a, output: seen.append(output)),
        stopping_after(blocks[0]),
    ):
        network.base_model(input_ids=token)
    return len(seen[0]) if isinstance(seen[0], tuple) else 0
