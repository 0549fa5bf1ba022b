"""The neural engines on a small model trained here: SentencePiece + Marian + CTranslate2."""

import json
import random

import pytest
import sentencepiece
import torch
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

from memat.errors import ModelError, TranslationError
from memat.text.engine import make_engine
from memat.text.engines.ctranslate2 import CTranslate2Engine
from memat.text.engines.transformers import TransformersEngine
from text_samples import demo_pairs

BEAM = 4
LONGEST = 256  # tokens of a translation, as CTranslate2 has it by default
PAIRS = 40


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    """A small Marian model, trained for some seconds on sentences of the demo; its folder."""
    folder = tmp_path_factory.mktemp("marian")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pairs = demo_pairs(PAIRS)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for pair in demo_pairs(1000) for text in pair]),
        model_prefix=str(folder / "spm"),
        vocab_size=400,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))
    vocabulary = {"</s>": 0, "<unk>": 1}
    for i in range(pieces.get_piece_size()):
        vocabulary.setdefault(pieces.id_to_piece(i), len(vocabulary))
    vocabulary["<pad>"] = len(vocabulary)
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes((folder / "spm.model").read_bytes())
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    tokenizer = MarianTokenizer(
        source_spm=str(folder / "source.spm"),
        target_spm=str(folder / "target.spm"),
        vocab=str(folder / "vocab.json"),
        source_lang="en",
        target_lang="ca",
    )
    pad = vocabulary["<pad>"]
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(vocabulary),
            decoder_vocab_size=len(vocabulary),
            d_model=64,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            max_position_embeddings=512,
            activation_function="relu",
            scale_embedding=True,
            static_position_embeddings=True,
            share_encoder_decoder_embeddings=True,
            tie_word_embeddings=True,
            normalize_before=False,
            add_final_layer_norm=False,
            pad_token_id=pad,
            eos_token_id=0,
            bos_token_id=0,
            decoder_start_token_id=pad,
            forced_eos_token_id=0,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
        )
    )
    _train(model, tokenizer, pairs)
    model.generation_config.bad_words_ids = [[pad]]
    model.generation_config.max_length = LONGEST
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _train(model, tokenizer, pairs, steps=200):
    order = random.Random(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    model.train()
    for _ in range(steps):
        sources, targets = zip(*order.sample(pairs, 20), strict=True)
        batch = tokenizer(
            list(sources), text_target=list(targets), padding=True, return_tensors="pt"
        )
        labels = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
        loss = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels
        ).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():  # Marian decoders start from a zero vector, as CTranslate2 does
            model.get_input_embeddings().weight[tokenizer.pad_token_id].zero_()
    model.eval()


@pytest.fixture(scope="module")
def converted(marian, tmp_path_factory):
    """The same weights as a CTranslate2 folder with its SentencePiece model."""
    from ctranslate2.converters import TransformersConverter

    folder = tmp_path_factory.mktemp("converted") / "model"
    TransformersConverter(str(marian)).convert(str(folder))
    (folder / "spm.model").write_bytes((marian / "spm.model").read_bytes())
    return folder


def test_ctranslate2_agrees_with_beam_search_on_the_same_weights(marian, converted):
    sources = [source for source, _ in demo_pairs(PAIRS)]
    # where the model has learnt nothing the beams end in near ties, which the two libraries
    # break by different counts of a hypothesis' length: there the greedy search is compared
    unseen = ["Anna plays the.", "French is the language of.", "David.", "the the the drum"]
    for beam_size, texts in ((BEAM, sources), (1, sources + unseen)):
        settings = {"beam_size": beam_size, "batch_size": 16}
        fast = CTranslate2Engine(converted, converted / "spm.model", source_end="</s>", **settings)
        slow = TransformersEngine(str(marian), **settings)
        answers, wanted = ([t.text for t in one.translate(texts)] for one in (fast, slow))
        # of what is not learnt a translation may never end: where it is cut is each library's own
        ended = [number for number, text in enumerate(wanted) if len(text) < LONGEST // 2]
        assert {*range(len(sources))} <= {*ended}
        assert len(ended) >= len(texts) - 1
        assert [answers[i] for i in ended] == [wanted[i] for i in ended]
        # and the answers are translations, not noise
        right = sum(a == b for a, (_, b) in zip(answers, demo_pairs(PAIRS), strict=False))
        assert right > PAIRS // 4


def test_answers_do_not_depend_on_batches_or_order(converted):
    sources = [source for source, _ in demo_pairs(PAIRS)][:20]
    one = CTranslate2Engine(converted, converted / "spm.model", batch_size=1, source_end="</s>")
    many = CTranslate2Engine(converted, converted / "spm.model", batch_size=7, source_end="</s>")
    answers = one.translate(sources)
    assert [t.text for t in many.translate(sources)] == [t.text for t in answers]
    assert [t.text for t in many.translate(sources[::-1])] == [t.text for t in answers][::-1]
    assert all(t.score is not None and t.score <= 0 for t in answers)
    assert one.translate([]) == []


def settings(engine, **own):
    return {"engine": engine, "batch_size": 8, engine: own}


def test_the_config_makes_the_engines(marian, converted):
    own = {"model": str(converted), "revision": None, "spm": "spm.model", "beam_size": 2}
    assert make_engine(settings("ctranslate2", **own)).name == "ctranslate2"
    own = {"model": str(marian), "revision": None, "beam_size": 2}
    assert make_engine(settings("transformers", **own)).name == "transformers"


def test_missing_models_are_refused_by_key(converted, tmp_path):
    with pytest.raises(TranslationError, match=r"model\.bin is missing"):
        CTranslate2Engine(tmp_path, tmp_path / "spm.model")
    with pytest.raises(TranslationError, match=r"other\.model is missing"):
        CTranslate2Engine(converted, converted / "other.model")
    with pytest.raises(TranslationError, match=r"translate\.transformers\.model"):
        TransformersEngine(str(tmp_path))
    own = {"model": "nobody/nothing", "revision": None, "spm": "spm.model", "beam_size": 2}
    with pytest.raises(ModelError, match=r"translate\.ctranslate2\.model 'nobody/nothing'"):
        make_engine(settings("ctranslate2", **own))
