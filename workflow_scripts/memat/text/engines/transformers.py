"""transformers: any sequence-to-sequence model of that library (a folder, or a hub id)."""

from collections.abc import Iterator, Sequence

from memat.errors import TranslationError
from memat.study.section import Count, OptionalText, Section, hub_faults
from memat.text.engine import Translation, in_batches
from memat.text.hub import model_folder

LONGEST = 512  # tokens of one translation


class Transformers(Section):
    """Any sequence-to-sequence model."""

    model: OptionalText = None
    """folder or hub id of a sequence-to-sequence model"""
    revision: OptionalText = None
    """commit id, of a hub id"""
    beam_size: Count = 5
    """translations kept at each step of the search"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from hub_faults("transformers", self.model, self.revision)


SETTINGS = {"translate": Transformers}
MEMORY_MB = 4000


def make(own: dict, batch_size: int, threads: int) -> "TransformersEngine":
    import torch

    torch.set_num_threads(threads)
    folder = model_folder(own["model"], own["revision"], "translate.transformers.model")
    return TransformersEngine(str(folder), own["beam_size"], batch_size)


class TransformersEngine:
    """Beam search with the model of a folder; no custom code is run."""

    name = "transformers"
    whole_sources = False

    def __init__(self, model: str, beam_size: int = 5, batch_size: int = 64) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(model)
            self.model = AutoModelForSeq2SeqLM.from_pretrained(model)
        except (OSError, ValueError) as error:
            raise TranslationError(
                f"translate.transformers.model {model!r} cannot be loaded: {error}"
            ) from error
        self.model.eval()
        self.beam_size, self.batch_size = beam_size, batch_size

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        return in_batches(self.name, sentences, self.batch_size, self._translate_batch)

    def _translate_batch(self, texts: list[str]) -> list[Translation]:
        import torch

        inputs = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        with torch.inference_mode():
            output = self.model.generate(
                **inputs,
                num_beams=self.beam_size,
                do_sample=False,
                max_length=LONGEST,
                output_scores=True,
                return_dict_in_generate=True,
            )
        scores = getattr(output, "sequences_scores", None)
        texts = self.tokenizer.batch_decode(output.sequences, skip_special_tokens=True)
        return [
            Translation(text.strip(), None if scores is None else float(scores[i]))
            for i, text in enumerate(texts)
        ]
