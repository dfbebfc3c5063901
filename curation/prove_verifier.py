#!/usr/bin/env python3
"""Checks a Stillhouse proof file on any machine with Python 3.10 or newer; needs nothing else.

    python prove_verifier.py proof.json --key FINGERPRINT

It recomputes the record's commitment, its leaf, the Merkle path (RFC 6962) and the Ed25519 signature (RFC 8032).
Give `--key` the fingerprint you were told by the dataset's owner, on another channel than the proof: without it
you learn only that the proof agrees with itself. Exit code 0: the proof holds; 1: it does not.
"""

import argparse
import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

FORMAT = "stillhouse-proof-1"
STATES = ("kept", "dropped", "quarantined", "failed")
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


class Refused(Exception):
    """The proof does not hold; the message says why."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, as Stillhouse signs it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unhex(text: str, length: int, what: str) -> bytes:
    """Exactly `length` bytes written in lower-case hex."""
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise Refused(f"{what} is not hex") from None
    if len(value) != length or value.hex() != text:
        raise Refused(f"{what} is not {length} bytes in lower-case hex")
    return value


# --- Ed25519, RFC 8032 section 5.1.7 ---------------------------------------------------------------------------


def recover_x(y: int, sign: int) -> int:
    """The x of a point on the curve from its y and the sign of x."""
    if y >= P:
        raise Refused("a point is out of range")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Refused("a point is not on the curve")
    return P - x if x & 1 != sign else x


def point(data: bytes) -> tuple[int, int, int, int]:
    """A point from its 32 bytes, in extended coordinates."""
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = recover_x(y, number >> 255)
    return (x, y, 1, x * y % P)


def add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The sum of two points."""
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar: int, a: tuple[int, ...]) -> tuple[int, ...]:
    """A point added to itself `scalar` times."""
    total: tuple[int, ...] = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, a)
        a, scalar = add(a, a), scalar >> 1
    return total


def signature_fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made with the private half of `public`."""
    key, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    y = 4 * pow(5, P - 2, P) % P
    base = (recover_x(y, 0), y, 1, recover_x(y, 0) * y % P)
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, base), add(r, times(k, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- the tree, RFC 6962 section 2.1 ----------------------------------------------------------------------------


def check_leaf(leaf: dict[str, Any], tree: dict[str, Any]) -> int:
    """A leaf's place, after its path has led to the signed root."""
    data = unhex(leaf["id"], 16, "a leaf's id") + unhex(leaf["commitment"], 32, "a commitment")
    node = hashlib.sha256(b"\x00" + data).digest()
    index, last = leaf["index"], tree["records"] - 1
    path = [unhex(p, 32, "a node of the path") for p in leaf["path"]]
    place = index
    if not isinstance(index, int) or not 0 <= index <= last:
        raise Refused("a leaf's place is outside the tree")
    while last > 0:
        if index % 2 or index < last:
            if not path:
                raise Refused("the path is too short")
            sibling = path.pop(0)
            node = hashlib.sha256(b"\x01" + (sibling + node if index % 2 else node + sibling)).digest()
        index, last = index // 2, last // 2
    if path or node.hex() != tree["root"]:
        raise Refused("the path does not lead to the signed root")
    return place


def check_inclusion(proof: dict[str, Any]) -> str:
    """The row is committed to by a leaf under the root."""
    leaf, row = proof["leaf"], proof["row"]
    place = check_leaf(leaf, proof["tree"])
    made = hmac.new(unhex(proof["record_key"], 32, "the record key"), row.encode(), hashlib.sha256).hexdigest()
    if leaf["id"] != proof["id"] or made != leaf["commitment"]:
        raise Refused("the row is not the one that was sealed")
    state = json.loads(row)["state"]
    if state not in STATES:
        raise Refused("the row has no known state")
    return f"is record {place + 1} of {proof['tree']['records']}, {state}, in"


def check_absence(proof: dict[str, Any]) -> str:
    """The tree is sorted by id: two neighbours, or an end of the tree, leave no room for this id."""
    tree, leaves = proof["tree"], proof["neighbours"]
    places = [check_leaf(leaf, tree) for leaf in leaves]
    ids, size = [leaf["id"] for leaf in leaves], tree["records"]
    if size == 0 and tree["root"] == hashlib.sha256().hexdigest() and not leaves:
        return "is not in"
    between = len(leaves) == 2 and places[1] == places[0] + 1 and ids[0] < proof["id"] < ids[1]
    first = len(leaves) == 1 and places[0] == 0 and proof["id"] < ids[0]
    last = len(leaves) == 1 and places[0] == size - 1 and proof["id"] > ids[0]
    if not (between or first or last):
        raise Refused("the neighbours shown leave room for the sample")
    return "is not in"


def check(proof: dict[str, Any], key: str | None) -> str:
    """One sentence saying what is proven; Refused when it is not."""
    if proof.get("format") != FORMAT:
        raise Refused(f"this is not a {FORMAT} file")
    tree = proof["tree"]
    unhex(proof["id"], 16, "the sample's id")
    public = unhex(tree["public_key"], 32, "the public key")
    fingerprint = hashlib.sha256(public).hexdigest()[:32]
    if key is not None and key.strip().lower() != fingerprint:
        raise Refused(f"it is signed by key {fingerprint}, not by {key}")
    head = {name: tree[name] for name in ("version", "records", "root")}
    if not signature_fits(
        public, unhex(tree["signature"], 64, "the signature"), b"stillhouse-root-1\n" + canonical(head)
    ):
        raise Refused("the signature does not fit the tree head")
    said = check_inclusion(proof) if proof["kind"] == "inclusion" else check_absence(proof)
    return f"sample {proof['id']} {said} version {tree['version']}, signed by key {fingerprint}"


def main() -> int:
    """Read the arguments, print one line."""
    parser = argparse.ArgumentParser(description="Check a Stillhouse proof file.")
    parser.add_argument("proof", type=Path)
    parser.add_argument("--key", help="the fingerprint the owner gave you (32 hex digits)")
    arguments = parser.parse_args()
    try:
        said = check(json.loads(arguments.proof.read_text(encoding="utf-8")), arguments.key)
    except Refused as refused:
        sys.stdout.write(f"REFUSED: {refused}\n")
        return 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stdout.write(f"REFUSED: the file is not a proof ({type(error).__name__}: {error})\n")
        return 1
    warning = "" if arguments.key else " (no --key given: whose key this is, is not checked)"
    sys.stdout.write(f"VALID: {said}{warning}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
