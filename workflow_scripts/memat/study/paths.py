"""Where every result of a run lies: the only file that knows a path.

Patterns hold the wildcards of the rules in braces; methods give the files of one model.
"""

import hashlib
import json
from pathlib import Path

from memat.study.models import Correction, EditedModel, Heads


def decided_by(*settings: object) -> str:
    """Part of a path: a hash of the settings that decide what the file holds."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Paths:
    """Paths of a results folder and of one study's reports in it."""

    def __init__(self, results: str, study: str):
        self.results = str(Path(results))  # without a slash at its end
        self.study = f"{self.results}/{study}"
        self.bilingual = f"{self.results}/dataset/bilingual.parquet"
        self.blocks = f"{self.results}/dataset/blocks.parquet"
        block = "block_{block}"
        self.values = f"{self.results}/edits/{{values}}/{block}/values_{{shard}}.safetensors"
        self.deltas = f"{self.results}/edits/{{edit}}/{block}/deltas.safetensors"
        self.step = f"{self.results}/edits/{{edit}}/{block}/step_{{start}}_{{end}}.safetensors"
        protected = f"{self.results}/protected/{block}"
        self.protected = f"{protected}/subjects.parquet"
        self.unprotected = f"{protected}/left_out.csv"
        self.protected_keys = f"{protected}/keys.safetensors"
        self.heads = f"{self.results}/heads/{{edit}}/{{language}}/{block}"
        self.activations = f"{self.heads}/activations_{{shard}}.safetensors"
        corrected = f"{self.results}/corrections/{{edit}}_{{language}}_{{select}}-{{k}}"
        self.corrections = f"{corrected}/{block}.safetensors"
        self.shifts = f"{corrected}_iti-{{alpha}}/{block}.safetensors"
        scored = f"{self.results}/scores/{{edited}}/{block}"
        self.scores = f"{scored}/scores_{{shard}}.parquet"
        self.answers = f"{scored}/answers_{{shard}}.parquet"
        damaged = f"{self.results}/damage/{{edited}}/{block}"
        self.damage = f"{damaged}/damage.parquet"
        self.updates = f"{damaged}/updates.parquet"
        asked = f"{self.results}/general/{{edited}}"
        self.general_results = f"{asked}/results.parquet"
        self.general_questions = f"{asked}/questions.parquet"
        self.study_file = f"{self.results}/study/{{report}}.json"
        self.export = f"{self.results}/export/{{experiment}}/manifest.json"
        self.adapter = f"{self.results}/export/{{experiment}}.adapter/manifest.json"

    def log(self, rule: str, wildcards: str = "") -> str:
        """log("train_probes", "{edit}/{language}/block_{block}")."""
        return f"{self.results}/logs/{Path(rule, wildcards)}.log"

    def benchmark(self, rule: str, wildcards: str = "") -> str:
        """Time and memory of each job of a rule, as TSV."""
        return f"{self.results}/benchmarks/{Path(rule, wildcards)}.tsv"

    def figure(self, name: str, suffix: str) -> str:
        return f"{self.results}/figures/{name}.{suffix}"

    def report(self, name: str) -> str:
        """A file of one of the study's reports."""
        return f"{self.study}/{name}"

    def deltas_of(self, model: EditedModel, block: str) -> list[str]:
        """Deltas that a model edited with one set of facts carries; none when unedited."""
        return [self.deltas.format(edit=edit.id, block=block) for edit in model.edits]

    def corrections_of(self, model: EditedModel, block: str) -> list[str]:
        """Corrections that a model carries, found with one set of facts; none without heads."""
        return [self.correction(correction, block) for correction in model.corrections]

    def correction(self, correction: Correction, block: str) -> str:
        """Optimised vectors, or ITI's shifts, found with one set of facts."""
        return (self.corrections if correction.alpha is None else self.shifts).format(
            edit=correction.heads.edit.id,
            language=correction.heads.language,
            select=correction.select,
            k=correction.k,
            alpha=f"{correction.alpha or 0:g}",
            block=block,
        )

    def accuracy(self, heads: Heads, block: str) -> str:
        """Probe accuracy of every head in one set of facts."""
        folder = self.heads.format(edit=heads.edit.id, language=heads.language, block=block)
        return f"{folder}/accuracy.parquet"
