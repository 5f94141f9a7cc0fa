"""The checks of the README and the documentation: their commands are run, their links and names looked up."""
