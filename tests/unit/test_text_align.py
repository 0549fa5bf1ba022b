"""simalign with a decoder: words, positions and batches, on a small random model."""

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from memat.errors import ModelError
from memat.text.align import ALIGNMENT_SCHEMA, Aligner, align_translations, keep_layers
from memat.text.prompts import PROMPT_SCHEMA
from memat.text.words import words_of

TEXTS = [
    "Toko Yasuda plays the piano.",
    "Toko Yasuda toca el piano.",
    "Anna was born in Rome, wasn't she?",
    "L'instrument d'Anna és l'orgue.",
]


def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=330,
            special_tokens=["<s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="<s>")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=330,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaModel(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=330,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    made = tokenizer()
    made.backend_tokenizer.post_processor = None
    made.save_pretrained(folder)
    return folder


def pairs_of(*texts):
    words = [words_of(text) for text in texts]
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'arpa d'Anna.", ["L'", "arpa", "d'", "Anna", "."]),
        ("Paul's piano, 'x'", ["Paul", "'s", "piano", ",", "'", "x", "'"]),
        ("gal·lès B-52 AT&T", ["gal·lès", "B-52", "AT&T"]),
        ("", []),
    ],
)
def test_words_keep_every_character_but_blanks(text, words):
    assert words_of(text) == words
    assert "".join(words_of(text)) == text.replace(" ", "")


@pytest.mark.parametrize("model", ["decoder", "encoder"])
def test_a_sentence_aligns_with_itself_word_by_word(model, request):
    aligner = Aligner(request.getfixturevalue(model), layer=2, method="inter")
    for text in TEXTS:
        words = words_of(text)
        [aligned] = aligner.align([(words, words)])
        assert aligned == [(i, i) for i in range(len(words))]


@pytest.mark.parametrize("causal", [False, True])
def test_batches_and_company_do_not_change_an_alignment(decoder, causal):
    pairs = pairs_of(*TEXTS) + pairs_of(TEXTS[3], TEXTS[0])
    together = Aligner(decoder, layer=2, batch_size=6, causal=causal).align(pairs)
    alone = Aligner(decoder, layer=2, batch_size=1)
    assert [alone.align([pair])[0] for pair in pairs] == together
    assert alone.align([([], ["a"]), (["a"], [])]) == [[], []]


@pytest.mark.parametrize("causal", [False, True])
def test_word_vectors_are_the_hidden_states_of_whole_sentences(decoder, causal):
    aligner = Aligner(decoder, layer=2, causal=causal)
    words = tuple(words_of(TEXTS[0]))
    aligner.vectors.prepare([words, (*words[:-2], "organ", ".")])
    vectors = aligner.vectors.get_embed_list([words])[0]
    pieces = tokenizer()
    ids = [pieces.bos_token_id, *pieces(" " + " ".join(words))["input_ids"]]
    model = LlamaModel.from_pretrained(decoder).eval()
    with torch.inference_mode():
        states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[2][0]
    # the pieces of each word, told by decoding them one after another
    texts = [pieces.decode([i]) for i in ids[1:]]
    position, expected = 1, []
    for word in words:
        places, text = [], ""
        while text.strip() != word:
            text += texts[position - 1]
            # a piece that is only the blank before a word says nothing about it
            places += [position] if texts[position - 1].strip() else []
            position += 1
        expected.append(states[places].mean(0))
    assert position == len(ids)
    torch.testing.assert_close(vectors, torch.stack(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [0, 1, 3, 4])
def test_dropping_later_layers_keeps_the_hidden_state(decoder, layer):
    ids = torch.arange(1, 9)[None]
    model = LlamaModel.from_pretrained(decoder).eval()
    with torch.inference_mode():
        before = model(ids, output_hidden_states=True).hidden_states[layer]
        keep_layers(model, layer)
        after = model(ids, output_hidden_states=True).hidden_states[layer]
    assert torch.equal(before, after)
    assert len(model.layers) == min(layer + 1, 4)


def test_layers_and_models_that_do_not_exist_are_refused(decoder, tmp_path):
    with pytest.raises(ModelError, match=r"align\.layer 9: .* has hidden layers 0 to 4"):
        Aligner(decoder, layer=9)
    with pytest.raises(ModelError, match=r"align\.model"):
        Aligner(tmp_path, layer=1)


def prompts_and_translations(*rows):
    """Of (prompt, target, subject, translation, its form of the subject), by the number of the row."""
    prompts = [
        dict.fromkeys(PROMPT_SCHEMA)
        | {"prompt_id": str(n), "prompt": prompt, "target": target, "subject": subject, "core": 0}
        for n, (prompt, target, subject, _, _) in enumerate(rows)
    ]
    translations = [
        {"prompt_id": str(n), "translation": text, "translated_subject": form}
        for n, (*_, text, form) in enumerate(rows)
    ]
    frame = pl.DataFrame(translations, schema_overrides={"translated_subject": pl.String})
    return (
        pl.DataFrame(prompts, schema=PROMPT_SCHEMA),
        # in another order: what belongs together is told by the id
        frame.with_columns(translation_core=pl.lit(0)).reverse(),
    )


class CountingAligner:
    """Aligns nothing; remembers what it was asked."""

    def align(self, pairs):
        self.asked = [tuple(map(tuple, pair)) for pair in pairs]
        return [[] for _ in pairs]


def test_sentences_that_differ_only_in_the_subject_are_aligned_once():
    names = ("Toko Yasuda", "Anna", "Ringo Starr", "Toko Yasuda")
    rows = [(f"{name} plays the", "piano", name, f"{name} toca el piano.", name) for name in names]
    aligner = CountingAligner()
    frame = align_translations(*prompts_and_translations(*rows), aligner)
    assert dict(frame.schema) == ALIGNMENT_SCHEMA
    assert len(aligner.asked) == 1
    assert frame["prompt_id"].to_list() == ["0", "1", "2", "3"]
    for row, name in zip(frame.iter_rows(named=True), names, strict=True):
        # the subject is one word on both sides, aligned with itself
        assert row["source_words"][0] == row["translation_words"][0] == name
        assert row["pairs"] == [{"s": 0, "t": 0}]


def test_a_subject_that_is_not_kept_once_is_no_single_word():
    row = ("Anna likes Anna", "best", "Anna", "Anna prefereix Anna.", "Anna")
    aligner = CountingAligner()
    tables = prompts_and_translations(row, ("It is", "empty", None, "", None))
    assert align_translations(*tables, aligner)["prompt_id"].to_list() == ["0"]
    assert len(aligner.asked) == 1
    assert aligner.asked[0][0] == ("Anna", "likes", "Anna", "best", ".")
