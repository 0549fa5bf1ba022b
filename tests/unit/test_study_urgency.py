"""What goes first: the rows of the table, of them the longest chains, before other reports."""

from memat.study.config import completed
from memat.study.plan import plan_study
from memat.study.urgency import CORRECTED, EDITED, LATER, NOW, SCORED, Urgency, first_rows

ROWS = [
    {"name": "unedited", "method": "unedited"},
    {"name": "memit_en", "method": "memit", "train": "en"},
    {"name": "memit_ca", "method": "memit", "train": "ca"},
    {"name": "both", "method": "memit", "train": ["en", "ca"], "combine": "joint"},
    {"name": "memat_ca_ca", "method": "memat", "train": "ca", "heads": "ca"},
    {"name": "memat_en_en", "method": "memat", "train": "en", "heads": "en"},
]
STUDY = plan_study(
    completed(
        {
            "facts": {"path": "facts.json"},
            "blocks": {"size": 12, "donor": 50, "tuning": 20},
            "experiments": ROWS,
        }
    )
)
URGENCY = Urgency(STUDY.main.rows)
TABLE = {row.name: row.model for row in STUDY.main.rows}


def edits(model):
    """Priorities of the jobs on its values and deltas."""
    values = {one.id for edit in model.edits for part in edit.parts for one in part.values}
    found = {URGENCY.of({"edit": edit.id, "block": "0"}) for edit in model.edits}
    return found | {URGENCY.of({"values": one, "shard": "0"}) for one in values}


def test_first_are_the_first_rows_then_what_has_most_stages_to_go():
    assert [row.name for row in first_rows(STUDY.main.rows)] == ["unedited", "memit_en"]
    assert edits(TABLE["memit_en"]) == {NOW}
    assert edits(TABLE["memit_ca"]) == {CORRECTED}
    assert edits(TABLE["both"]) == {EDITED}
    scores = {name: URGENCY.of({"edited": model.id}) for name, model in TABLE.items()}
    assert scores == dict.fromkeys(TABLE, SCORED) | {"unedited": NOW, "memit_en": NOW}
    assert NOW > CORRECTED > EDITED > SCORED > LATER == 0


def test_heads_of_the_first_edit_wait_for_its_scores():
    for name in ("memit_en", "memit_ca"):
        (edit,) = TABLE[name].edits
        assert URGENCY.of_heads({"edit": edit.id, "language": "en"}) == CORRECTED
    assert URGENCY.of_heads({"edit": TABLE["both"].edits[0].id}) == LATER


def test_what_only_other_reports_wait_for_comes_last():
    models = STUDY.models.values()
    others = [model for model in models if model not in TABLE.values()]
    of_table = {edit for model in TABLE.values() for edit in model.edits}
    assert any(edit not in of_table for model in others for edit in model.edits)
    for model in others:
        assert URGENCY.of({"edited": model.id}) == LATER
        for edit in set(model.edits) - of_table:
            assert URGENCY.of({"edit": edit.id}) == LATER
            assert URGENCY.of_heads({"edit": edit.id}) == LATER
