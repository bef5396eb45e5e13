"""Systems reached by a REST interface that answers with JSON."""

from connectors.rest.options import Options
from connectors.rest.reading import WORDS, Rest, connect, sense

__all__ = ["WORDS", "Options", "Rest", "connect", "sense"]
