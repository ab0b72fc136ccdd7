"""Why there is no connection, from what gRPC says of it."""

import socket

CONNECTING = "last error: "  # what each policy of gRPC says of all the addresses it has tried
UNRESOLVED = ("DNS resolution", "name resolution", "lookup failed")
HUNG_UP = ("Socket closed", "reset by peer", "Broken pipe")
KNOCK_TIMEOUT_S = 0.2


def tls_problem(text: str, target: str) -> str:
    """What is wrong with TLS, so that no other attempt would help, and what to do; or ''."""
    if CONNECTING not in text:
        return ""
    if "WRONG_VERSION_NUMBER" in text:
        return f"the server at {target} answers in plaintext, and TLS was asked for: leave `tls` (--tls) out"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("CERTIFICATE_VERIFY_FAILED: ")[2].partition(":")[0]
        return (
            f"the certificate of the server at {target} is not trusted ({why or 'no reason given'}): name"
            " the authority that has signed it (Tls(root_certificates=...), --ca)"
        )
    if "Hostname Verification" in text:
        return f"the certificate of the server at {target} is for other names than this one"
    return f"no TLS with the server at {target}: {text}" if "Tls handshake failed" in text else ""


def unreachable(text: str, target: str, *, secure: bool, knock: bool) -> str:
    """What to look at when nobody answers. Whoever wants TLS, or a certificate, hangs up without a word.

    knock: whether to find out if anybody takes connections there, which may take a while.
    """
    if any(sign in text for sign in UNRESOLVED):
        return f"the name in the target {target!r} cannot be resolved: host:port is wanted"
    if CONNECTING in text and (any(sign in text for sign in HUNG_UP) or (knock and _opens(target))):
        certificate = "a client certificate, or another, or its own key (`Tls`, --client-certificate)"
        wanted = certificate if secure else "TLS (`tls`, --tls)"
        return f"the server at {target} hangs up: does it want {wanted}? Or it has all the callers it takes"
    if ":" not in target:
        return f"no server answers at {target}, port 443, as the target names no other: host:port is wanted"
    return f"no server answers at {target}: is it running there? (`make serve` starts one)"


def _opens(target: str) -> bool:
    """Whether somebody takes connections there.

    gRPC tells only what was wrong with the last address, and localhost has two: nobody may listen on one.
    """
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False
