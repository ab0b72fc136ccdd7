"""What is said of access when a server starts: once, however many processes serve."""

import ipaddress
import logging

from digitserve_serving.access.certificates import server_credentials
from digitserve_serving.access.guard import Guard
from digitserve_serving.settings import Settings

log = logging.getLogger(__name__)


def check_access(settings: Settings) -> None:
    """Reads what the settings name, and warns of tokens that travel in the clear. Raises BadFile."""
    plaintext = server_credentials(settings) is None
    if Guard(settings).wants_tokens and plaintext and not is_loopback(settings.host):
        log.warning(
            "tokens are wanted, and travel in the clear to %s: add --tls-certificate and --tls-key, unless"
            " a proxy before this server ends TLS",
            settings.host,
        )


def is_loopback(host: str) -> bool:
    """Whether nobody on another machine can reach an address or a name."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
