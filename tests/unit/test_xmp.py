"""XMP in MP4 files: what is written can be read, the video stays as it is, and nothing hostile is parsed."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from credentials import boxes, clip_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.media.video_facts import probe
from adapters.media.video_frames import read_frames
from adapters.media.xmp import XMP_BOX, Xmp, copy_with_xmp, packet, read_xmp
from manifests.credentials.definition import IPTC
from manifests.errors import EncodingError

COFFEE = Xmp(
    title="Kaffee ☕ & Kuchen <heiß>",
    description="قهوة الصباح",
    keywords=("coffee", "朝のコーヒー", "a, b"),
    source_type="compositeWithTrainedAlgorithmicMedia",
    creator_tool="Reelmill 0.1.0",
    ai_system="Reelmill starter",
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip_bytes())
    return path


def test_what_is_written_can_be_read(clip, tmp_path):
    copy_with_xmp(clip, tmp_path / "out.mp4", COFFEE)
    assert read_xmp(tmp_path / "out.mp4") == COFFEE
    assert read_xmp(clip) is None


def test_the_packet_has_the_properties_that_exiftool_and_agencies_read():
    text = packet(COFFEE).decode()
    assert text.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta')
    assert text.endswith('<?xpacket end="r"?>')
    for part in (
        '<rdf:li xml:lang="x-default">Kaffee ☕ &amp; Kuchen &lt;heiß&gt;</rdf:li></rdf:Alt></dc:title>',
        "<dc:subject><rdf:Bag><rdf:li>coffee</rdf:li><rdf:li>朝のコーヒー</rdf:li><rdf:li>a, b</rdf:li></rdf:Bag>",
        "<xmp:CreatorTool>Reelmill 0.1.0</xmp:CreatorTool>",
        f"<Iptc4xmpExt:DigitalSourceType>{IPTC}compositeWithTrainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
        "<Iptc4xmpExt:AISystemUsed>Reelmill starter</Iptc4xmpExt:AISystemUsed>",
    ):
        assert part in text


def test_the_video_stays_as_it_is(clip, tmp_path):
    out = tmp_path / "out.mp4"
    copy_with_xmp(clip, out, COFFEE)
    before, after = clip.read_bytes(), out.read_bytes()
    assert after[: len(before)] == before
    assert [kind for kind, _, _ in boxes(after)] == [*(kind for kind, _, _ in boxes(before)), "uuid"]
    assert after[len(before) + 8 : len(before) + 24] == XMP_BOX
    assert probe(out).faststart
    assert np.array_equal(read_frames(out), read_frames(clip))


def test_metadata_are_replaced_and_not_repeated(clip, tmp_path):
    copy_with_xmp(clip, tmp_path / "first.mp4", COFFEE)
    copy_with_xmp(tmp_path / "first.mp4", tmp_path / "second.mp4", Xmp(title="Tea"))
    assert read_xmp(tmp_path / "second.mp4") == Xmp(title="Tea")
    assert (tmp_path / "second.mp4").read_bytes().count(XMP_BOX) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=st.text(st.characters(exclude_categories=()), max_size=60),
    keywords=st.lists(st.text(st.characters(exclude_categories=()), max_size=20), max_size=5),
)
def test_any_text_can_be_written(clip, tmp_path, title, keywords):
    copy_with_xmp(clip, tmp_path / "out.mp4", Xmp(title=title, keywords=tuple(keywords)))
    found = read_xmp(tmp_path / "out.mp4")
    assert found is not None
    assert found.title.split() == allowed(title).split()
    assert list(found.keywords) == [" ".join(allowed(each).split()) for each in keywords if allowed(each).split()]


def allowed(text: str) -> str:
    """Return the text with a space for each character that XML 1.0 does not allow."""
    return re.sub("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a video",
        clip_bytes()[:-9],
        clip_bytes() + struct.pack(">I4s", 0, b"free"),
    ],
)
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "file.mp4").write_bytes(data)
    with pytest.raises(EncodingError, match=r"Cannot add metadata to file\.mp4"):
        copy_with_xmp(tmp_path / "file.mp4", tmp_path / "out.mp4", COFFEE)
    assert {path.name for path in tmp_path.iterdir()} == {"file.mp4"}


@pytest.mark.parametrize(
    "content",
    [
        b"<unclosed",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>',
        b"\xff\xfe\x00",
    ],
)
def test_hostile_packets_are_not_parsed(tmp_path, content):
    box = struct.pack(">I4s", 24 + len(content), b"uuid") + XMP_BOX + content
    (tmp_path / "file.mp4").write_bytes(clip_bytes() + box)
    assert read_xmp(tmp_path / "file.mp4") is None


def test_properties_as_attributes_are_read(tmp_path):
    content = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Premiere"/></rdf:RDF></x:xmpmeta>'
    )
    box = struct.pack(">I4s", 24 + len(content), b"uuid") + XMP_BOX + content
    (tmp_path / "file.mp4").write_bytes(clip_bytes() + box)
    assert read_xmp(tmp_path / "file.mp4") == Xmp(creator_tool="Premiere")
