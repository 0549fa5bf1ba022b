"""A model that takes few tokens at a time: a prompt that is too long is quoted, the rest is cut."""

import pytest
import torch

import memat
from memat.evaluate.damage import text_damage
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.model.batching import pad
from memat.model.editable import EditableModel
from small_models import small_config, small_model, small_tokenizer

POSITIONS = 44  # fewer than a sampled text of the default length
LONG = "Xiphoid zoologists quarrelled with vexed numismatists over whether {} plays the"


@pytest.fixture(params=["gpt2", "opt", "llama"])
def model(request):
    config = small_config(request.param)
    config.max_position_embeddings = POSITIONS
    fresh = small_model(request.param, torch.float32).network
    network = type(fresh)(config)
    return EditableModel.wrap(network, small_tokenizer())


def test_a_model_of_few_positions_is_edited_and_a_long_prompt_refused(model, tmp_path, caplog):
    settings = {"edit": {"layers": [1]}, "values": {"steps": 2}}
    editor = memat.Editor(model.network, model.tokenizer, settings, cache=tmp_path)
    edit = editor.edit([memat.Fact("{} plays the", "Miles Davis", "trumpet")])
    assert edit.is_applied
    assert f"sampled texts: {POSITIONS} tokens, as the model takes no more" in caplog.text
    told = rf"a text of \d+ tokens .*plays the.*, but the model takes at most {POSITIONS} tokens \(max_"
    with pytest.raises(memat.MematError, match=told):
        editor.edit([memat.Fact(LONG, "Miles Davis", "organ")])


def test_what_is_asked_is_refused_and_what_is_read_or_written_is_cut(model):
    editor = memat.Editor(model.network, model.tokenizer)
    prompt = "The capital of France is"
    assert editor.says(prompt, most_tokens=10_000)[0]  # ends where the model does
    with pytest.raises(memat.MematError, match="but the model takes at most"):
        editor.says([prompt, LONG])
    with pytest.raises(memat.MematError, match="but the model takes at most"):
        score_prompts(model, [PromptTarget(LONG, "organ")], 1024)
    ids, mask = pad([[1], model.tokenizer(LONG)["input_ids"]], "cpu")
    with pytest.raises(memat.MematError, match=r"whether {} plays the', but the"):
        model.last_hidden(ids, mask)
    damage = text_damage(model, {"en": [LONG]}, torch.no_grad(), 1024, 100)
    assert damage["n_tokens"].max() == POSITIONS - 1
