"""Where an exchange stands in a trace, and the spans of its attempts; there is none where nobody wants traces."""

from collections.abc import Callable
from typing import Final, final

from exeat.wire.http1 import RequestHead
from exeat.wire.trace_context import Parent, render_traceparent, with_parent


@final
class Trace:
    """The span of one exchange. `parent` is what the caller came from; `state` its `tracestate`.

    `attempts` are the identifiers of the attempts' spans, in order; `make_id` makes the next one.
    """

    __slots__ = ("attempts", "is_sampled", "make_id", "parent", "span_id", "state", "trace_id")

    def __init__(
        self,
        trace_id: str,
        parent: Parent | None,
        state: str,
        is_sampled: bool,  # noqa: FBT001 - one for each exchange: a keyword costs as much as the argument
        make_id: Callable[[], str],
    ) -> None:
        self.trace_id: Final = trace_id
        self.span_id: Final = make_id()
        self.parent: Final = parent
        self.state: Final = state
        self.is_sampled: Final = is_sampled
        self.make_id: Final = make_id
        self.attempts: Final[list[str]] = []

    def attempt(self, head: RequestHead) -> RequestHead:
        """Begin the span of an attempt: the request as it says that it comes from there."""
        span_id = self.make_id()
        self.attempts.append(span_id)
        line = render_traceparent(self.trace_id, span_id, sampled=self.is_sampled)
        return with_parent(head, line, keeps_state=self.parent is not None)
