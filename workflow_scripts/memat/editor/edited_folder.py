"""Model folders that carry adapters: an adapter put on, taken off again, and shown.

Such a folder is an ordinary Hugging Face folder. Beside the model it has a folder `memat`:
`originals.safetensors`, the weights that the adapters cover, as they came, and
`adapters/<name>/`, each adapter, in `order.json` in the order in which they were put on.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from memat.editor.adapter import ABOUT, CONFIG, WEIGHTS, read_adapter, read_json_file
from memat.editor.layers import EditedWeights
from memat.editor.target_folder import require_own_folder
from memat.errors import ConfigError, ModelError
from memat.evaluate.export import export_model
from memat.io import atomic_path
from memat.model.load import load_with_all
from memat.suggest import allowed_values

KEPT, ORIGINALS, ADAPTERS, ORDER = "memat", "originals.safetensors", "adapters", "order.json"


def apply_adapter(model_folder: Path, adapter: Path, new_folder: Path) -> list[str]:
    """Write the model of a folder with an adapter in its weights, above those it carries.

    The model keeps its number format. Returns the names of all adapters of the new folder, in
    order; this one's is the name of its folder. Raises ModelError, ConfigError (folder or name
    taken), UnsupportedArchitecture, DamagedFile.
    """
    adapters = carried_adapters(model_folder)
    name = adapter.resolve().name
    if name in adapters:
        raise ConfigError(
            f"{model_folder} already carries an adapter {name!r}: remove it first, or rename the"
            " folder of the new one"
        )
    return _rewrite(model_folder, {**adapters, name: adapter}, new_folder)


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
    order = model_folder / KEPT / ORDER
    if not order.is_file():
        return {}
    names = read_json_file(order)["adapters"]
    return {name: model_folder / KEPT / ADAPTERS / name for name in names}


def shown(folder: Path) -> str:
    """What an adapter, or a model folder that carries some, holds: facts, layers, sizes."""
    if (folder / CONFIG).is_file():
        return _adapter_shown(folder)
    adapters = carried_adapters(folder)
    if adapters:
        parts = [f"{name}\n{_adapter_shown(path)}" for name, path in adapters.items()]
        return f"{len(adapters)} adapters in the weights, in this order:\n\n" + "\n\n".join(parts)
    if (folder / ABOUT).is_file():
        return _about_shown(read_json_file(folder / ABOUT))
    raise ModelError(f"{folder}: is no adapter of memat, and no model folder that memat has edited")


def _rewrite(model_folder: Path, adapters: dict[str, Path], new_folder: Path) -> list[str]:
    if not model_folder.is_dir():
        raise ModelError(f"{model_folder}: no such folder")
    require_own_folder(new_folder)
    model = load_with_all(model_folder, "cpu", "auto")
    kept = model_folder / KEPT / ORIGINALS
    weights = EditedWeights(model, load_file(kept) if kept.is_file() else None)
    weights.lay([read_adapter(model, path) for path in adapters.values()])
    export_model(model, new_folder)
    if adapters:
        _keep(weights.originals, adapters, new_folder / KEPT)
    return list(adapters)


def _keep(
    originals: dict[str, torch.Tensor],
    adapters: dict[str, Path],
    folder: Path,
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
        temporary.write_text(json.dumps({"adapters": list(adapters)}), encoding="utf-8")


def _adapter_shown(folder: Path) -> str:
    config, lines = read_json_file(folder / CONFIG), []
    modules = config.get("target_modules") or []
    lines.append(f"  base model   {config.get('base_model_name_or_path')}")
    if config.get("revision"):
        lines.append(f"  revision     {config['revision']}")
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    lines.append(f"  size         {size / 1e6:.2f} MB, rank {config.get('r')} at most")
    lines.append(f"  modules      {', '.join(modules)}")
    if (folder / ABOUT).is_file():
        lines.append(_about_shown(read_json_file(folder / ABOUT)))
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
        lines += [
            f"    {_text(fact['prompt'])} | {_text(fact['subject'])} | {_text(fact['target_new'])}"
            for fact in edit["facts"]
        ]
    return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " / ".join(f"{code}: {text}" for code, text in value.items())
    return str(value)
