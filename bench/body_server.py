"""The upstream for large bodies, a process of its own: sends bytes, counts bytes, echoes a head.

Blocking threads and fixed buffers: it must cost less than any proxy before it, not scale.
"""

import json
import socket
import ssl
import sys
import threading

from testbed import Testbed
from upstream import TLS_CIPHER

_CHUNK = memoryview(bytes(256 * 1024))
_HEAD_END = b"\r\n\r\n"


# Python sets no TLS 1.3 cipher suites itself; the library reads them from here.
_OPENSSL_CONFIG = """\
openssl_conf = all
[all]
ssl_conf = programs
[programs]
system_default = suites
[suites]
Ciphersuites = {cipher}
"""


def body_server_command(testbed: Testbed) -> tuple[str, ...]:
    """Write its OpenSSL configuration and return what starts it."""
    config = testbed.file("bodies/openssl.cnf")
    config.write_text(_OPENSSL_CONFIG.format(cipher=TLS_CIPHER))
    ports, certificates = testbed.upstream_ports, testbed.certificates
    files = (str(certificates.server), str(certificates.key))
    listen = (str(ports["bodies"]), str(ports["bodies-tls"]))
    return ("env", f"OPENSSL_CONF={config}", sys.executable, __file__, *listen, *files)


def serve(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    """Accept for ever; one thread for each connection."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(connection, context), daemon=True).start()


def _converse(connection: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        secured = context.wrap_socket(connection, server_side=True) if context else connection
        with secured:
            while _exchange(secured):
                pass
    except OSError:
        connection.close()


def _exchange(connection: socket.socket) -> bool:
    """Serve one request; false when the other side has ended."""
    received = bytearray()
    while _HEAD_END not in received:
        piece = connection.recv(65536)
        if not piece:
            return False
        received += piece
    head, _, body = bytes(received).partition(_HEAD_END)
    path = head.split(b" ", 2)[1].decode()
    if path.startswith("/download/"):
        _send_body(connection, int(path.removeprefix("/download/")))
    elif path == "/upload":
        _answer(connection, json.dumps({"received": _count_body(connection, head, len(body))}))
    else:
        _answer(connection, head.decode("latin-1"))
    return True


def _send_body(connection: socket.socket, size: int) -> None:
    _send_head(connection, size)
    sent = 0
    while sent < size:
        piece = _CHUNK[: size - sent]
        connection.sendall(piece)
        sent += len(piece)


def _count_body(connection: socket.socket, head: bytes, already: int) -> int:
    buffer = memoryview(bytearray(len(_CHUNK)))
    length = _content_length(head)
    while already < length:
        got = connection.recv_into(buffer)
        if not got:
            break
        already += got
    return already


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise OSError("the proxy changed the framing of the body: no Content-Length")


def _answer(connection: socket.socket, text: str) -> None:
    _send_head(connection, len(text))
    connection.sendall(text.encode("latin-1"))


def _send_head(connection: socket.socket, length: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode())


def main() -> None:
    plain_port, tls_port, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    secure = socket.create_server(("127.0.0.1", int(tls_port)), backlog=128)
    threading.Thread(target=serve, args=(secure, context), daemon=True).start()
    serve(socket.create_server(("127.0.0.1", int(plain_port)), backlog=128), None)


if __name__ == "__main__":
    main()
