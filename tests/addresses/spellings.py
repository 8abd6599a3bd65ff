"""Ways to write a place, each with what it means: a host that is accepted in one form, or nothing.

Every spelling is built from its meaning, so that no second parser is needed to know it.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from hypothesis import strategies as st

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
PUBLIC_4 = ("93.184.215.14", "8.8.8.8", "172.32.0.1", "100.63.255.255", "11.0.0.1", "223.255.255.1")
PRIVATE_4 = ("10.1.2.3", "127.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "240.0.0.1", "198.18.0.1")
NEVER_4 = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "0.0.0.0", "224.0.0.1")  # noqa: S104 - never bound
PUBLIC_6 = ("2606:2800:21f::1", "2001:4860:4860::8888", "2600:0:0:1:0:5efe:5db8:d70e")
BAD_6 = (
    *("::1", "fd12::1", "fe80::1", "::", "2001:db8::1", "3fff::1", "fec0::1", "100::1", "fd00:ec2::254", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1"),
    *("2002:7f00:1::1", "2002:808:808::1", "2001:0:7f00:1::1", "fe80::5efe:127.0.0.1"),
)
# Digits, letters and full stops that UTS 46 or a C library reads as ASCII.
DIGITS = ("０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨", "⁰¹²³⁴⁵⁶⁷⁸⁹", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")  # noqa: RUF001 - that is the case
STOPS = ("\u3002", "\uff0e", "\uff61")
NOTHING = ("\u00ad", "\u200b", "\u2060", "\ufeff")  # UTS 46 maps these to nothing
JOINERS = ("\u200c", "\u200d")
CONTROLS = ("\0", "\t", "\n", "\r", "\x0b", "\x1f", "\x7f", " ", "\x85", "\xa0")


Place = tuple[str, str, int]  # scheme, canonical host, port
PORTS = {"http": 80, "https": 443}


class Spelling(NamedTuple):
    """A text, and the canonical host that it stands for; None where it has to be refused."""

    text: str
    host: str | None


class Url(NamedTuple):
    """A URL without path, and its meaning: scheme, host and port, or None where it has to be refused."""

    text: str
    meaning: Place | None


fours = st.sampled_from([*PUBLIC_4, *PRIVATE_4, *NEVER_4]) | st.ip_addresses(v=4).map(str)
sixes = st.sampled_from([*PUBLIC_6, *BAD_6]) | st.ip_addresses(v=6).map(str)
publics = st.lists(st.sampled_from([*PUBLIC_4, *PUBLIC_6]), min_size=1, max_size=3).map(tuple)
answers = publics | publics | st.lists(fours | sixes, max_size=3).map(tuple)


@st.composite
def dotted(draw: st.DrawFn) -> Spelling:
    """An IPv4 address in four decimal parts, with or without the trailing dot."""
    text = draw(fours)
    return Spelling(text + draw(st.sampled_from(["", "."])), text)


@st.composite
def odd_fours(draw: st.DrawFn) -> Spelling:
    """An IPv4 address in one of the forms that inet_aton knows and a URL may not have."""
    octets = IPv4Address(draw(fours)).packed
    count = draw(st.integers(1, 4))
    numbers = [*octets[: count - 1], int.from_bytes(octets[count - 1 :])]
    forms = ["{}", "0{:o}", "0x{:x}", "0X{:X}", "0{}", "00{:o}", "0x0{:x}"]
    parts = [draw(st.sampled_from(forms)).format(number) for number in numbers]
    if parts == [str(octet) for octet in octets]:
        parts[draw(st.integers(0, 2))] += draw(st.sampled_from([".0", ".", "%2e0", "\0", "+1", "x"]))
    return Spelling(".".join(parts), None)


@st.composite
def other_digits(draw: st.DrawFn) -> Spelling:
    """An IPv4 address with a digit or a full stop that isn't ASCII, or with a character that is read as nothing."""
    text = draw(fours)
    place = draw(st.integers(0, len(text) - 1))
    other = draw(st.sampled_from(STOPS if text[place] == "." else [digits[int(text[place])] for digits in DIGITS]))
    return Spelling(draw(st.sampled_from([text[:place] + other + text[place + 1 :], text + draw(nothing)])), None)


nothing = st.sampled_from(NOTHING)


@st.composite
def bracketed(draw: st.DrawFn) -> Spelling:
    """An IPv6 address in brackets: compressed or not, in either case, its end in decimal parts or not."""
    address = IPv6Address(draw(sixes))
    tail = IPv4Address(int(address) & 0xFFFFFFFF)
    forms = [address.compressed, address.exploded, f"{address.exploded[:30]}{tail}"]
    if address.exploded.startswith("0000:0000:0000:0000:0000:0000:"):
        forms.append(f"::{tail}")
    text = draw(st.sampled_from(forms))
    return Spelling(f"[{draw(st.sampled_from([text, text.upper()]))}]", str(address))


@st.composite
def broken_sixes(draw: st.DrawFn) -> Spelling:
    """An IPv6 address with a zone, or with brackets that are missing, doubled or around something else."""
    text = draw(sixes)
    forms = ["[{}%25eth0]", "[{}%eth0]", "[{}%251]", "[{}%]", "{}", "[[{}]]", "[{}", "{}]", "[{}]x", "x[{}]", "[{} ]"]
    forms += ["[{}]]", "[v1.{}]", "[{}.]", "[{}].", "[{}::]", "[{}/64]", "%5b{}%5d"]
    return Spelling(draw(st.sampled_from(forms)).format(text), None)


