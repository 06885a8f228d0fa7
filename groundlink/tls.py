"""TLS of a client: which broker we trust, and what we show it."""

from __future__ import annotations

import ssl

from groundlink.endpoint import BrokerError, Endpoint


class _ClosedOnFailure(ssl.SSLSocket):
    """A socket that a refused handshake closes; paho forgets about it."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def client_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the context of a client of TLS 1.2 or later, which checks the broker's name.

    Raises:
        BrokerError: a certificate or key of the endpoint cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _ClosedOnFailure
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if endpoint.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(endpoint.ca)
        if endpoint.certificate is not None:
            context.load_cert_chain(endpoint.certificate, endpoint.key)
    except OSError as error:  # a file that is missing, or is none of TLS
        files = ", ".join(str(path) for path in (endpoint.ca, endpoint.certificate) if path)
        raise BrokerError(f"broker {endpoint.url}: {files} cannot be used: {error}") from error
    return context
