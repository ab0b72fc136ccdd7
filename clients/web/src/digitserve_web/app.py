"""The application: its parts, its routes, its life."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from digitserve_client import AsyncDigitClient, Tls
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from digitserve_web.api import Api
from digitserve_web.documents import Documents
from digitserve_web.headers import SecurityHeaders
from digitserve_web.pages import Reading
from digitserve_web.pictures import Preparation
from digitserve_web.problems import HANDLERS
from digitserve_web.settings import Settings
from digitserve_web.site import Site
from digitserve_web.uploads import Uploads

WORTH_PACKING_BYTES = 1500


def create_app(settings: Settings) -> Starlette:
    """The web service as an ASGI application, for one life."""
    client = AsyncDigitClient(
        settings.target,
        timeout_s=settings.timeout_s,
        tls=Tls(root_certificates=settings.root_certificates) if settings.root_certificates else settings.tls,
        token=settings.token_file.read_text().strip() if settings.token_file else None,
    )
    preparation = Preparation(settings.usable_threads, settings.max_pixels)

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield
        preparation.close()

    api = Api(client, Uploads(settings), preparation, Reading(preparation))
    parts = (api, Documents(settings.models), Site())
    return Starlette(
        routes=[route for part in parts for route in part.routes()],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(GZipMiddleware, minimum_size=WORTH_PACKING_BYTES),
        ],
        exception_handlers=HANDLERS,
        lifespan=life,
    )
