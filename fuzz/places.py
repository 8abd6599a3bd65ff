"""The small configuration in which the targets find out where a request goes."""

from tests.support.values import destination, snapshot, upstream

PLACES = snapshot(
    upstream("api", "https://api.test"),
    upstream("billing", "https://a.billing.test/v1", "https://[2001:db8::1]:8443", hosts=("billing.test",)),
    destinations=[destination("*.example.org"), destination("example.com:8443")],
    domains=(b"gateway.test",),
)
