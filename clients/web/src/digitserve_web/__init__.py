"""The page in the browser and the HTTP API of Digitserve, on top of the asyncio client.

    digitserve-web --target localhost:50051

`create_app(Settings())` is the same as an ASGI application.
"""

from digitserve_web.app import create_app
from digitserve_web.settings import Settings

__all__ = ["Settings", "create_app"]
