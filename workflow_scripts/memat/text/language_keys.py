"""The keys of its language files that a stage reads: its params, and so what reruns it.

A stage gets a language that knows these keys only (`languages.language_of`), so a key that is
missing here fails at its first use.
"""

# what `paired_facts` asks for
_AGREEING = ("code", "duplicate_by_target", "inflections", "agreement")
_AGREEING += ("articles", "vowels", "elisions")

# what matches answers with targets: setting `languages` of tables with metrics of answers
OF_ANSWERS = ("articles", "elisions", "inflections")

# stage → param → keys
READ = {
    "make_templates": {"language_keys": ("openers",)},
    "sample_text": {"language_keys": ("openers",)},
    "optimise_values": {"language_keys": ("kl_prompt",)},
    "optimise_taught_values": {"language_keys": ("kl_prompt",)},
    "edit_step": {"language_keys": ("kl_prompt",)},
    "fit_corrections": {"language_keys": ("kl_prompt",)},
    "search_settings": {"language_keys": ("kl_prompt",)},
    "translate": {
        "source_language": ("stand_ins", "articles"),
        "target_language": (
            *("names", "rules_for", "source_rules", "translation_rules"),
            *("vowels", "elisions", "articles", "contractions", "stand_ins"),
        ),
    },
    # a person's corrections agree as the next stage does
    "repair_structure": {"target_language": ("contractions", *_AGREEING[1:])},
    "list_for_review": {
        "source_language": ("articles", "function_words"),
        "target_language": ("function_words", "names"),
    },
    "duplicate_gender": {"target_language": _AGREEING},
    "import_bilingual": {"target_language": ("name", *_AGREEING)},
    "report_subjects": {"language_keys": ("script",)},
    "translation_quality": {"target_language": ("name", "elisions")},
}
