"""Model folders that carry adapters: an adapter put on, taken off again, and shown.

Such a folder is an ordinary Hugging Face folder. Beside the model it has a folder `memat`:
`originals.safetensors`, the weights that the adapters cover, as they came, and
`adapters/<name>/`, each adapter, in `order.json` in the order in which they were put on.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from memat.editor.adapter import (
    ABOUT,
    CONFIG,
    WEIGHTS,
    matrix_checksum,
    matrix_checksums,
    read_adapter,
)
from memat.editor.layers import EditedWeights
from memat.errors import ConfigError, DamagedFile, ModelError
from memat.evaluate.export import export_model
from memat.io import atomic_path
from memat.model.editable import EditableModel
from memat.model.load import load_with_all
from memat.suggest import allowed_values
from memat.yaml_files import read_json_object

log = logging.getLogger("memat")
KEPT, ORIGINALS, ADAPTERS, ORDER = "memat", "originals.safetensors", "adapters", "order.json"


def apply_adapter(model_folder: Path, adapter: Path, new_folder: Path) -> list[str]:
    """Write the model of a folder with an adapter in its weights, above those it carries.

    The model keeps its number format. Returns the names of all adapters of the new folder, in
    order; this one's is the name of its folder. Raises ModelError (also where the adapter was made
    on other weights, neither the folder's nor those it came with), ConfigError (folder or name
    taken), UnsupportedArchitecture, DamagedFile.
    """
    adapters = carried_adapters(model_folder)
    name = adapter.resolve().name
    if name in adapters:
        raise ConfigError(
            f"{model_folder} already carries an adapter {name!r}: remove it first, or rename the"
            " folder of the new one"
        )
    return _rewrite(model_folder, {**adapters, name: adapter}, new_folder, adapter)


def remove_adapter(model_folder: Path, name: str, new_folder: Path) -> list[str]:
    """Write the model of a folder without one of its adapters.

    Its weights are those of the model as it came with the other adapters; with none left, they
    are as they came, bit for bit. Returns the names of those that are left.
    """
    adapters = carried_adapters(model_folder)
    if name not in adapters:
        raise ConfigError(f"{model_folder}: adapter {allowed_values(name, adapters)}")
    return _rewrite(
        model_folder, {n: path for n, path in adapters.items() if n != name}, new_folder
    )


def carried_adapters(model_folder: Path) -> dict[str, Path]:
    """Name → folder of the adapters that a model folder carries, in their order."""
    kept = model_folder / KEPT
    return {name: kept / ADAPTERS / name for name in _read(kept / ORDER).get("adapters", ())}


def shown(folder: Path) -> str:
    """What an adapter, or a model folder that carries some, holds: facts, layers, sizes."""
    if (folder / CONFIG).is_file():
        return _adapter_shown(folder)
    adapters = carried_adapters(folder)
    if adapters:
        came = load_file(folder / KEPT / ORIGINALS)
        came = {name: matrix_checksum(weight) for name, weight in came.items()}
        parts = [f"{name}\n{_adapter_shown(path, came)}" for name, path in adapters.items()]
        return "In the weights, in this order:\n\n" + "\n\n".join(parts)
    if about := _read(folder / ABOUT):
        return _about_shown(about)
    raise ModelError(f"{folder}: is no adapter of memat, and no model folder that memat has edited")


def require_own_folder(
    folder: str | Path, mark: str | None = None, model_folder: str | Path = ""
) -> None:
    """Raise ConfigError unless `folder` is new, empty, or (with `mark`) of an earlier call.

    mark: name of a file that every such folder has. model_folder: the folder that the model
    was loaded from, whose weights would be lost.
    """
    folder = Path(folder)
    if model_folder and folder.resolve() == Path(model_folder).resolve():
        raise ConfigError(f"{folder}: is the folder that the model was loaded from; name a new one")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a new folder")
    earlier = mark is not None and (folder / mark).is_file()
    if folder.is_dir() and any(folder.iterdir()) and not earlier:
        raise ConfigError(f"{folder}: exists and is not empty; name a new folder")


def _rewrite(
    model_folder: Path, adapters: dict[str, Path], new_folder: Path, new: Path | None = None
) -> list[str]:
    if not model_folder.is_dir():
        raise ModelError(f"{model_folder}: no such folder")
    require_own_folder(new_folder)
    model = load_with_all(model_folder, "cpu", "auto")
    _require_as_written(model, model_folder)
    kept, made_on = model_folder / KEPT / ORIGINALS, _made_on(new) if new else {}
    standing = matrix_checksums(model, map(int, made_on))
    weights = EditedWeights(model, load_file(kept) if kept.is_file() else None)
    if made_on != standing and made_on != matrix_checksums(model, map(int, made_on)):
        base = read_json_object(new / CONFIG, DamagedFile).get("base_model_name_or_path")
        raise ModelError(
            f"{new}: was made on another model ({base}): of layers {', '.join(made_on)} the"
            f" weights of {model_folder} are others"
        )
    if new and not made_on:
        log.warning("%s: does not tell the weights it was made on, so nothing was compared", new)
    weights.lay([read_adapter(model, path) for path in adapters.values()])
    export_model(model, new_folder)
    if adapters:
        _keep(weights.originals, adapters, new_folder / KEPT, model)
    return list(adapters)


def _read(path: Path) -> dict:
    return read_json_object(path, DamagedFile) if path.is_file() else {}


def _made_on(adapter: Path) -> dict[str, str]:
    """Checksums of the projections that an adapter was made on, by layer; none of PEFT's own."""
    return _read(adapter / ABOUT).get("made_on", {}).get("checksums", {})


