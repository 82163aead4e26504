"""Classes as what they are made of, where cloudpickle loses some of it or has their makers run again.

A class is made empty, and is given then what its own process had put into it. What the user's metaclasses,
`__init_subclass__` and the enum's `__new__` do was done there, maybe from arguments that nobody knows here.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from types import MemberDescriptorType
from typing import Any, is_typeddict

from fanout_pipeline.engine.functions.contents import state

Reduced = tuple[Any, ...]
"""As `__reduce__` gives it."""

_HOOK = "__init_subclass__"
_NOT_COPIED = {"__dict__", "__weakref__", "__slots__", "__qualname__", "_abc_impl"}


def class_reduced(class_: type, reduced: Reduced, goes_by_name: Callable[[Any], bool]) -> Reduced:
    """A class that does not go by its name; `reduced` is what cloudpickle makes of it."""
    quiet = [one for one in class_.__mro__[1:] if not goes_by_name(one.__module__)]
    kind: Any = type(class_)
    if issubclass(class_, Enum):
        made = kind, class_.__name__, class_.__bases__, _first(class_)
        return _empty_enum, (quiet, *made), _held_by_enum(class_), None, None, _fill
    make, (_, name, _, first, *rest), (held, _), *_ = reduced
    # The metaclass of typed dicts does not take those that it has made.
    by_name = (one for one in kind.__mro__ if goes_by_name(one.__module__))
    maker = type if is_typeddict(class_) else next(by_name)
    held = {n: v for n, v in held.items() if n != "__slots__" and not _is_slot(v, class_)}
    made = make, kind, maker, name, class_.__bases__, first | _first(class_), *rest
    return _empty_class, (quiet, *made), held, None, None, _fill


def _held_by_enum(class_: Any) -> dict[str, Any]:
    held = {name: value for name, value in vars(class_).items() if name not in _NOT_COPIED}
    # The others are a cache of what flags were combined.
    pairs = class_._value2member_map_.items()
    return held | {"_value2member_map_": {v: m for v, m in pairs if m.name in class_.__members__}}


def member_reduced(member: Enum) -> Reduced | None:
    """A member of such an enum; None for a combination of flags, which these make anew."""
    class_ = type(member)
    if class_._member_map_.get(member.name) is not member:
        return None
    kind = class_._member_type_  # type: ignore[attr-defined]  # typeshed leaves it out
    arguments: tuple[Any, ...] = ()
    if hasattr(kind, "__getnewargs__"):
        arguments = kind.__getnewargs__(member)
    elif kind.__reduce__ is not object.__reduce__:
        arguments = kind.__reduce__(member)[1]
    return _empty_member, (class_, kind, arguments), state(member), None, None, _fill_member


def _first(class_: type) -> dict[str, Any]:
    """What a class must have when it is made."""
    names = ("__module__", "__orig_bases__", "__slots__")
    first = {name: vars(class_)[name] for name in names if name in vars(class_)}
    return first | {"__qualname__": class_.__qualname__}


def _is_slot(value: Any, class_: type) -> bool:
    return isinstance(value, MemberDescriptorType) and value.__objclass__ is class_


def _empty_class(
    quiet: Sequence[type], make: Any, kind: type, maker: type, name: str, *rest: Any
) -> Any:
    with _without_hooks(quiet):
        return make(partial(_made_by, kind, maker), name, *rest)


def _made_by(kind: type, maker: Any, *arguments: Any) -> Any:
    """A class of a metaclass, made by what that rests on."""
    made = maker.__new__(kind, *arguments)
    maker.__init__(made, *arguments)
    return made


def _empty_enum(
    quiet: Sequence[type], kind: type, name: str, bases: Any, first: dict[str, Any]
) -> Any:
    with _without_hooks(quiet):
        maker: Any = ABCMeta if issubclass(kind, ABCMeta) else type
        return maker.__new__(kind, name, bases, first)


def _fill(class_: Any, held: dict[str, Any]) -> None:
    # Of an abstract class cloudpickle has the classes that were registered with it.
    registered = held.pop("_abc_impl", ())
    # Not as its metaclass does it: an enum's lets nobody set members.
    for name, value in held.items():
        type.__setattr__(class_, name, value)
    if (
        line := held.get("__firstlineno__")
    ) is not None:  # goes when the module is set (Python 3.13)
        type.__setattr__(class_, "__firstlineno__", line)
    for one in registered:
        ABCMeta.register(class_, one)


def _empty_member(class_: type, kind: Any, arguments: tuple[Any, ...]) -> Any:
    return kind.__new__(class_, *arguments)


def _fill_member(member: Any, held: dict[str, Any]) -> None:
    for name, value in held.items():
        object.__setattr__(member, name, value)


@contextmanager
def _without_hooks(classes: Sequence[type]) -> Iterator[None]:
    hooks = [(one, vars(one)[_HOOK]) for one in classes if _HOOK in vars(one)]
    for one, _ in hooks:
        type.__setattr__(one, _HOOK, classmethod(lambda cls, **arguments: None))
    try:
        yield
    finally:
        for one, hook in hooks:
            type.__setattr__(one, _HOOK, hook)
