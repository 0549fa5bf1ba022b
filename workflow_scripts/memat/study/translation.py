"""The settings of the translation into each target language, and the files that each has.

They are those of the section `translate`, with what its `by_language` changes for a language.
"""

from collections.abc import Iterator
from pathlib import Path

from memat.study.sections_dataset import Translate, TranslateInto
from memat.text.engine import fits_one_language, own_settings

LANGUAGE = "{language}"  # in a path: the code of the target language


def settings_into(translate: dict, language: str) -> dict:
    """The settings for one target language, of a section `translate` as plain values."""
    common = {key: value for key, value in translate.items() if key != "by_language"}
    return _changed(common, translate.get("by_language", {}).get(language, {}))


def used_settings(translate: dict, source: Path, target: Path) -> dict:
    """Of `settings_into` those that are read: of the engines the chosen one's, completed.

    source, target: files of the two languages. Raises LanguageError where an engine's setting
    follows from neither.
    """
    settings = settings_into(translate, target.stem)
    common = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    return common | {settings["engine"]: own_settings(settings, source, target)}


def file_of(path: str | None, language: str) -> str | None:
    """The file of one target language: `{language}` in a path stands for its code."""
    return path and path.replace(LANGUAGE, language)


def sections_by_place(translate: Translate, targets: list[str]) -> dict[str, TranslateInto]:
    """Place in the config → the settings of a target language, without equal ones twice."""
    found = {}
    for language in targets:
        own = language in translate.by_language
        place = f"translate.by_language.{language}" if own else "translate"
        plain = settings_into(plain_section(translate), language)
        found.setdefault(place, TranslateInto.model_validate(plain))
    return found


def plain_section(translate: Translate) -> dict:
    """The section as plain values; of the languages' own settings those that are given."""
    given = {
        language: settings.model_dump(exclude_unset=True)
        for language, settings in translate.by_language.items()
    }
    return translate.model_dump() | {"by_language": given}


def language_faults(
    translate: Translate, targets: list[str], files: dict[str, str | None]
) -> Iterator[tuple[str, str]]:
    """(key, fault) of settings that do not go with the target languages.

    files: key → path of a file that belongs to one target language.
    """
    for language in translate.by_language.keys() - set(targets):
        yield (
            f"translate.by_language.{language}",
            f"is none of languages.targets ({', '.join(targets)})",
        )
    if len(targets) < 2:
        return
    sharing: dict[tuple, list[str]] = {}
    for code in targets:
        settings = settings_into(plain_section(translate), code)
        key, value = fits_one_language(settings) or (None, None)
        if value is not None:
            sharing.setdefault((key, value), []).append(code)
    for (key, value), codes in sharing.items():
        if len(codes) > 1:
            yield (
                f"translate.{key}",
                f"{value!r} would translate into each of {', '.join(codes)}; leave it at null (it"
                " then follows from the languages) or give each its own in translate.by_language",
            )
    for key, path in files.items():
        if path is not None and LANGUAGE not in path:
            yield (
                key,
                f"{path!r} is one file for {len(targets)} target languages ({', '.join(targets)});"
                f" write {LANGUAGE} where their files differ",
            )


def _changed(settings: dict, changes: dict) -> dict:
    merged = dict(settings)
    for key, value in changes.items():
        merged[key] = _changed(merged[key], value) if isinstance(value, dict) else value
    return merged
