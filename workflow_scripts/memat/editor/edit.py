"""One edit of a model: what it stores, and putting it on, off and away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memat.edit.solver import delta_settings, value_settings
from memat.edit.spread import spread_of
from memat.edit.step import LanguageRequests, Step, StepSettings
from memat.edit.update import Delta, DeltaSettings
from memat.edit.values import ValueSettings
from memat.editor.fact import Fact
from memat.editor.layers import Carried
from memat.editor.report import EditReport, saying

if TYPE_CHECKING:
    from memat.editor.editor import Editor
    from memat.editor.settings import Settings
    from memat.model.editable import EditableModel

FACTS_TOGETHER = 50  # in one batch of values, as in the workflow


def step_settings(
    model: EditableModel, settings: Settings, solver: str, combine: str, memory_mb: int
) -> StepSettings:
    """The settings of a user's edit as those of `memat.edit.step`, which finds its deltas."""
    spread = spread_of(settings.values.spread, model.architecture)
    values = settings.values.model_dump(exclude={"shard_size"})
    return StepSettings(
        settings.edit.layers,
        ValueSettings(**value_settings(values, solver, spread)),
        DeltaSettings(**delta_settings(settings.deltas.model_dump(), solver, spread)),
        FACTS_TOGETHER,
        memory_mb,
        combine,
    )


class Edit:
    """Facts as deltas of MLP output projections, made by `Editor.edit`, which applies it.

    facts: as given, without repeats. languages: codes. carried: what it changes. settings: plain data that it was
    made with. keys: of its facts in each edit layer, {layer: (n_rows, d_ff)}, which later edits leave
    alone. An edit is found on the model as it stood, with the edits that it carried then;
    when those come off, its own deltas stay as they are.
    """

    def __init__(
        self,
        editor: Editor,
        facts: Sequence[Fact],
        asked: Sequence[LanguageRequests],
        step: Step,
        settings: dict,
    ):
        self.facts = tuple(facts)
        self.languages = tuple(part.language.code for part in asked)
        self.carried = Carried(dict(step.deltas))
        self.keys = step.keys
        self.settings = settings
        self._editor, self._asked = editor, asked

    def __repr__(self) -> str:
        state = "applied" if self.is_applied else "not applied"
        layers = ", ".join(map(str, self.deltas))
        return (
            f"<memat.Edit of {len(self.facts)} facts in {', '.join(self.languages)},"
            f" layers {layers}, {state}>"
        )

    @property
    def deltas(self) -> Mapping[int, Delta]:
        """The update of each edit layer."""
        return self.carried.deltas

    @property
    def is_applied(self) -> bool:
        """Whether the model carries this edit now."""
        return any(edit is self for edit in self._editor.edits)

    def apply(self) -> None:
        """Put the edit on the model, above those that it carries; nothing if it carries it."""
        if not self.is_applied:
            self._editor.carry([*self._editor.edits, self])

    def remove(self) -> None:
        """Take the edit off the model; nothing if it does not carry it.

        The weights become those of the model as it came with the edits that stay; with none
        left, they are as they came, bit for bit.
        """
        self._editor.carry([edit for edit in self._editor.edits if edit is not self])

    @contextmanager
    def applied(self) -> Iterator[Edit]:
        """Within the block the model carries the edit; afterwards what it carried before."""
        with self._editor.carrying_only([*self._others(), self]):
            yield self

    @contextmanager
    def removed(self) -> Iterator[Edit]:
        """Within the block the model does not carry the edit; afterwards what it carried before."""
        with self._editor.carrying_only(self._others()):
            yield self

    def report(self) -> EditReport:
        """What the model says of the facts with this edit, beside what it says without it.

        Other edits that the model carries count in both.
        """
        with self.removed():
            before = saying(self._editor.model, self._asked)
        with self.applied():
            after = saying(self._editor.model, self._asked)
        return EditReport.of(self._asked, before, after)

    def save_adapter(self, folder: str | Path, rank: int | None = None) -> dict[int, float]:
        """Write the edit as a PEFT LoRA adapter with `memat.json`, which says what was edited.

        rank: where each layer's update is to have no higher one (several facts make one each);
        returns the relative error of each layer, 0 where nothing was cut. Other edits that the
        model carries are no part of it. Raises UnsupportedArchitecture (corrections of heads on a
        model without biases), CannotWrite(folder).
        """
        return self._editor.save_adapter(folder, [self], rank)

    def export(self, folder: str | Path) -> None:
        """Write the model with this edit, and the others that it carries, as an ordinary Hugging
        Face folder with `memat.json`, which says what was edited. Raises CannotWrite(folder)."""
        with self.applied():
            self._editor.export(folder)

    def _others(self) -> list[Edit]:
        return [edit for edit in self._editor.edits if edit is not self]
