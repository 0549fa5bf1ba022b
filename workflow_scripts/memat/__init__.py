"""Knowledge editing of language models in several languages: MEMIT, then attention heads.

`memat.Editor` edits a model in a few lines of Python; the workflow runs whole studies. What is
named here is loaded at its first use, so that `import memat` loads no torch.
"""

from importlib import import_module

_HOMES = {
    "Edit": "memat.editor.edit",
    "Editor": "memat.editor.editor",
    "Fact": "memat.editor.fact",
    "MematError": "memat.errors",
    "Settings": "memat.editor.settings",
    "__version__": "memat.version",
}
__all__ = ["Edit", "Editor", "Fact", "MematError", "Settings", "__version__"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'memat' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
