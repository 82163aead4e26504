"""`Options` in YAML: the fields of run config, with their bounds in the schema, and templates in their place."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, get_args, get_origin

import dagster as dg
from pydantic import Field, create_model

from fanout_pipeline.defs.config.bounds import BoundedNumber
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.guest.run_config import CHOICES, OPTIONS, STRATEGY, declared
from fanout_pipeline.engine.model.options import Options

_Template = Annotated[str, Field(pattern=r"^\s*\{\{.*\}\}\s*$")]


def _field(name: str, *also: Any) -> tuple[Any, Any]:
    """The type of a field, beside which others are accepted, and what the schema says of it."""
    annotation, text = declared(name)
    optional = type(None) in get_args(annotation)
    inner = get_args(annotation)[0] if optional else annotation
    if isinstance(inner, BoundedNumber):
        inner = Annotated[int if inner.whole else float, Field(ge=inner.low, le=inner.high)]
    if get_origin(inner) is list:
        inner = list[str]
    for other in also:
        inner = inner | other
    default = Fanout.model_fields[name].default
    return Optional[inner] if optional else inner, Field(default, description=text)  # noqa: UP045


def _model(name: str, *also: Any) -> type[dg.Model]:
    fields: dict[str, Any] = {one: _field(one, *also) for one in OPTIONS}
    fields["strategy"] = Literal[CHOICES], Field(default="auto", description=STRATEGY)
    made: type[dg.Model] = create_model(
        name,
        __base__=dg.Model,
        __doc__="How calls are made. What is left out is as Options has it.",
        **fields,
    )
    return made


OptionsModel = _model("FanoutOptions", _Template)
"""What may be written."""
_Resolved = _model("FanoutOptions")
"""The same once templates are filled in."""


def options_of(context: dg.ResolutionContext, model: Any) -> Options:
    """The options that are written. Raises ValidationError for a template that gives what is out of bounds."""
    filled = context.resolve_value(model.model_dump(exclude_unset=True))
    given = _Resolved(**filled).model_dump(exclude_unset=True)
    if "retry_on" in given:
        given["retry_on"] = tuple(given["retry_on"])
    return Options(**given)
