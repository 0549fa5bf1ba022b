"""How suspicious a translation is: points and their reasons, for a person who looks at some.

Nothing is dropped for them. The points say in which order translations are worth a look; a
reason counts more, the surer it means a bad sentence. How surprising a sentence is depends on its
names and on its wording, good or bad, so it is compared with others of its wording, or relation.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import median

from memat.text.languages import Language
from memat.text.spans import occurrences, without_final_punctuation
from memat.text.words import words_of

LEAST_LIKE = 3  # sentences of one template before one of them can be the odd one out
USUAL_SHARE = 0.6  # of them that agree
LENGTH_FACTOR = 1.6  # times longer or shorter than usual
LIKE = 0.65  # of 1: as like as two forms of a word
MOST = 2.0  # points of a single sign
LOST_WORDS = 0.8  # points where nothing of the source comes back
HOLE = "{}"
Signs = Iterator[tuple[float, str]]  # points and what they are for
SURPRISING = "surprising"
LEAST = 8  # sentences that one is compared with, itself among them; of fewer nothing is said
SIGMA = 1.4826  # standard deviation of a normal distribution whose MAD is 1


@dataclass(frozen=True)
class Translated:
    """One sentence without its noise, and what is known of its translation.

    form: the subject in the other language. target: as the facts give it. group: sentences
    that should be translated alike, but for subject and target; relation: a wider group.
    surprisal_z: how much more than others of its group or relation it surprises a language
    model, where that is much (`robust_z`); else 0.
    """

    source: str
    translation: str
    subject: str | None
    form: str | None
    target: str
    group: str
    unknown: Sequence[str] = ()
    back: str | None = None
    verb: bool | None = None
    subject_as_word: str | None = None
    relation: str = ""
    surprisal_z: float = 0


@dataclass(frozen=True)
class Suspicion:
    """Points, from 0 up, and what they are for, the heaviest first."""

    points: float
    reasons: tuple[str, ...]


def suspicions(
    sentences: Sequence[Translated], source_language: Language, target_language: Language
) -> list[Suspicion]:
    """The suspicion of each sentence. It takes all of a run: some signs compare sentences."""
    odd = _odd_ones(sentences)
    usual = median(map(_length_ratio, sentences)) if sentences else 1.0
    found = []
    for sentence, is_odd in zip(sentences, odd, strict=True):
        signs = [
            *_word_signs(sentence, source_language, target_language),
            *_subject_signs(sentence, source_language),
            *_target_signs(sentence, target_language),
            *_back_signs(sentence, source_language),
        ]
        if sentence.verb is False:
            signs.append((2.0, "no_verb"))
        if sentence.surprisal_z:
            signs.append((min(sentence.surprisal_z, MOST), SURPRISING))
        if is_odd:
            signs.append((0.8, "translated_unlike_its_relation"))
        if abs(math.log(_length_ratio(sentence) / usual)) > math.log(LENGTH_FACTOR):
            signs.append((0.8, "unusual_length"))
        signs.sort(reverse=True)
        found.append(
            Suspicion(round(sum(points for points, _ in signs), 2), tuple(r for _, r in signs))
        )
    return found


def _word_signs(
    sentence: Translated, source_language: Language, target_language: Language
) -> Signs:
    """Function words of the source language outside the subject, and words without translation."""
    rest = _replaced(sentence.translation, sentence.form, "")
    foreign = set(source_language.function_words) - set(target_language.function_words)
    left = [word for word in dict.fromkeys(words_of(rest)) if word.lower() in foreign]
    if left:
        yield 2.0, f"left_untranslated({' '.join(left)})"
    names = set(words_of(f"{sentence.subject or ''} {sentence.form or ''}"))
    unknown = [word for word in sentence.unknown if word not in names]
    if unknown:
        # a name may stay as it is, a word may not; a sentence's first word has a capital anyway
        first = words_of(sentence.source)[0]
        points = 2.0 if any(word.islower() or word == first for word in unknown) else 0.5
        yield points, f"unknown_words({' '.join(unknown)})"


def _subject_signs(sentence: Translated, source_language: Language) -> Signs:
    """A subject left as it was although it has an article or is a word of the language."""
    subject = sentence.subject
    if not subject or sentence.form != subject:
        return
    first, *rest = subject.split()
    if rest and first.lower() in source_language.articles:
        yield 2.0, "article_of_subject_left"
    elif any(word in source_language.function_words for word in rest):
        yield 0.6, "words_of_subject_left"
    if sentence.subject_as_word:
        # several words in lower case are no name; a single word may be one
        certain = rest and not any(word[:1].isupper() for word in rest)
        yield 2.0 if certain else 1.5, f"subject_may_be_a_word({sentence.subject_as_word})"


def _target_signs(sentence: Translated, language: Language) -> Signs:
    """A name of several words of which one was kept and another translated (Larry Wall)."""
    if sentence.target in dict(language.names):
        return  # a form of its own, as listed (New York, Nova York)
    words = sentence.target.split()
    end = without_final_punctuation(sentence.translation).split()[-len(words) :]
    if len(words) < 2 or len(words) != len(end) or not all(w[:1].isupper() for w in words):
        return
    pairs = list(zip(words, end, strict=True))
    if any(one == other for one, other in pairs) and any(_unlike(*pair) for pair in pairs):
        yield 2.0, "part_of_target_translated"


def _back_signs(sentence: Translated, language: Language) -> Signs:
    """How many content words of the source are not in the sentence translated back."""
    if "?" in sentence.source:
        yield 0.7, "question"
    if sentence.back:
        names = sentence.subject, sentence.target
        back, source = (
            _content(_frame(text, *names), language) for text in (sentence.back, sentence.source)
        )
        lost = [word for word in source if not any(not _unlike(word, other) for other in back)]
        points = round(LOST_WORDS * len(lost) / len(source), 2) if source else 0
        if points:
            yield points, f"back_translation_without({' '.join(lost)})"


def _content(text: str, language: Language) -> list[str]:
    """Lower-case words of a text that are neither function words nor punctuation."""
    words = [word.lower() for word in words_of(text.replace(HOLE, " "))]
    return [word for word in words if word.isalpha() and word not in language.function_words]


def _unlike(one: str, other: str) -> bool:
    """Whether two words are not even forms of one word (plays, playing; Tolstoy, Tolstoi)."""
    return SequenceMatcher(None, one.lower(), other.lower()).ratio() < LIKE


def _odd_ones(sentences: Sequence[Translated]) -> list[bool]:
    """Whether most sentences of the same group are translated in another way."""
    frames = [_frame(s.translation, s.form) for s in sentences]
    # the target at the end has its own words; what stands first of a sentence is compared
    starts = [" ".join(words_of(frame)[:3]) for frame in frames]
    groups: dict[str, Counter] = defaultdict(Counter)
    for sentence, start in zip(sentences, starts, strict=True):
        groups[sentence.group][start] += 1
    odd = []
    for sentence, start in zip(sentences, starts, strict=True):
        counts = groups[sentence.group]
        usual, count = counts.most_common(1)[0]
        settled = counts.total() >= LEAST_LIKE and count / counts.total() >= USUAL_SHARE
        odd.append(settled and start != usual)
    return odd


def _length_ratio(sentence: Translated) -> float:
    return (1 + len(words_of(sentence.translation))) / (1 + len(words_of(sentence.source)))


def _frame(text: str, *names: str | None) -> str:
    for name in names:
        text = _replaced(text, name, HOLE)
    return " ".join(text.split())


def _replaced(text: str, name: str | None, other: str) -> str:
    for start in reversed(occurrences(text, name or "")):
        text = text[:start] + other + text[start + len(name) :]
    return text


def robust_z(
    surprisals: Mapping[str, float], groups: Mapping[str, Sequence[Hashable]]
) -> dict[str, float | None]:
    """How many robust standard deviations each sentence lies above the median of its group.

    surprisals: sentence → nats per token. groups: sentence → what it is like, the narrowest
    first; the first of them with `LEAST` sentences counts. z = (x - median) / (1.4826 MAD), the
    median and the median absolute deviation over the distinct sentences of the group; None where
    every group has fewer, or half of it is equally surprising.
    """
    members: dict[Hashable, list[float]] = defaultdict(list)
    for sentence, value in surprisals.items():
        for group in dict.fromkeys(groups[sentence]):
            members[group].append(value)
    centre = {group: median(values) for group, values in members.items()}
    spread = {
        group: SIGMA * median(abs(value - centre[group]) for value in values)
        for group, values in members.items()
    }
    found: dict[str, float | None] = {}
    for sentence, value in surprisals.items():
        large = [group for group in groups[sentence] if len(members[group]) >= LEAST]
        known = bool(large) and spread[large[0]] > 0
        found[sentence] = (value - centre[large[0]]) / spread[large[0]] if known else None
    return found
