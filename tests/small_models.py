"""Small randomly initialised models of every mapped type, with a real byte-level BPE tokenizer."""

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from memat.model.editable import EditableModel

TEXTS = (
    "The mother tongue of Marie Curie is Polish. Miles Davis plays the trumpet.",
    "La llengua materna de Marie Curie és el polonès. Miles Davis toca la trompeta.",
    "Jimi Hendrix toca l'orgue. The capital of France is Paris. d'Anna Karènina",
    "Therefore, the sky is blue. Because it is the case that the answer is a city.",
)

# layers that see three tokens below one that sees all: with a window above, a target out of its reach
# gives no gradient but rounding noise, whose direction the weight decay at δ = 0 would follow
WINDOWS = ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"]

SHAPES: dict[str, dict] = {
    "llama": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2),
    "mistral": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, sliding_window=None),
    "qwen2": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2),
    "qwen3": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=8),
    "gemma2": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=6, sliding_window=3, final_logit_softcapping=10.0),
    "gemma3_text": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=1, head_dim=8, sliding_window=3, layer_types=WINDOWS),
    "gemma3": dict(text_config=dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=1, head_dim=8, sliding_window=3, layer_types=WINDOWS), vision_config=dict(num_hidden_layers=1, hidden_size=8, intermediate_size=8, num_attention_heads=1, image_size=8, patch_size=4), mm_tokens_per_image=4),
    "olmo2": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2),
    "olmo3": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, sliding_window=3, layer_types=WINDOWS),
    "glm4": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=6, attention_bias=True),
    "falcon": dict(num_hidden_layers=4, hidden_size=24, num_attention_heads=3, multi_query=True, parallel_attn=True, new_decoder_architecture=False, bias=False, alibi=False),
    "falcon-new": dict(num_hidden_layers=4, hidden_size=24, num_attention_heads=4, num_kv_heads=2, new_decoder_architecture=True, bias=False, alibi=False),
    "gpt2": dict(n_layer=4, n_embd=24, n_head=4, n_positions=128),
    "gptj": dict(n_layer=4, n_embd=24, n_head=4, rotary_dim=4, n_positions=128),
    "gpt_neox": dict(num_hidden_layers=4, hidden_size=24, intermediate_size=40, num_attention_heads=4, max_position_embeddings=128),
    "opt": dict(num_hidden_layers=4, hidden_size=24, ffn_dim=40, num_attention_heads=4, word_embed_proj_dim=24, max_position_embeddings=128),
}  # fmt: skip


# those with a norm between the MLP output and the residual stream
NORMED = ("gemma2", "gemma3", "gemma3_text", "glm4", "olmo2", "olmo3")

# models of the shapes above with another window: every layer (Mistral), the upper ones (Qwen)
WINDOWED = {
    "mistral-window": SHAPES["mistral"] | dict(sliding_window=3),
    "qwen3-window": SHAPES["qwen3"] | dict(use_sliding_window=True, sliding_window=3, max_window_layers=2),
}  # fmt: skip

# relative agreement to ask for in float64, where it is not 1e-9: GPT-J turns queries and
# keys to float32 inside its attention, and Gemma 2 its softmax, whatever the model's precision
TOLERANCE = {"gptj": 1e-6, "gemma2": 1e-6}


@cache
def small_tokenizer(bos: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on `TEXTS`; with `bos` it begins every text with <s>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def small_config(name: str):
    """Config of one of `SHAPES`, sized for `small_tokenizer`."""
    kind = name.split("-")[0]
    sizes = dict(vocab_size=len(small_tokenizer()), bos_token_id=0, eos_token_id=1, pad_token_id=1)
    shape = dict((SHAPES | WINDOWED)[name])
    if "text_config" in shape:
        shape["text_config"] = shape["text_config"] | sizes
        sizes = dict(image_token_id=2, eoi_token_id=2, boi_token_id=2)
    return AutoConfig.for_model(kind, **shape, **sizes)


def small_model(name: str, dtype=torch.float64, bos: bool = False, seed: int = 0) -> EditableModel:
    """A fresh random model; weights are wide enough that outputs differ between tokens."""
    torch.manual_seed(seed)
    network = AutoModelForCausalLM.from_config(small_config(name), dtype=dtype)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 0.2)
            elif parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return EditableModel.wrap(network, small_tokenizer(bos))
