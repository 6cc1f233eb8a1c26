"""An OpenID Connect provider's word -> who somebody is. No Django; nothing is loaded where no provider is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval import on_demand

if TYPE_CHECKING:
    from retrieval.openid.flow import Kept, Who, begin, finish

__all__ = ["Kept", "Who", "begin", "finish"]

__getattr__ = on_demand.names(__name__, dict.fromkeys(__all__, "flow"))
