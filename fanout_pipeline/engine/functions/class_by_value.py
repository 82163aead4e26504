"""Classes pickled as they are, where cloudpickle would lose something or would define them again.

A class is created empty, and then given the attributes that it has here. The user's metaclasses and
`__init_subclass__`, and the enum's `__new__`, do not run again: they ran here, with arguments that are not
known any more.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from types import MemberDescriptorType
from typing import Any, is_typeddict

from fanout_pipeline.engine.functions.recreate import Reduced

_HOOK = "__init_subclass__"
_SET_BY_CREATION = {"__module__", "__orig_bases__", "__slots__", "__qualname__"}
_NOT_COPIED = {"__dict__", "__weakref__", "__annotate_func__"} | _SET_BY_CREATION


def reduce_class(class_: Any, reduced: Reduced, goes_by_name: Callable[[Any], bool]) -> Reduced:
    """A class that is not imported by its name; `reduced` is what cloudpickle returns for it."""
    metaclass: Any = type(class_)
    state = {
        name: value
        for name, value in vars(class_).items()
        if name not in _NOT_COPIED and not _is_slot(value, class_)
    }
    if "_abc_impl" in state:
        state["_abc_impl"] = reduced[2][0][
            "_abc_impl"
        ]  # the classes registered with an abstract class
    if issubclass(class_, Enum):
        creator = ABCMeta if isinstance(class_, ABCMeta) else type
        # For flags the map contains combinations, too, which are a cache.
        values = class_._value2member_map_.items()
        members = {v: m for v, m in values if m.name in class_.__members__}
        state["_value2member_map_"] = members
    elif is_typeddict(class_):
        creator = type  # its metaclass refuses bases that it has created itself
    else:
        creator = next(one for one in metaclass.__mro__ if goes_by_name(one.__module__))
    namespace = {name: vars(class_)[name] for name in _SET_BY_CREATION if name in vars(class_)}
    namespace["__qualname__"] = class_.__qualname__
    not_called = [one for one in class_.__mro__[1:] if not goes_by_name(one.__module__)]
    arguments = not_called, creator, metaclass, class_.__name__, class_.__bases__, namespace
    return _empty_class, arguments, state, None, None, _fill_class


def _is_slot(value: Any, class_: type) -> bool:
    return isinstance(value, MemberDescriptorType) and value.__objclass__ is class_


def _empty_class(not_called: Sequence[type], creator: Any, metaclass: type, *arguments: Any) -> Any:
    with _without_hooks(not_called):
        class_ = creator.__new__(metaclass, *arguments)
        creator.__init__(class_, *arguments)
        return class_


def _fill_class(class_: Any, state: dict[str, Any]) -> None:
    registered = state.pop("_abc_impl", ())
    for name, value in state.items():
        # Not through the metaclass: that of an enum refuses to set members.
        type.__setattr__(class_, name, value)
    if "__firstlineno__" in state:  # since Python 3.13; setting __module__ removes it
        type.__setattr__(class_, "__firstlineno__", state["__firstlineno__"])
    for one in registered:
        ABCMeta.register(class_, one)


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


def reduce_member(member: Enum) -> Reduced | None:
    """A member of an enum that is not imported; None for a combination of flags, which the class makes."""
    class_ = type(member)
    if class_._member_map_.get(member.name) is not member:
        return None
    base = class_._member_type_  # type: ignore[attr-defined]  # typeshed leaves it out
    arguments: tuple[Any, ...] = ()
    if hasattr(base, "__getnewargs__"):
        arguments = base.__getnewargs__(member)
    elif base.__reduce__ is not object.__reduce__:
        arguments = base.__reduce__(member)[1]
    state = object.__getstate__(member)
    return base.__new__, (class_, *arguments), state, None, None, _fill_member


def _fill_member(member: Any, state: Any) -> None:
    for attributes in state if isinstance(state, tuple) else (state,):
        for name, value in (attributes or {}).items():
            object.__setattr__(member, name, value)
