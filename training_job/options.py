"""Command-line options of a settings class: each setting is an option and an environment variable."""

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
    source = str(field.validation_alias)
    if field.default is not None and not field.default_factory:
        source += f"; {field.default}"
    option = typer.Option(flag, help=f"{text} ({source})", show_default=False)
    annotation: Any = Annotated[Optional[field.annotation], option]  # noqa: UP045 - built at run time
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def with_settings(settings_class: type[AnySettings]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command `f(settings, *arguments)` an option for each field of a settings class.

    The command is called with the settings read from these options, then the environment, then the defaults.

    Raises (when the command runs):
        pydantic.ValidationError: names the variable of a bad value.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]
        made = [_parameter(name, field) for name, field in settings_class.model_fields.items()]

        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            mine = {parameter.name: arguments[parameter.name] for parameter in own}
            given = {name: value for name, value in arguments.items() if name not in mine}
            command(settings_class.from_options(**given), **mine)

        positional = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        signature = inspect.Signature(positional + made)
        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
        return run

    return decorate
