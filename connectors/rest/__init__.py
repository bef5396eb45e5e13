"""Systems reached by a REST interface that answers with JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.rest.reading import Rest
    from connectors.rest.words import RestConnection
    from schemas.registration import System
    from schemas.secrets import Secret


def connect(connection: RestConnection, system: System, secret: Secret) -> Rest:
    from connectors.rest.reading import Rest

    return Rest(connection, system, secret)
