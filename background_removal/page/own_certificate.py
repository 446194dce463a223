"""The page's own certificate for HTTPS in the local network, where no authority issues one.

A certificate authority is made for one certificate, and its key deleted: to trust it is to trust this certificate and
no other.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import stat
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from background_removal.errors import InputError
from background_removal.support.installing import install_command

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    raise InputError(
        f"--serve lan needs extra packages ({error.name} is missing): {install_command('page')}"
    ) from error

# Lifetime of a certificate; phones of Apple refuse more than 825 days.
_LIFETIME = timedelta(days=365)
# Time before its end at which it is renewed.
_RENEWAL = timedelta(days=30)
# Time by which a phone's clock may be slow.
_SLOW_CLOCK = timedelta(days=1)
# Names that certificates can hold (RFC 5280, 4.2.1.6).
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_ORGANISATION = "Background Removal"


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate with its key.

    Attributes:
        path: PEM file with the key, the certificate and its authority, readable by its user only.
        fingerprint: SHA-256 of the certificate, as browsers show it: "AB:CD:…".
        authority: Certificate of the authority in DER, which a phone can install.
        token: Derived from the key, so that it lasts as long.
    """

    path: Path
    fingerprint: str
    authority: bytes
    token: str


def provide_certificate(names: Sequence[str], folder: Path) -> OwnCertificate:
    """Return the certificate kept in a folder, or a new one if it lacks a name, ends soon, or others can read its key.

    Args:
        names: Addresses and host names; what no certificate can hold is left out.
        folder: Its folder, made if need be.

    Raises:
        InputError: the file cannot be written.
    """
    path = folder / "lan.pem"
    wanted = [*map(_general_name, filter(_can_be_held, dict.fromkeys(names)))]
    with suppress(OSError, ValueError):  # there is none, or it is damaged
        data = _read_private(path)
        if _is_usable(x509.load_pem_x509_certificates(data)[0], wanted):
            return _describe(path, data)
    data = _make(wanted)
    try:
        _write_private(path, data)
    except OSError as error:
        raise InputError(f"--serve lan: {path}: {error.strerror or error}") from error
    return _describe(path, data)


def _can_be_held(name: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return len(name) <= 253 and bool(_NAME.fullmatch(name))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_usable(certificate: x509.Certificate, wanted: Sequence[x509.GeneralName]) -> bool:
    """Return whether a certificate has all the names, and lasts for a while."""
    try:
        held = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return False
    now = datetime.now(timezone.utc)
    return set(wanted) <= held and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEWAL


def _make(names: Sequence[x509.GeneralName]) -> bytes:
    """Return a new key with its certificate and the authority that issued it, PEM."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # With the time, as browsers refuse two authorities of one name with different keys.
    issuer = _subject(f"authority of {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S}")
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _begin(issuer, issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(for_certificates=True), critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _begin(issuer, _subject("page in the local network"), key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(for_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (certificate, authority))


def _begin(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Return a certificate that is still to be extended and signed."""
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLOW_CLOCK)
        .not_valid_after(now + _LIFETIME)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _key_usage(for_certificates: bool) -> x509.KeyUsage:
    """Return what a key signs: certificates, or handshakes."""
    return x509.KeyUsage(
        digital_signature=not for_certificates, key_cert_sign=for_certificates, crl_sign=for_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _describe(path: Path, data: bytes) -> OwnCertificate:
    """Return the description of a file's content; raises ValueError if the key is not the certificate's."""
    certificate, authority = x509.load_pem_x509_certificates(data)
    key = serialization.load_pem_private_key(data, None)
    if key.public_key() != certificate.public_key():
        raise ValueError("the key is another certificate's")
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return OwnCertificate(
        path,
        certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        authority.public_bytes(serialization.Encoding.DER),
        # 24 bytes, as `secrets.token_urlsafe(24)` has.
        urlsafe_b64encode(hmac.digest(private, b"token of the page", "sha256")[:24]).decode(),
    )


def _read_private(path: Path) -> bytes:
    """Return a file's content; raises OSError if others could read it."""
    with path.open("rb") as file:
        if sys.platform != "win32" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise PermissionError("others can read it")
        return file.read()


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that only its user can read, all of it or nothing; Windows keeps the user's folder private."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
