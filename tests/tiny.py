"""The smallest world the whole workflow runs in: `python tests/tiny.py [folder]`.

Writes, below resources/cache/tiny, a facts file, its translation table, and two
randomly initialised models (Llama; Falcon in Àguila's layout) with a tokenizer
trained on those sentences. Names and targets are spelled alike in both languages,
so that even untrained embeddings align them.
"""

import csv
import json
import sys
from itertools import cycle, islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, FalconConfig, LlamaConfig, PreTrainedTokenizerFast

END = "<|end|>"
CITIES = ("Boston", "Toronto", "Milan", "Oslo", "Dublin")
COMPANIES = (
    *("Velmar", "Tornik", "Asteron", "Quillon", "Brenta", "Corvax", "Domira", "Elvane"),
    *("Fandor", "Gristal", "Halvor", "Imbrex", "Jorvik", "Kestrel", "Lumaro", "Mordane"),
    *("Norvane", "Ostrel", "Pravik", "Quorum", "Randor", "Selvik"),
)
# relation, English and Catalan rewrite, English and Catalan paraphrase
RELATIONS = (
    ("P740", "{} was founded in", "{} es va fundar a", "{} began in", "{} va començar a"),
    ("P159", "{} has its seat in", "{} té la seu a", "{} is based in", "{} es troba a"),
)
MODELS = {
    "tiny-llama": LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.2,
    ),
    # Àguila's layout: one key and value for all heads, attention and MLP side by side, no bias
    "tiny-falcon": FalconConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        multi_query=True,
        parallel_attn=True,
        new_decoder_architecture=False,
        bias=False,
        alibi=False,
        initializer_range=0.2,
    ),
}


def tiny_records() -> tuple[list[dict], dict[str, str]]:
    """CounterFact records, and the Catalan of every sentence they give."""
    records, catalan = [], {}
    for case_id, company in enumerate(COMPANIES):
        relation, *prompts = RELATIONS[case_id % len(RELATIONS)]
        targets = list(islice(cycle(CITIES), case_id, case_id + 2))
        others = [COMPANIES[(case_id + step) % len(COMPANIES)] for step in (2, 4)]
        records.append(
            {
                "case_id": case_id,
                "requested_rewrite": {
                    "prompt": prompts[0],
                    "relation_id": relation,
                    "subject": company,
                    "target_new": {"str": targets[0]},
                    "target_true": {"str": targets[1]},
                },
                "paraphrase_prompts": [prompts[2].format(company)],
                "neighborhood_prompts": [prompts[0].format(other) for other in others],
            }
        )
        for target in targets:
            catalan[f"{target}."] = f"{target}."  # targets are also looked up alone
            for english, translated in (prompts[:2], prompts[2:]):
                for name in (company, *others):
                    sentence = f"{english.format(name)} {target}."
                    catalan[sentence] = f"{translated.format(name)} {target}."
    return records, catalan


def write_tiny_facts(folder: Path) -> None:
    """facts.json, tuning_ids.txt, translations.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    records, catalan = tiny_records()
    (folder / "facts.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    (folder / "tuning_ids.txt").write_text("18\n19\n20\n21\n", encoding="utf-8")
    with open(folder / "translations.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "translation"])
        writer.writerows(catalan.items())


def write_tiny_model(folder: Path, name: str) -> None:
    """A Hugging Face folder with one of `MODELS` and its tokenizer."""
    tokenizer = _tokenizer()
    config = MODELS[name]
    config.vocab_size = len(tokenizer)
    config.bos_token_id = config.eos_token_id = tokenizer.eos_token_id
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> PreTrainedTokenizerFast:
    _, catalan = tiny_records()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [*catalan, *catalan.values()],
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=[END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def write_tiny_world(folder: Path) -> None:
    """Everything configs/tiny.yaml names, below `folder`."""
    write_tiny_facts(folder)
    for name in MODELS:
        write_tiny_model(folder / name, name)


if __name__ == "__main__":
    write_tiny_world(Path(sys.argv[1] if len(sys.argv) > 1 else "resources/cache/tiny"))
