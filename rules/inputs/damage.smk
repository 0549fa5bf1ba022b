# What the rules of damage.smk need besides: settings, and functions that find inputs.

# language → file of held-out text: the config's, else one that the project ships, if any
SHIPPED_TEXTS = {code: f"resources/texts/{code}.txt" for code in LANGUAGES}
TEXTS = {code: path for code, path in SHIPPED_TEXTS.items() if Path(path).exists()}
TEXTS |= config["damage"]["texts"]


def damage_files(rows, pattern):
    """The files of the rows that change a weight, by name of the row; none without a text."""
    return {
        row.name: [pattern.format(edited=row.model.id, block=block) for block in row.facts]
        for row in rows
        if TEXTS and row.model.edits
    }


# the rows that change a weight, and the unedited one
BESIDE_UNEDITED = [
    row for row in STUDY.main.rows if row.model.edits or row.spec["method"] == "unedited"
]
DAMAGED = damage_files(STUDY.main.rows, PATHS.damage)
RESIZED = damage_files(STUDY.main.rows, PATHS.updates)
