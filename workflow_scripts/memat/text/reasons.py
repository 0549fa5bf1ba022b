"""Why a fact or a prompt is lost: each reason code in a sentence for a person.

The stages name a reason by its code (`memat.text.rejections`). The sentences stand apart
from them, so that a better sentence runs no stage again.
"""

REASONS = {
    # where the facts are read
    "not_in_keep_ids": "The list of facts to keep (facts.keep_ids) does not name this fact.",
    "subject_not_in_prompt": "The paraphrase does not name the subject, so it asks something else.",
    "no_true_target": "The fact's true target is unknown, and the neighbour has no answer of its own.",
    "answer_is_new_target": "The neighbour's answer is the new target, so nothing can be compared.",
    "contradicts_earlier_fact": "An earlier fact makes the same relation of the subject something else.",
    "no_new_target": "The record has no new answer.",
    "new_target_is_true": "The new answer is the true one, so nothing is edited.",
    "answer_unknown": "The prompt comes without its answer.",
    "repeats_earlier_fact": "An earlier fact says the same of the subject, and it would count twice.",
    # where the translation is cut into prompt, subject and target
    "empty_translation": "The translator gave no text for this sentence.",
    "not_aligned": "No word of the translation could be matched with a word of the source.",
    "target_not_final": "The target does not end the translated sentence, so it cannot be asked for.",
    "subject_not_found": "The subject was not found in the prompt.",
    "subject_ambiguous": "The subject stands in the prompt more than once.",
    "unknown_words": "The translator left words of the prompt in the source language.",
    "dropped_by_correction": "A person emptied this prompt, for one target or both, in the file of corrections.",
    "lost_by_correction": "It would stand but for a correction; the detail names the line.",
    "no_record_in_language": "The file holds this fact in other languages only.",
    # where the prompts of both targets are put together
    "target_form_differs": "The prompt goes with another form of the target than the rewrite prompt.",
    "other_target_lost": "The same prompt was lost with the fact's other target.",
    "prompts_differ": "The prompt is translated differently for the two targets.",
    "rewrite_lost": "The prompt that the edit is made with was lost.",
    "targets_equal": "The new and the true target have the same translation.",
    "too_few_paraphrases": "Fewer paraphrases are left than repair.min_paraphrases asks for.",
    "too_few_neighborhood": "Fewer neighborhood prompts are left than repair.min_neighborhood asks for.",
    # where the facts are drawn
    "neighbour_is_edited": "The subject is edited with the same relation in the same set of facts.",
}


def in_words(reason: str) -> str:
    """The sentence of a reason code; a code without one, its words."""
    return REASONS.get(reason) or f"{reason.replace('_', ' ').capitalize()}."