def _require_as_written(model: EditableModel, folder: Path) -> None:
    """Raise ModelError if the weights that a folder's adapters changed were changed since."""
    written = _read(folder / KEPT / ORDER).get("weights", {})
    found = matrix_checksums(model, map(int, written))
    if changed := [layer for layer in written if found.get(layer) != written[layer]]:
        raise ModelError(
            f"{folder}: its weights of layers {', '.join(changed)} were changed after its adapters"
            " were put on, which would be lost"
        )


def _keep(
    originals: dict[str, torch.Tensor],
    adapters: dict[str, Path],
    folder: Path,
    model: EditableModel,
) -> None:
    folder.mkdir()
    with atomic_path(folder / ORIGINALS) as temporary:
        save_file({name: w.contiguous() for name, w in originals.items()}, temporary)
    for name, path in adapters.items():
        target = folder / ADAPTERS / name
        target.mkdir(parents=True)
        for file in (CONFIG, WEIGHTS, ABOUT):
            if (path / file).is_file():
                shutil.copyfile(path / file, target / file)
    with atomic_path(folder / ORDER) as temporary:
        layers = [int(name.partition(".")[2]) for name in originals if name.startswith("mlp.")]
        content = {"adapters": list(adapters), "weights": matrix_checksums(model, layers)}
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _adapter_shown(folder: Path, came: Mapping[str, str] | None = None) -> str:
    """came: checksums of the originals of the model that carries it, by name; None: it lies alone."""
    config, made_on = read_json_object(folder / CONFIG, DamagedFile), _made_on(folder)
    lines = [f"  base model   {config.get('base_model_name_or_path')}"]
    if made_on:
        told = ", ".join(f"layer {layer} {checksum[:12]}" for layer, checksum in made_on.items())
        lines.append(f"  its weights  {told}")
    if came and any(came.get(f"mlp.{layer}") != checksum for layer, checksum in made_on.items()):
        lines.append("  made on      other weights than this model came with: with earlier edits?")
    if config.get("revision"):
        lines.append(f"  revision     {config['revision']}")
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    lines.append(f"  size         {size / 1e6:.2f} MB, rank {config.get('r')} at most")
    lines.append(f"  modules      {', '.join(config.get('target_modules') or [])}")
    if about := _read(folder / ABOUT):
        lines.append(_about_shown(about))
    return "\n".join(lines)


def _about_shown(about: dict) -> str:
    lines = []
    cut = {n: e for n, e in (about.get("relative_errors") or {}).items() if e}
    if cut:
        told = ", ".join(f"layer {layer} {error:.2g}" for layer, error in cut.items())
        lines.append(f"  cut in rank  relative error: {told}")
    made = about.get("memat_provenance") or {}
    versions = ", ".join(f"{name} {v}" for name, v in (made.get("versions") or {}).items())
    lines.append(f"  made by      {', '.join(filter(None, (made.get('code'), versions)))}")
    for edit in about.get("edits") or []:
        solver = (edit.get("settings") or {}).get("solver", "")
        where = f"{', '.join(edit['languages'])}, layers {', '.join(map(str, edit['layers']))}"
        lines.append(f"  edit         {len(edit['facts'])} facts in {where}; {solver}")
        for fact in edit["facts"]:
            texts = (_text(fact[key]) for key in ("prompt", "subject", "target_new"))
            lines.append(f"    {' | '.join(texts)}")
    return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " / ".join(f"{code}: {text}" for code, text in value.items())
    return str(value)
