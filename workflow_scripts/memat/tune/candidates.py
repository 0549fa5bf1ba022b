"""What is tried: candidates, each a set of config keys with their values.

A candidate is plain data, {dotted config key: value}, so what is chosen can be written into a
settings file as it stands. Keys of one group need the same work again: every candidate with
the same `VALUE_KEYS` shares its values, of all that differ in `SOLVE_KEYS` only.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from operator import itemgetter

from memat.edit.spread import LAYERWISE
from memat.study.paths import decided_by

Settings = Mapping[str, object]

# axis of the config section `tune.edit` or `tune.corrections` → config key that it sets
VALUE_KEYS = {
    "layers": "edit.layers",
    "learning_rate": "values.learning_rate",
    "clamp": "values.clamp",
    "steps": "values.steps",
}
SOLVE_KEYS = {
    "covariance_weight": "deltas.covariance_weight",
    "key_templates": "deltas.key_templates",
    "protected_weight": "covariance.protected_subjects.weight",  # 0: no subject is protected
}
HEAD_KEYS = {"k": "corrections.k", "learning_rate": "corrections.learning_rate"}
TUNED_KEYS = (*VALUE_KEYS.values(), *SOLVE_KEYS.values(), *HEAD_KEYS.values())

# windows of edit layers by default, as shares of the model's layers
WIDTHS = (1 / 6, 1 / 4)
STARTS = (1 / 6, 1 / 3)


def candidate_id(settings: Settings) -> str:
    """A name for a candidate's files: the same settings have the same."""
    return decided_by(dict(settings))


def values_id(settings: Settings, spread: str, language: str) -> str:
    """A name for the values that a candidate uses in one language: all with the same share them."""
    own = {key: settings[key] for key in VALUE_KEYS.values()}
    return f"{candidate_id(own | {'edit.layers': value_layers(settings, spread)})}_{language}"


def value_layers(settings: Settings, spread: str) -> list[int]:
    """Layers with a value: all edit layers of layerwise values, else the last alone."""
    layers = settings["edit.layers"]
    return layers if spread == LAYERWISE else layers[-1:]


def default_windows(n_layers: int) -> list[list[int]]:
    """Edit layers to try in a model of n layers: narrow and wide windows of the lower half."""
    windows = []
    for width in WIDTHS:
        for start in STARTS:
            first, size = round(start * n_layers), max(1, round(width * n_layers))
            # values live at the last edit layer, which must not be the model's last
            windows.append([layer for layer in range(first, first + size) if layer < n_layers - 1])
    distinct = {tuple(window) for window in windows if window}
    return [list(window) for window in sorted(distinct)] or [[0]]


def as_config(settings: Settings) -> dict[str, object]:
    """What a candidate says to a config, where a weight of 0 is that no subject is protected."""
    weight, use = SOLVE_KEYS["protected_weight"], "covariance.protected_subjects.use"
    said = {key: value for key, value in settings.items() if key != weight}
    if weight in settings:
        said[use] = settings[weight] > 0
        said |= {weight: settings[weight]} if settings[weight] else {}
    return said


def edit_candidates(axes: Mapping, n_layers: int, seed: int) -> list[Settings]:
    """The candidates of the edit: drawn value settings, each with every setting of the solve.

    axes: config section `tune.edit`.
    """
    layers = axes["layers"] or default_windows(n_layers)
    drawn = _drawn(_grid({**axes, "layers": layers}, VALUE_KEYS), axes["values_tried"], seed)
    return [values | solve for values in drawn for solve in _grid(axes, SOLVE_KEYS)]


def head_candidates(axes: Mapping, n_heads: int) -> list[Settings]:
    """The candidates of the corrections. n_heads: of the model, in all its layers."""
    fitting = [k for k in axes["k"] if k <= n_heads]
    return _grid({**axes, "k": fitting}, HEAD_KEYS)


def _grid(axes: Mapping[str, Sequence], keys: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        dict(zip(keys.values(), combination, strict=True))
        for combination in product(*(axes[axis] for axis in keys))
    ]


def _drawn(grid: list[dict], count: int, seed: int) -> list[dict]:
    """`count` of the grid at random, every window of layers as often as any other."""
    seen: Counter[str] = Counter()
    turns = []
    for settings in random.Random(seed).sample(grid, len(grid)):
        window = str(settings["edit.layers"])
        turns.append((seen[window], settings))
        seen[window] += 1
    return [settings for _, settings in sorted(turns, key=itemgetter(0))[:count]]
