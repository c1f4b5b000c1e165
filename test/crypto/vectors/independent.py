"""Writes independent.json: what other code than ours makes of the formats in docs/PROTOCOL.md.

Needs Python 3.10 and the package `cryptography` (pyca). Keys and random parts are new in every run; the tests only
read the result, so it need not be run again unless a format changes.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import struct

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, padding as block_padding, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, "sha256").digest()


def hkdf(ikm, info, length):
    return HKDF(hashes.SHA256(), length, None, info).derive(ikm)


def labelled(label, *parts):
    return label.encode() + b"\0" + b"".join(parts)


def u32(number):
    return struct.pack(">I", number)


def sized(data):
    return u32(len(data)) + data


def msgpack(value):
    """As much of MessagePack as the vectors need."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        return struct.pack(">B", value) if value < 128 else b"\xce" + u32(value)
    if isinstance(value, str):
        return b"\xd9" + bytes([len(value.encode())]) + value.encode()
    if isinstance(value, bytes):
        return b"\xc5" + struct.pack(">H", len(value)) + value
    if isinstance(value, list):
        return bytes([0x90 + len(value)]) + b"".join(msgpack(item) for item in value)
    return bytes([0x80 + len(value)]) + b"".join(msgpack(k) + msgpack(v) for k, v in value.items())


def padded_length(length):
    if length <= 256:
        return 256
    exponent = length.bit_length() - 1
    significant = exponent.bit_length()
    unit = 1 << (exponent - significant)
    return -(-length // unit) * unit


def pad(content):
    whole = sized(content)
    return whole + bytes(padded_length(len(whole)) - len(whole))


def seal(key, fmt, purpose, owner, generation, extra, plaintext, iv):
    keys = hkdf(key, b"fastchat sealed record keys v1", 64)
    padder = block_padding.PKCS7(128).padder()
    data = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(algorithms.AES(keys[:32]), modes.CBC(iv)).encryptor()
    content = b"\x01" + iv + encryptor.update(data) + encryptor.finalize()
    context = u32(fmt) + sized(purpose.encode()) + sized(owner.encode()) + u32(generation) + u32(len(extra))
    context += b"".join(sized(part) for part in extra)
    return content + mac(keys[32:], labelled("fastchat sealed record v1", sized(context), content))


class Person:
    def __init__(self, name, bits):
        self.name = name
        self.seed = os.urandom(32)
        self.identity = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self.identity_key = self.identity.public_key().public_bytes(*raw)
        self.account = sha256(labelled("fastchat account id v1", self.identity_key))[:16]
        self.rsa = rsa.generate_private_key(65537, bits)
        der = serialization.Encoding.DER
        self.rsa_public = self.rsa.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.rsa_private = self.rsa.private_bytes(
            der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, label, message):
        return self.identity.sign(labelled(label, message))

    def card(self):
        parts = sized(self.name.encode()), u32(1), sized(self.identity_key), sized(self.rsa_public)
        return {
            "name": self.name,
            "identityKey": b64(self.identity_key),
            "encryptionKey": b64(self.rsa_public),
            "generation": 1,
            "signature": b64(self.sign("fastchat card v1", b"".join(parts))),
        }

    def vector(self):
        return {
            "seed": b64(self.seed),
            "privateKey": b64(self.rsa_private),
            "account": self.account.hex(),
            "card": self.card(),
        }


def oaep(public, label, plaintext):
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)
    return public.encrypt(plaintext, scheme)


