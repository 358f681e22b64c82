"""The bundled demo API: a fictional shop on loopback, for trying every pagination and authentication type."""

from rest_source.demo.api import ENVIRONMENT, DemoApi
from rest_source.demo.server import Call, LoopbackServer, Reply

__all__ = ["ENVIRONMENT", "Call", "DemoApi", "LoopbackServer", "Reply"]
