"""Values of a block from the files of its shards."""

import pytest
import torch

from memat.edit.storage import stack_values
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
    values, cases = stack_values(shards(tmp_path, 3, 2, languages=languages), n_facts)
    assert values.shape == (*languages, n_facts, 3)
    assert cases == list(range(100, 100 + n_facts))
    assert torch.equal(values[..., 0].reshape(-1, n_facts)[-1], torch.arange(n_facts).double())