def envelope(sender, recipients):
    key, message, device = os.urandom(32), os.urandom(16), os.urandom(16)
    both = b"".join(sorted([sender.account, recipients[0].account]))
    conversation = sha256(labelled("fastchat direct conversation v1", both))
    sent_at = 1_700_000_000_123
    header = b"\x01" + message + conversation + sender.account + device
    header += struct.pack(">IQI", 7, sent_at, 0) + bytes(32)
    header += sha256(labelled("fastchat envelope key commitment v1", key))
    payload = msgpack({"type": "text", "text": "Grüße aus Python"})
    fernet = Fernet(base64.urlsafe_b64encode(key))
    token = base64.urlsafe_b64decode(fernet.encrypt_at_time(pad(payload), sent_at // 1000))
    signature = sender.sign("fastchat envelope v1", header + sha256(token))
    return {
        "message": message.hex(),
        "conversation": conversation.hex(),
        "device": device.hex(),
        "sequence": 7,
        "sentAt": sent_at,
        "text": "Grüße aus Python",
        "envelope": b64(struct.pack(">H", len(header)) + header + signature + token),
        "keys": [b64(oaep(person.rsa.public_key(), sha256(header), key)) for person in recipients],
    }


def vault(person):
    export_key, vault_key, generation = os.urandom(64), os.urandom(32), 3
    owner = person.account.hex()
    archive = {
        "id": os.urandom(16).hex(),
        "token": os.urandom(32),
        "nextToken": None,
        "key": os.urandom(32),
        "indexKey": os.urandom(32),
    }
    keys = [{"generation": 1, "privateKey": person.rsa_private}]
    contents = {"identitySeed": person.seed, "encryptionKeys": keys, "archive": archive, "later": 1}
    public = [sha256(person.identity_key), sha256(person.rsa_public)]
    sealed = seal(vault_key, 1, "vault", owner, generation, public, msgpack(contents), os.urandom(16))
    wrapping_key = hkdf(export_key, b"fastchat vault password key v1", 32)
    wrapped = seal(
        wrapping_key, 1, "vault-key", owner, generation, [b"password"], vault_key, os.urandom(16)
    )
    return {
        "exportKey": b64(export_key),
        "archiveId": archive["id"],
        "record": {
            "generation": generation,
            "sealed": b64(bytes([1, len(public)]) + b"".join(public) + sealed),
            "wrappings": [{"kind": "password", "wrapped": b64(wrapped)}],
        },
    }


def sealed_record():
    key, owner = os.urandom(32), os.urandom(16).hex()
    extra = [b"one", b""]
    return {
        "key": b64(key),
        "owner": owner,
        "plaintext": "kept for later",
        "sealed": b64(seal(key, 9, "export", owner, 4, extra, b"kept for later", os.urandom(16))),
    }


def fingerprint(identity_key):
    digest = sha256(labelled("fastchat safety number v1", identity_key))
    for _ in range(5199):
        digest = sha256(digest + identity_key)
    return [f"{int.from_bytes(digest[at : at + 5], 'big') % 100000:05}" for at in range(0, 30, 5)]


def tags(person, other):
    key, message, conversation = os.urandom(32), os.urandom(16), os.urandom(32)
    digest = os.urandom(32)
    return {
        "indexKey": b64(key),
        "message": message.hex(),
        "conversation": conversation.hex(),
        "bodyHash": b64(digest),
        "chat": b64(mac(key, labelled("fastchat archive chat v1", conversation))),
        "pins": b64(mac(key, labelled("fastchat archive pins v1"))),
        "entry": b64(mac(key, labelled("fastchat archive entry v1", other.account, message))),
        "pin": b64(mac(key, labelled("fastchat archive pin v1", other.name.encode()))),
        "invalid": b64(mac(key, labelled("fastchat archive invalid entry v1", digest))),
        "unjudged": b64(mac(key, labelled("fastchat archive unjudged entry v1", digest))),
    }


def main():
    alice, bob, carol = Person("alice", 2048), Person("bob", 2048), Person("carol", 3072)
    weak = rsa.generate_private_key(65537, 1024)
    odd_exponent = rsa.generate_private_key(3, 2048)
    der = serialization.Encoding.DER
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    lengths = [0, 1, 255, 256, 257, 272, 273, 511, 512, 513, 543, 544, 545, 1000, 4095, 4096, 4097, 65535, 70000]
    result = {
        "alice": alice.vector(),
        "bob": bob.vector(),
        "carol": carol.vector(),
        "weakKey": b64(weak.public_key().public_bytes(der, spki)),
        "exponentThreeKey": b64(odd_exponent.public_key().public_bytes(der, spki)),
        "padded": [[length, padded_length(length)] for length in lengths],
        "envelope": envelope(alice, [bob, carol]),
        "envelopeToCarol": envelope(alice, [carol]),
        "vault": vault(alice),
        "sealed": sealed_record(),
        "tags": tags(alice, bob),
        "safetyNumber": " ".join(sum(sorted([fingerprint(alice.identity_key), fingerprint(bob.identity_key)]), [])),
    }
    path = pathlib.Path(__file__).with_name("independent.json")
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
