"""Every failure that Exeat can name, and what each one means to the caller.

Rule 1: a failure has one name, its code; status, title, advice and Proxy-Status word are read from MEANINGS.
Rule 2: nothing else in the project decides a status for a failure.
Rule 3: `detail` is written by Exeat: it never holds a secret, nor a byte of what an upstream answered.
"""

from exeat.errors.code import Code
from exeat.errors.meanings import MEANINGS, Meaning

__all__ = ["MEANINGS", "Code", "GatewayError", "Meaning"]


class GatewayError(Exception):
    """What Exeat refuses or fails at; the only exception that leaves a policy or a phase.

    `detail` is one sentence for the caller, `allow` the methods that a 405 lists. `untouched` says that no byte of the
    request was sent upstream, so that another attempt can't repeat anything. `closes` says that the framing of the
    caller's connection is in doubt, so that it has to be closed. `retry_after` is in how many seconds it is worth to
    call again, where that is known better than the code knows it. Raised from the exception that caused it, if any.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        hint: str | None = None,
        allow: str | None = None,
        untouched: bool = False,
        closes: bool = False,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.hint = hint
        self.allow = allow
        self.untouched = untouched
        self.closes = closes
        self._retry_after = retry_after

    @property
    def meaning(self) -> Meaning:
        """The row of the table for this error's code."""
        return MEANINGS[self.code]

    @property
    def retry_after(self) -> int | None:
        """In how many seconds it is worth to call again: what is known, else what the code advises."""
        return self.meaning.retry_after if self._retry_after is None else self._retry_after
