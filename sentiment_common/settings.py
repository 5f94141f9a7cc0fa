"""One rule for environment variables: blanks around a value do not count, and an empty variable is not set."""

import os
from typing import Any, Self

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


def environment() -> dict[str, str]:
    """Return the variables that are set: neither empty nor blank, and without blanks around a value.

    A chart or a shell writes an empty variable for "not set", and a Secret made from a file ends with a line break.
    """
    stripped = ((name, value.strip()) for name, value in os.environ.items())
    return {name: value for name, value in stripped if value}


def variable_of(name: str, field: FieldInfo) -> str:
    """Return the environment variable of a settings field: its alias, or its name in capitals."""
    return str(field.validation_alias or name.upper())


class _Variables(PydanticBaseSettingsSource):
    """Values of the documented variables alone.

    pydantic-settings' own source also reads the variable of a field's name, so that PORT or HOST of the surroundings
    would set a field whose documented variable is MONITOR_PORT.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = variable_of(field_name, field)
        return self._found.get(variable.upper()), variable if field.validation_alias else field_name, False

    def __call__(self) -> dict[str, Any]:
        # Capitals are not needed, as in pydantic-settings; a variable in capitals wins.
        found = sorted(environment().items(), key=lambda one: one[0].isupper())
        self._found = {name.upper(): value for name, value in found}
        values = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in values if value is not None}


class Settings(BaseSettings):
    """Base of every program's settings.

    A field is read from the environment variable of its `validation_alias`, or of its name in capitals; an argument
    by the field's name, such as an option of a command line, wins. Each field has a docstring, which the reference
    page shows.
    """

    model_config = SettingsConfigDict(
        use_attribute_docstrings=True,
        populate_by_name=True,
        validate_default=True,
        protected_namespaces=(),
        extra="ignore",
    )

    @classmethod
    def from_options(cls, **options: Any) -> Self:
        """Read the environment; options other than None take precedence."""
        return cls(**{name: value for name, value in options.items() if value is not None})

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Variables(settings_cls)
