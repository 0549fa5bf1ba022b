"""Values of a block from the files of its shards."""

import pytest
import torch

from memat.edit.storage import stack_languages, stack_values
from memat.errors import DamagedFile
from memat.provenance import Provenance
from memat.tensors import write_tensors

MADE = Provenance("optimise_values", {}, "tag")


def shards(folder, *sizes, languages=()):
    """Files of values whose entries are the number of their fact; case ids are 100 and up."""
    paths, first = [], 0
    for number, size in enumerate(sizes):
        facts = torch.arange(first, first + size)
        z = facts[:, None].double().expand(*languages, size, 3)
        paths.append(str(folder / f"values_{number}.safetensors"))
        write_tensors(paths[-1], {"z": z.contiguous(), "case_ids": 100 + facts}, MADE)
        first += size
    return paths


@pytest.mark.parametrize("languages", [(), (2,)])
@pytest.mark.parametrize("n_facts", [1, 3, 4, 5])
def test_a_set_takes_the_first_facts_of_its_block_in_order(tmp_path, languages, n_facts):
    cases = range(100, 100 + n_facts)
    values = stack_values(shards(tmp_path, 3, 2, languages=languages), cases)
    assert values.shape == (*languages, n_facts, 3)
    assert torch.equal(values[..., 0].reshape(-1, n_facts)[-1], torch.arange(n_facts).double())


@pytest.mark.parametrize("layers", [(), (4,)])
def test_stacked_languages_give_the_facts_that_have_all_of_them(tmp_path, layers):
    english = shards(tmp_path, 3, 2, 0, languages=layers)
    catalan = shards(tmp_path / "ca", 2, 2, 1, languages=layers)
    values = stack_languages([*english, *catalan], 2, [101, 102, 104])
    assert values.shape == (*layers, 2, 3, 3)
    assert values[..., 0].reshape(-1, 3).tolist() == [[1, 2, 4]] * 2 * (layers or (1,))[0]


def test_a_shard_behind_the_last_fact_has_no_layers(tmp_path):
    paths = shards(tmp_path, 3, languages=(4,))
    empty = str(tmp_path / "empty.safetensors")
    write_tensors(empty, {"z": torch.zeros(0, 3), "case_ids": torch.zeros(0).long()}, MADE)
    assert stack_values([*paths, empty], [100, 101, 102]).shape == (4, 3, 3)


@pytest.mark.parametrize("cases", [[100, 102, 101], [100, 107]])
def test_values_of_other_facts_or_in_another_order_are_refused(tmp_path, cases):
    with pytest.raises(DamagedFile, match="not those of the block"):
        stack_values(shards(tmp_path, 3, 2), cases)
