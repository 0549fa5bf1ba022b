"""Every mapped model type: heads, deltas, corrections and export are exact."""

import pytest
import torch

from memat.edit.update import Delta, edited
from memat.errors import UnsupportedArchitecture
from memat.evaluate.export import export_model
from memat.heads.corrections import corrected_inputs
from memat.heads.deployment import corrected, correction_biases
from memat.model.architecture import architecture_of, editable_types, model_shape
from memat.model.editable import EditableModel
from memat.model.hooks import inputs_seen, outputs_seen
from memat.model.load import load_folder
from small_models import SHAPES, small_config, small_model, small_tokenizer

TYPES = sorted(SHAPES)
HEADS = [(1, 0), (1, 2), (2, 1)]


def a_batch(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, len(model.tokenizer), (3, 11), generator=generator)


def nll(logits, ids):
    """Mean NLL of each row's tokens after its first."""
    found = logits[:, :-1].double().log_softmax(-1)
    return -found.gather(2, ids[:, 1:, None]).mean((1, 2))


def some_deltas(model, layers=(0, 2)):
    d_ff = model.mlp_matrix(0).shape[1]
    generator = torch.Generator().manual_seed(1)
    return {
        layer: Delta(
            torch.randn(5, model.d_model, generator=generator),
            torch.randn(5, d_ff, generator=generator) * 0.1,
        )
        for layer in layers
    }


def some_omega(model):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(len(HEADS), model.head_dim, generator=generator, dtype=torch.float64)


def test_every_mapped_type_has_a_small_model():
    assert {name.split("-")[0] for name in SHAPES} == set(editable_types())


@pytest.mark.parametrize("name", TYPES)
def test_heads_recombine_to_the_attention_output(name):
    """W_O·concatenated heads (+ bias) is what the attention projection gives out."""
    model = small_model(name)
    for layer in range(model.n_layers):
        seen = {}
        projection = model.attention_output(layer)
        with (
            inputs_seen(projection, lambda h, s=seen: s.update(heads=h)),
            outputs_seen(projection, lambda h, s=seen: s.update(output=h)),
        ):
            model.last_hidden(a_batch(model))
        assert seen["heads"].shape[-1] == model.n_heads * model.head_dim
        weight = model.attention_matrix(layer)
        total = sum(
            seen["heads"][..., h * model.head_dim : (h + 1) * model.head_dim]
            @ weight[:, h * model.head_dim : (h + 1) * model.head_dim].T
            for h in range(model.n_heads)
        )
        if projection.bias is not None:
            total = total + projection.bias
        torch.testing.assert_close(total, seen["output"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", TYPES)
def test_a_delta_on_and_off_restores_every_bit(name, dtype):
    model = small_model(name, dtype)
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    with edited(model, some_deltas(model)):
        changed = [
            k for k, v in model.network.state_dict().items() if not torch.equal(v, before[k])
        ]
        assert len(changed) == 2
    for key, value in model.network.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", TYPES)
def test_a_delta_shifts_the_mlp_output_by_delta_times_key(name):
    model = small_model(name)
    deltas = some_deltas(model, layers=(2,))
    seen = {}

    def outputs(label):
        projection = model.mlp_output(2)
        with (
            inputs_seen(projection, lambda h: seen.update({f"key {label}": h})),
            outputs_seen(projection, lambda h: seen.update({label: h})),
        ):
            model.last_hidden(a_batch(model))

    outputs("before")
    with edited(model, deltas):
        outputs("after")
    expected = seen["before"] + seen["key before"] @ deltas[2].matrix().T
    torch.testing.assert_close(seen["after"], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TYPES)
def test_a_correction_as_hook_equals_the_folded_bias(name):
    """Eq. (6): ω added to head activations everywhere is W_O·ω as a bias; heads of a layer add up."""
    model = small_model(name, torch.float32)
    ids, omega = a_batch(model), some_omega(model).float()
    plain = model.last_hidden(ids)
    with corrected_inputs(model, HEADS, omega):
        hooked = model.last_hidden(ids)
    with corrected(model, correction_biases(model, HEADS, omega)):
        folded = model.last_hidden(ids)
    assert (hooked - plain).abs().max() > 1e-2
    torch.testing.assert_close(hooked, folded, rtol=1e-5, atol=1e-5)
    assert torch.equal(model.last_hidden(ids), plain)


@pytest.mark.parametrize("name", TYPES)
def test_the_exported_folder_loads_plainly_and_gives_the_same_output(name, tmp_path):
    model = small_model(name, torch.float32)
    ids = a_batch(model)
    with (
        edited(model, some_deltas(model)),
        corrected(model, correction_biases(model, HEADS, some_omega(model).float())),
    ):
        wanted = model.network(ids).logits
        export_model(model, tmp_path)
    loaded = load_folder(tmp_path)
    assert (model.network(ids).logits - wanted).abs().max() > 1e-2
    found = loaded.network(ids).logits
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(nll(found, ids), nll(wanted, ids), rtol=1e-5, atol=1e-5)


def test_a_sliding_window_cannot_be_exported_with_corrections(tmp_path):
    config = small_config("mistral")
    config.sliding_window = 4
    from transformers import AutoModelForCausalLM

    model = EditableModel.wrap(AutoModelForCausalLM.from_config(config), small_tokenizer())
    biases = correction_biases(model, HEADS, some_omega(model).float())
    with corrected(model, biases), pytest.raises(UnsupportedArchitecture, match="sliding window"):
        export_model(model, tmp_path)


@pytest.mark.parametrize("name", TYPES)
def test_a_norm_stands_behind_the_projection_whose_output_it_is_named_for(name):
    """What a projection gives out is what its norm, where the type has one, gets."""
    model = small_model(name)
    architecture = model.architecture
    for projection, norm in (
        (model.mlp_output(1), architecture.mlp_norm),
        (model.attention_output(1), architecture.attention_norm),
    ):
        if norm is None:
            continue
        seen = {}
        with (
            outputs_seen(projection, lambda h, s=seen: s.update(given=h)),
            inputs_seen(model.blocks[1].get_submodule(norm), lambda h, s=seen: s.update(got=h)),
        ):
            model.last_hidden(a_batch(model))
        assert torch.equal(seen["given"], seen["got"])


@pytest.mark.parametrize("name", TYPES)
def test_log_probabilities_are_those_of_a_plain_forward_pass(name):
    """Gemma 2 bounds its logits behind the output head."""
    model = small_model(name)
    found = model.log_probabilities(model.last_hidden(a_batch(model)))
    expected = model.network(a_batch(model)).logits.log_softmax(-1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_an_unknown_type_is_refused_with_those_known():
    with pytest.raises(UnsupportedArchitecture, match=r"'mamba'.*falcon.*llama"):
        architecture_of({"model_type": "mamba"})


def test_opt_with_norms_after_its_blocks_is_refused():
    with pytest.raises(UnsupportedArchitecture, match="do_layer_norm_before"):
        architecture_of({"model_type": "opt", "do_layer_norm_before": False})


def test_the_shape_is_read_from_both_spellings():
    assert model_shape({"model_type": "falcon", "n_layer": 32, "n_head": 71}) == ("falcon", 32, 71)
    config = {"model_type": "llama", "num_hidden_layers": 30, "num_attention_heads": 9}
    assert model_shape(config) == ("llama", 30, 9)
    with_images = {"model_type": "gemma3", "text_config": config}
    assert model_shape(with_images) == ("gemma3", 30, 9)
