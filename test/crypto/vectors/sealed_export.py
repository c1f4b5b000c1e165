"""Writes sealed-export.json: a sealed export as docs/PROTOCOL.md has it, made by other code than ours.

Needs what independent.py needs. The salt is new in every run.
"""
import json
import os
import pathlib

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from independent import b64, hkdf, seal, sha256, sized

# A record holds up to 64 KiB.
RECORD = 2048


def sealed_export(password, content, log_n, r, p):
    salt = os.urandom(16)
    head = b"FCEXPORT" + bytes([1, log_n, r, p]) + salt
    stretched = Scrypt(salt=salt, length=32, n=2**log_n, r=r, p=p).derive(password.encode())
    key = hkdf(stretched, b"fastchat export password key v1", 32)
    pieces = [content[at : at + RECORD] for at in range(0, len(content), RECORD)]
    file = head
    for number, piece in enumerate(pieces):
        last = bytes([number == len(pieces) - 1])
        file += last + sized(seal(key, 1, "export", salt.hex(), number, [head, last], piece, os.urandom(16)))
    return file


def main():
    password, lines = "correct horse \u00e4", 400
    content = "".join(f"line {number}\n" for number in range(lines)).encode()
    result = {
        "password": password,
        "lines": lines,
        "hash": b64(sha256(content)),
        "file": b64(sealed_export(password, content, 10, 8, 2)),
    }
    path = pathlib.Path(__file__).with_name("sealed-export.json")
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