@st.composite
def names(draw: st.DrawFn, known: st.SearchStrategy[str]) -> Spelling:
    """A name that is accepted: in any case, with a trailing dot, in characters that UTS 46 maps."""
    host = draw(known)
    text = draw(cased(host))
    if "xn--" not in host and "_" not in host:  # an internationalised name has no underscore (STD 3)
        text = draw(st.sampled_from([text, draw(mapped(text))]))
    return Spelling(text + draw(st.sampled_from(["", "."])), host)


def cased(text: str) -> st.SearchStrategy[str]:
    """A text with some of its letters in upper case."""
    return st.sets(st.integers(0, len(text) - 1)).map(
        lambda places: "".join(each.upper() if place in places else each for place, each in enumerate(text))
    )


@st.composite
def mapped(draw: st.DrawFn, text: str) -> str:
    """A name with a full-width letter, another full stop, or a character that is mapped to nothing."""
    place = draw(st.integers(0, len(text) - 1))
    each = text[place]
    others = [draw(nothing) + each]
    if each == ".":
        others += STOPS
    elif each.lower() in ALPHABET or each.isdigit():
        others.append(chr(ord(each) + 0xFEE0))
    return text[:place] + draw(st.sampled_from(others)) + text[place + 1 :]


@st.composite
def broken_names(draw: st.DrawFn, known: st.SearchStrategy[str]) -> Spelling:
    """A name with something in it that two programs could read differently."""
    host = draw(known)
    place = draw(st.integers(0, len(host)))
    bad = draw(st.sampled_from([*CONTROLS, "\\", "%2e", "%252e", "%00", "%61", "%", "*", ",", "'", "..", "[", "]"]))
    front = draw(st.sampled_from(["user@", "user:pw@", "@", "8.8.8.8@", "8.8.8.8\\@", "8.8.8.8\0.", "-", ".", ":@"]))
    joined = draw(st.sampled_from(JOINERS))
    back = draw(
        st.sampled_from(["..", "-", ".-x", ".0x7f", ".1", "." + "a" * 64, joined, "@evil.test", "\\@evil.test"])
    )
    return Spelling(draw(st.sampled_from([host[:place] + bad + host[place:], front + host, host + back])), None)


def hosts(known: st.SearchStrategy[str]) -> st.SearchStrategy[Spelling]:
    """A host in any spelling."""
    return st.one_of(
        dotted(), bracketed(), names(known), odd_fours(), other_digits(), broken_sixes(), broken_names(known)
    )


GOOD_PORTS = ("", "", "", ":80", ":443", ":8443", ":8080", ":00443", ":0080", ":65535", ":22", ":1")
BAD_PORTS = (
    *(":", ":0", ":00000", ":65536", ":99999", ":000443", ":443:80", ":+80", ": 80", ":80 ", ":-1", ":0x50", ":http"),
    *(":\uff18\uff10", ":٤٤٣", ":80%20", ":4\n43", ":443\0", "::443", ":443\\", ":443@evil.test"),
)
BAD_SCHEMES = (
    *("ftp://", "file://", "gopher://", "unix://", "ws://", "//", "http//", "httpss://", "ht\ntp://"),
    *("http:\\\\", "https:\\/", "http://http://", "view-source:http://", "http\0://", "", "https:"),
)


@st.composite
def urls(draw: st.DrawFn, known: st.SearchStrategy[str]) -> Url:
    """An origin in any spelling: most of them are right in all but one part."""
    host = draw(hosts(known))
    scheme = draw(st.sampled_from(["http", "https"]))
    port = draw(st.sampled_from(GOOD_PORTS))
    fault = draw(st.sampled_from(["", "", "", "", "", "", "port", "scheme"]))
    if fault == "port":
        return Url(f"{scheme}://{host.text}{draw(st.sampled_from(BAD_PORTS))}", None)
    if fault == "scheme":
        return Url(draw(st.sampled_from(BAD_SCHEMES)) + host.text + port, None)
    text = f"{draw(cased(scheme))}://{host.text}{port}"
    if host.host is None:
        return Url(text, None)
    return Url(text, (scheme, host.host, int(port[1:] or PORTS[scheme])))


@st.composite
def spelt(draw: st.DrawFn, places: st.SearchStrategy[Place]) -> Url:
    """One of these places, spelt in some way that is accepted."""
    scheme, host, port = place = draw(places)
    ports = [f":{port}", f":{port:05}"] + ["", ""] * (port == PORTS[scheme])
    if ":" in host:
        text = draw(st.sampled_from([f"[{host}]", f"[{IPv6Address(host).exploded.upper()}]"]))
    elif is_address(host):
        text = host + draw(st.sampled_from(["", "."]))
    else:
        text = draw(names(st.just(host))).text
    written = draw(st.sampled_from([scheme, scheme, scheme, scheme.upper(), scheme.capitalize()]))
    return Url(f"{written}://{text}{draw(st.sampled_from(ports))}", place)


def is_address(host: str) -> bool:
    """Whether a canonical host is an address."""
    return ":" in host or host.rpartition(".")[2].isdigit()
