"""XML from devices: read into a small tree, or refused before it costs anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.nat.device_xml import LONGEST, MOST_ELEMENTS, MOST_NESTED, read_xml
from p2pd.protocols.nat.mapping import NatFormatError

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE root [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
<root>&b;</root>"""


def test_names_are_without_their_namespace_and_texts_without_blanks():
    root = read_xml(b"<x:root xmlns:x='u'><x:a> 1\n</x:a><b><a>2</a></b><a>3</a></x:root>\0\0\r\n")
    assert root.name == "root"
    assert root.value("a") == "1"
    assert [each.name for each in root.walk()] == ["root", "a", "b", "a", "a"]
    assert [each.text for each in root.walk() if each.name == "a"] == ["1", "2", "3"]
    assert root.value("c") == ""


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        b"<!DOCTYPE root SYSTEM 'file:///etc/passwd'><root/>",
        b"<!DOCTYPE root SYSTEM 'http://192.0.2.1/x.dtd'><root/>",
        b"<root>&made_up;</root>",
        b"",
        b"<a><b></a>",
        b"<a/><b/>",
        b"not XML",
        b"<a>" * (MOST_NESTED + 1) + b"</a>" * (MOST_NESTED + 1),
        b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
        b"<a " + b" ".join(b"x%d='1'" % n for n in range(40)) + b"/>",
        b"<a>" + b"x" * LONGEST + b"</a>",
        b"<?xml version='1.0' encoding='nobody-has-this'?><a/>",
        b"<?xml version='1.0' encoding='utf-7'?><a/>",
        "<a>\ud800</a>".encode("utf-8", "surrogatepass"),
    ],
)
def test_what_no_device_needs_is_refused(data):
    with pytest.raises(NatFormatError):
        read_xml(data)


def test_encodings_that_devices_use_are_known():
    assert read_xml("<a>é</a>".encode()).text == "é"
    assert read_xml(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>").text == "é"
    assert read_xml("<a>é</a>".encode("utf-16")).text == "é"


@given(st.text(alphabet="<>ab/&;!'=\"? []", max_size=120).map(str.encode) | st.binary(max_size=80))
def test_anything_is_read_or_refused(data):
    words = ""
    try:
        read_xml(data)
    except NatFormatError as problem:
        words = str(problem)
    assert words.isprintable()
