"""A signed fragmented video (DASH, HLS), made from real H.264.

The signing library signs fragmented videos only through its Rust API, so the hashes are computed here (C2PA 2.4,
18.6) and put into the manifest; the library signs them, and verifies them with `Reader.with_fragment`.
"""

import ctypes
import hashlib
import io
import struct
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from c2pa import Builder, C2paSigningAlg, Context, Settings, Signer
from c2pa import c2pa as native
from credentials import boxes

from adapters.c2pa.certificates import key_signs, to_pem
from adapters.c2pa.development_ca import development_chain

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
EXCLUDED = ("ftyp", "mfra")
CAPTURED = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


class FragmentedVideo(NamedTuple):
    """The files of a video, and the root of its signer."""

    init: Path
    fragments: list[Path]
    anchors: str


def write_fragmented_video(folder: Path, shade: int = 0) -> FragmentedVideo:
    """Write a signed video with three fragments of one second, of increasing brightness from ``shade``."""
    init, fragments = _encoded(shade)
    fragments = [_box(b"merkle\0" + _position(index)) + fragment for index, fragment in enumerate(fragments)]
    chain, key = development_chain(folder / "ca")
    sign = key_signs(key, chain, folder)
    with Signer.from_callback(sign, C2paSigningAlg.ES256, to_pem(chain.certificates), None) as signer:
        context = Context(settings=Settings.from_dict({}), signer=signer)
        hashes = [_hash(fragment) for fragment in fragments]
        draft = _insert(init, _credential(context, bytes(range(100, 132)), hashes))
        signed = _insert(init, _credential(context, _hash(draft), hashes))
    assert len(signed) == len(draft)  # the hash of the initialization segment depends on the size of the credential
    files = [folder / f"seg-{index}.m4s" for index in range(len(fragments))]
    for path, content in zip(files, fragments, strict=True):
        path.write_bytes(content)
    (folder / "init.mp4").write_bytes(signed)
    return FragmentedVideo(folder / "init.mp4", files, to_pem(chain.anchors))


def _encoded(shade: int) -> tuple[bytes, list[bytes]]:
    out = io.BytesIO()
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(out, "w", format="mp4", options=flags) as container:
        stream = container.add_stream("libx264", rate=8, options={"g": "8"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), shade + index * 5, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data, init, fragments = out.getvalue(), b"", []
    for kind, start, end in boxes(data):
        if kind in ("ftyp", "moov"):
            init += data[start:end]
        elif kind == "moof":
            fragments.append(data[start:end])
        elif kind == "mdat":
            fragments[-1] += data[start:end]
    return init, fragments


def _box(content: bytes) -> bytes:
    whole = C2PA_UUID + bytes(4) + content
    return struct.pack(">I4s", 8 + len(whole), b"uuid") + whole


def _position(index: int) -> bytes:
    """Return the CBOR map {uniqueId: 1, localId: 1, location: index}."""
    names = [bytes([0x60 + len(name)]) + name.encode() for name in ("uniqueId", "localId", "location")]
    return b"\xa3" + names[0] + b"\1" + names[1] + b"\1" + names[2] + bytes([index])


def _hash(data: bytes) -> bytes:
    """Hash the boxes that are not excluded, each after its position in the file."""
    digest = hashlib.sha256()
    for kind, start, end in boxes(data):
        if kind not in EXCLUDED and data[start + 8 : start + 24] != C2PA_UUID:
            digest.update(struct.pack(">Q", start) + data[start:end])
    return digest.digest()


def _insert(init: bytes, credential: bytes) -> bytes:
    _, _, end = boxes(init)[0]
    return init[:end] + credential + init[end:]


def _credential(context: Context, init_hash: bytes, hashes: list[bytes]) -> bytes:
    merkle = {
        "uniqueId": 1,
        "localId": 1,
        "count": len(hashes),
        "alg": "sha256",
        "initHash": list(init_hash),
        "hashes": [list(each) for each in hashes],
    }
    exclusions = [
        {"xpath": "/uuid", "data": [{"offset": 8, "value": list(C2PA_UUID)}]},
        *({"xpath": f"/{kind}"} for kind in EXCLUDED),
    ]
    bound = {"exclusions": exclusions, "alg": "sha256", "name": "jumbf manifest", "merkle": [merkle]}
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": CAPTURED}]}
    definition = {
        "claim_generator_info": [{"name": "A streaming server", "version": "1"}],
        "title": "stream",
        "assertions": [
            {"label": "c2pa.actions.v2", "created": True, "data": actions},
            {"label": "c2pa.hash.bmff.v3", "created": True, "data": bound},
        ],
    }
    sign = native._lib.c2pa_builder_sign_embeddable
    sign.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(ctypes.c_ubyte))]
    sign.restype = ctypes.c_int64
    out = ctypes.POINTER(ctypes.c_ubyte)()
    with Builder(definition, context=context) as builder:
        size = sign(builder._handle, b"video/mp4", ctypes.byref(out))
    assert size > 0, "the library refused to sign"
    return ctypes.string_at(out, size)
