"""Loading a model without loading what no stage uses: half of what transformers brings along.

Jobs are many and short, and each is a process of its own: what one of them loads before it
starts counts as often as there are jobs.
"""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch

# compiling models, and assignment problems
NOT_USED = ("torch._dynamo", "torch.nn.attention.flex_attention", "scipy.optimize")


@contextmanager
def quick_loading() -> Iterator[None]:
    """Around the import of transformers and the loading of a model; what is loaded is the same."""
    was_on = gc.isenabled()
    gc.disable()  # loading makes half a million objects that all stay: no garbage is found in them
    # transformers loads what spreads a model over machines only where torch can do that
    alone = patch.object(torch.distributed, "is_available", lambda: False)
    try:
        with deferred(*NOT_USED), alone:
            _models_listed_once()
            yield
    finally:
        if was_on:
            gc.enable()


def _models_listed_once() -> None:
    """transformers reads the files of all its models for a list of their classes, and reads them
    again for its package `models`, by another name of the same folder."""
    from transformers.utils import import_utils

    listed = import_utils.create_import_structure_from_path

    def by_folder(path):
        return listed(Path(path).parent if Path(path).name == "__init__.py" else path)

    with patch.object(import_utils, "create_import_structure_from_path", by_folder):
        import transformers.models  # noqa: F401


@contextmanager
def deferred(*packages: str) -> Iterator[None]:
    """Imports of these packages give stand-ins; a package that is loaded already stays as it is.

    Afterwards imports give the packages themselves. The stand-ins that other modules took meanwhile
    keep working: each loads its original as soon as anything is asked of it. Only what it decorates
    stays undecorated, so defer no package whose decorators a job needs.
    """
    finder = _Finder(tuple(name for name in packages if name not in sys.modules))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.leave()


class _Finder(MetaPathFinder, Loader):
    """Finds modules of the packages before the ordinary finders do, and makes stand-ins of them."""

    def __init__(self, packages: tuple[str, ...]):
        self.packages = packages
        self.made: list[ModuleType] = []

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        inside = any(f"{name}.".startswith(f"{package}.") for package in self.packages)
        return ModuleSpec(name, self, is_package=True) if inside else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandInModule(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        self.made.append(module)

    def leave(self) -> None:
        """Make way for the originals."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for module in self.made:
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]
            parent, _, name = module.__name__.rpartition(".")
            if vars(sys.modules.get(parent, module)).get(name) is module:
                delattr(sys.modules[parent], name)


class _StandInModule(ModuleType):
    def __init__(self, name: str, finder: _Finder):
        super().__init__(name)
        self.finder = finder

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        return _StandIn(name, (), {"module": self})


class _StandIn(type):
    """Of a class or function of a deferred module. A class itself, so that it can annotate."""

    def original(cls):
        cls.module.finder.leave()
        return getattr(importlib.import_module(cls.module.__name__), cls.__name__)

    def __call__(cls, *args, **more):
        if args and callable(args[0]):  # decorates a function
            return args[0]
        if args and args[0] is None:  # makes a decorator
            return lambda function: function
        return cls.original()(*args, **more)

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(f"{cls.__name__!r} has no attribute {name!r} yet")
        return getattr(cls.original(), name)

    def __instancecheck__(cls, thing) -> bool:
        loaded = sys.modules.get(cls.module.__name__, cls.module)
        # of a class that is not loaded there are no instances
        return not isinstance(loaded, _StandInModule) and isinstance(thing, cls.original())
