"""A Typer group that knows its commands by name and imports a program only when its command is called."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from sentiment_cli.errors import MissingExtra

OWN_PACKAGES = frozenset(
    {
        "sentiment_common",
        "model_release",
        "prediction_log",
        "training_job",
        "model_server",
        "drift_cronjob",
        "sentiment_cli",
    }
)


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """The place of a command.

    Attributes:
        module: the module that holds the Typer `app`.
        command: its name in that app; None takes the whole app as a group of commands.
        help: the line in the group's own help.
        extra: the extra of the distribution that it needs.
        panel: the heading it stands under.
        elsewhere: option → the module whose app has the command of the same name that the option asks for.
    """

    module: str
    command: str | None
    help: str
    extra: str
    panel: str
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def load(self, arguments: Sequence[str] = ()) -> Any:
        """Import the command's program, and take the command out of its app."""
        module = next((there for option, there in self.elsewhere.items() if option in arguments), self.module)
        app = import_module(module).app
        if not isinstance(app, typer.Typer):
            raise TypeError(f"{module}.app is not a Typer app")
        group = get_group(app)
        for command in (group, *group.commands.values()):
            command.help = whole_paragraphs(command.help or "")
        return group if self.command is None else group.commands[self.command]

    def placeholder(self, name: str) -> TyperCommand:
        """Build the command's entry in the list of commands, without an import."""
        return TyperCommand(name, help=self.help, rich_help_panel=self.panel)


def whole_paragraphs(text: str) -> str:
    """Put each paragraph of a help text on one line, so that it wraps at the terminal's width.

    Rich keeps the docstring's own line ends in every paragraph but the first.
    """
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


class LazyGroup(TyperGroup):
    """A group whose commands `table` lists; only the command that runs (or shows its help) is imported."""

    table: ClassVar[dict[str, LazyCommand]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: command.placeholder(name) for name, command in self.table.items()}

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in self.table:
            command = self.table[name].load(rest)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        called = ctx._protected_args[0] if ctx._protected_args else ""
        if called not in self.table:
            return super().invoke(ctx)
        with _extra_named(called, self.table[called].extra):
            return super().invoke(ctx)


@contextmanager
def _extra_named(command: str, extra: str) -> Iterator[None]:
    """Name the command that installs a missing third-party module; a missing module of this project stays a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if not module or module in OWN_PACKAGES:
            raise
        raise MissingExtra(command, module, extra) from None
