"""A model that is edited from Python."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from memat import io
from memat.edit.solver import DEFAULT, load_solver, stepwise_fault
from memat.edit.step import LanguageRequests, edit_step
from memat.edit.text_sample import make_templates
from memat.editor.adapter import ABOUT, WEIGHTS, write_adapter
from memat.editor.edit import Edit, step_settings
from memat.editor.edited_folder import require_own_folder
from memat.editor.fact import Fact, check_facts, edit_requests, without_repeats
from memat.editor.layers import EditedWeights, added_up
from memat.editor.moments import cache_folder, moments_of, weights_hash
from memat.editor.report import MOST_TOKENS
from memat.editor.settings import Settings, complete_settings, read_settings, settings_file
from memat.editor.sources import find_model
from memat.errors import ConfigError, LanguageError
from memat.evaluate.answers import greedy_answers
from memat.evaluate.export import export_model
from memat.model.budget import CPU_TOKENS, token_budget
from memat.model.editable import EditableModel
from memat.model.load import load_with_all, require_loadable
from memat.provenance import Provenance, recorded_versions
from memat.resource_folders import resource_folder
from memat.study.models import default_combine
from memat.suggest import allowed_values
from memat.text.languages import Language, load_language
from memat.version import __version__

log = logging.getLogger("memat")


class Editor:
    """A loaded model, its settings, and the edits that it carries.

    network, tokenizer: those of transformers, with the edits in the weights: use them as ever.
    settings: `memat.Settings`; settings_from: where they come from, in words.
    edits: those that the model carries, in the order in which they were put on.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        tokenizer,
        settings: Mapping | str | Path | None = None,
        *,
        name: str | None = None,
        origin: dict | None = None,
        cache: str | Path | None = None,
        memory_mb: int | None = None,
    ):
        """network: a causal language model of transformers; its weights are frozen.

        settings: a mapping of sections, or a YAML file; None: those that come with the library
        for a model of this name, or defaults by its size. cache: folder for what is computed
        once per model; None: `$MEMAT_CACHE` or the user's cache folder. memory_mb: for batches;
        None: what is free. Raises ConfigError, UnsupportedArchitecture, ModelError (a tokenizer
        that does not serve).
        """
        self.model = EditableModel.wrap(network, tokenizer)
        self.network, self.tokenizer = network, tokenizer
        self.origin = origin or {}
        self._cache = Path(cache) if cache else cache_folder()
        self._memory_mb = memory_mb
        self.settings, self.settings_from = self._find_settings(settings, name)
        log.warning("settings: %s", self.settings_from)
        self._weights = EditedWeights(self.model)
        self._templates: dict[str, list[str]] = {}
        self._fingerprint: str | None = None
        self.edits: tuple[Edit, ...] = ()

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "float32",
        settings: Mapping | str | Path | None = None,
        cache: str | Path | None = None,
        memory_mb: int | None = None,
    ) -> "Editor":
        """Load a model: a folder, a model whose source comes with the library, or a hub id.

        revision: commit of a hub id. device: `auto` (CUDA if there is one), or torch's name of
        one. dtype: float32, bfloat16 or float64. The rest as for `Editor`.
        Raises ModelError, UnsupportedArchitecture, ConfigError.
        """
        found = find_model(path_or_id, revision, Path(cache) if cache else cache_folder())
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        require_loadable(device, dtype)
        loaded = load_with_all(found.folder, device, dtype)
        return cls(
            loaded.network,
            loaded.tokenizer,
            settings,
            name=found.name,
            origin=found.origin,
            cache=cache,
            memory_mb=memory_mb,
        )

    def edit(
        self,
        facts: Sequence[Fact],
        languages: Sequence[str] = ("en",),
        *,
        solver: str = DEFAULT,
        combine: str | None = None,
        keep_earlier: bool = True,
    ) -> Edit:
        """Store facts in the weights, above the edits that the model carries already.

        facts: one that repeats an earlier one is left out, and one that contradicts it refused.
        languages: codes of languages whose prompts the edit is found with, or language files.
        solver: memit, alphaedit, emmet or pmet. combine: how several languages become one edit,
        `joint` (the default), `sum` (that of pmet) or `stacked`. keep_earlier: what the model says of the facts of the edits that
        it carries is to stay, so their keys are a term of the solve; False solves as if there were
        none. The first call makes the covariance; the cache keeps it.
        Raises FactError, LanguageError, ConfigError, NonFiniteValue; the model is then as before.
        """
        check_facts(facts)
        load_solver(solver)
        combine = combine or default_combine(solver)
        layers = self.settings.edit.layers if self.edits and keep_earlier else ()
        earlier = {n: torch.cat([edit.keys[n] for edit in self.edits]) for n in layers}
        if earlier and (fault := stepwise_fault(solver)):
            raise ConfigError(f"solver: {fault}; or keep_earlier=False")
        known = [load_language(_language_file(code)) for code in _distinct(languages)]
        requests = [edit_requests(facts, language) for language in known]
        kept = without_repeats(requests)
        facts = [facts[number] for number in kept]
        requests = [[of_language[number] for number in kept] for of_language in requests]
        with self.carrying_only([]):
            asked = [
                LanguageRequests(language, of_language, self._contexts(language))
                for language, of_language in zip(known, requests, strict=True)
            ]
            covariance = self._covariance(known)
        how = step_settings(self.model, self.settings, solver, combine, self._memory())
        step = edit_step(self.model, asked, covariance, how, earlier=earlier)
        made_with = {"solver": solver, "combine": combine, "keep_earlier": keep_earlier}
        edit = Edit(self, facts, asked, step, made_with | self.settings.model_dump())
        edit.apply()
        return edit

    def carry(self, edits: Sequence[Edit]) -> None:
        """Make these the edits that the model carries, in this order."""
        self.edits = ()
        self._weights.lay([edit.carried for edit in edits])
        self.edits = tuple(edits)

    @contextmanager
    def carrying_only(self, edits: Sequence[Edit]) -> Iterator[None]:
        """Within the block the model carries these edits; afterwards what it carried before."""
        before = self.edits
        self.carry(edits)
        try:
            yield
        finally:
            self.carry(before)

    def says(self, prompts: Sequence[str] | str, most_tokens: int = MOST_TOKENS) -> list[str]:
        """The likeliest continuation of each prompt, cut at the end of its sentence."""
        if isinstance(prompts, str):  # its letters would be taken for prompts
            prompts = [prompts]
        return greedy_answers(self.model, prompts, CPU_TOKENS, most_tokens)

    def export(self, folder: str | Path) -> None:
        """Write the model as it stands as an ordinary Hugging Face folder, with `memat.json`,
        which says what was edited. Raises CannotWrite(folder), ConfigError (a folder of other
        files)."""
        folder = Path(folder)
        require_own_folder(folder, ABOUT, getattr(self.network.config, "_name_or_path", ""))
        export_model(self.model, folder)
        io.write_json(folder / ABOUT, {"edits": described(self.edits)}, self.provenance())

    def save_adapter(
        self, folder: str | Path, edits: Sequence[Edit] | None = None, rank: int | None = None
    ) -> dict[int, float]:
        """Write edits (None: all that the model carries) as one adapter; see `Edit.save_adapter`.

        Raises ConfigError where there is no edit.
        """
        edits = self.edits if edits is None else edits
        require_own_folder(folder, WEIGHTS)
        with self.carrying_only([]):
            return write_adapter(
                self.model,
                added_up([edit.carried for edit in edits]),
                folder,
                {"edits": described(edits)},
                self.provenance(),
                self.origin,
                rank,
            )

    def provenance(self) -> Provenance:
        """What makes a file of this editor: the model and the versions."""
        return Provenance(
            "memat.Editor", {"model": self.origin}, f"memat {__version__}", recorded_versions()
        )

    def _find_settings(self, given, name: str | None):
        sizes = self.model.architecture, self.model.n_layers, self.model.mlp_matrix(0).shape[1]
        file = settings_file(name) if name else None
        if given is not None:
            source = "as given"
            content = read_settings(given)
        elif file is not None and file.is_file():
            found = read_settings(file)
            tried = "chosen for" if found.get("tried", True) else "untried with"
            source = f"{file.name}, {tried} this model"
            content = {key: found[key] for key in found if key in Settings.model_fields}
        else:
            source, content = "none are known for this model, so defaults by its size", {}
        settings = complete_settings(content, *sizes)
        layers = ", ".join(map(str, settings.edit.layers))
        return settings, f"{source}; layers {layers} of {self.model.n_layers} are edited"

    def _contexts(self, language: Language) -> list[str]:
        if language.code not in self._templates:
            chosen = self.settings.templates
            openers = language.openers[: chosen.count]
            self._templates[language.code] = make_templates(self.model, openers, chosen.tokens)
        return self._templates[language.code]

    def _covariance(self, languages: Sequence[Language]) -> Mapping[int, torch.Tensor]:
        if self._fingerprint is None:
            self._fingerprint = weights_hash(self.network)
        budget = token_budget(self.model, self._memory(), gradients=False)
        return moments_of(
            self.model, self._fingerprint, self.settings, languages, budget, self._cache
        )

    def _memory(self) -> int:
        """Megabytes that the model and its batches may use."""
        if self._memory_mb is not None:
            return self._memory_mb
        weights = sum(p.numel() * p.element_size() for p in self.network.parameters())
        if self.model.device.type == "cuda":
            free = torch.cuda.mem_get_info(self.model.device)[0]
        else:
            # macOS does not say how much is free
            known = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
            free = os.sysconf(known) * os.sysconf("SC_PAGE_SIZE")
        return int((weights + free) / 1e6)


def described(edits: Sequence[Edit]) -> list[dict]:
    """Edits as plain data, for the file beside a model or adapter."""
    return [
        {
            "facts": [vars(fact) for fact in edit.facts],
            "languages": edit.languages,
            "layers": list(edit.deltas),
            "settings": edit.settings,
        }
        for edit in edits
    ]


def _distinct(languages: Sequence[str]) -> list[str]:
    codes = [languages] if isinstance(languages, str) else list(dict.fromkeys(languages))
    if not codes:
        raise LanguageError("languages: the list is empty")
    return codes


def _language_file(code: str) -> Path:
    if Path(code).suffix in (".yaml", ".yml"):
        return Path(code)
    files = {path.stem: path for path in resource_folder("languages").glob("*.yaml")}
    if code not in files:
        raise LanguageError(
            f"languages: {allowed_values(code, sorted(files))}; or name a language file"
        )
    return files[code]
