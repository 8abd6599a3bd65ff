"""What goes around every answer: a request's id, the fields that keep browsers careful, and what nobody expected.

The outermost layer, so that it holds for refusals and faults too.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal, answer
from exeat.admin.services import Services

REQUEST_ID_LENGTH = 20
# Fields that an answer has unless it says otherwise, as a page of the dashboard may.
CAREFUL = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Surroundings:
    """The layer around the application."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._services.symbols(REQUEST_ID_LENGTH)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _dress(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            self._services.report(error, request_id)
            if begun:
                raise  # the connection is cut: what has been sent isn't whole
            fault = Refusal(Code.INTERNAL, "The request met a fault of Exeat; the log says more.")
            await answer(fault, request_id)(scope, receive, send_on)


def _dress(headers: MutableHeaders, request_id: str) -> None:
    for name, value in CAREFUL.items():
        headers.setdefault(name, value)
    headers["Exeat-Request-Id"] = request_id
