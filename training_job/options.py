"""Command-line options made from a settings class, so that each setting is an option and an environment variable."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Optional, TypeVar

import typer
from pydantic.fields import FieldInfo

from sentiment_common.settings import Settings

AnySettings = TypeVar("AnySettings", bound=Settings)


def _flag(name: str, field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "option" in extra:
        return str(extra["option"])
    return "--" + name.replace("_", "-")


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    flag = _flag(name, field)
    if field.annotation is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    text = " ".join((field.description or "").split())
    told = str(field.validation_alias)
    if field.default is not None and not field.default_factory:
        told += f"; {field.default}"
    option = typer.Option(flag, help=f"{text} ({told})", show_default=False)
    annotation: Any = Annotated[Optional[field.annotation], option]  # noqa: UP045 - made when this runs
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def with_settings(settings_class: type[AnySettings]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command `f(settings, *own arguments)`: it takes an option for each field and is called with the
    settings that those options, then the environment, then the defaults give.

    Raises (when the command runs):
        pydantic.ValidationError: names the variable of a bad value.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]
        made = [_parameter(name, field) for name, field in settings_class.model_fields.items()]

        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            mine = {parameter.name: arguments[parameter.name] for parameter in own}
            given = {name: value for name, value in arguments.items() if name not in mine and value is not None}
            command(settings_class(**given), **mine)

        positional = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        signature = inspect.Signature(positional + made)
        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
        return run

    return decorate
