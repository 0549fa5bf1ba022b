# Which keys of which language files a job reads: a change of any other key, or of a comment, is no
# reason to run it again.

from memat.text import languages as language_files
from memat.text.language_keys import READ


def job_language(wildcards):
    return wildcards.language


def language_keys(stage, languages, param="language_keys"):
    """The keys that a stage reads in the file of a language, or of each of several.

    languages: a code, a list of codes, or a function of wildcards that gives one
    """

    def keys(wildcards):
        codes = languages(wildcards) if callable(languages) else languages
        if isinstance(codes, str):
            return _language_keys(codes, READ[stage][param])
        return [_language_keys(code, READ[stage][param]) for code in codes]

    return keys


def _language_keys(code, keys):
    return some(_language_file(code), *keys)


@cache
def _language_file(code):
    return language_files.language_keys(f"resources/languages/{code}.yaml", language_files.KEYS)


def language_pair(stage):
    """The language params of a stage that works on one target language, as far as it reads them."""
    codes = {"source_language": SOURCE, "target_language": job_language}
    return {param: language_keys(stage, codes[param], param) for param in READ[stage]}


LANGUAGE_NAMES = {
    code: language_files.load_language(f"resources/languages/{code}.yaml").name
    for code in LANGUAGES
}
