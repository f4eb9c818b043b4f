#!/usr/bin/env python3
"""Writes the wheels of this example into `wheels/`: small ones, the same bytes everywhere.

They stand for what `pip download` would fetch. Two are for any machine, one is for two kinds of processors.
"""

import base64
import hashlib
import pathlib
import struct
import zipfile

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.9\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: example\nRoot-Is-Purelib: {pure}\n{tags}"


def shared_object(machine):
    """The header of an ELF file for a machine, which is all that anybody looks at here."""
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    return ident + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0)


def write(folder, name, version, tag, files, scripts=()):
    """Writes a wheel. `files` are its files by path, `scripts` lines of `console_scripts`."""
    info = f"{name}-{version}.dist-info"
    pure = tag.endswith("-any")
    files = dict(files)
    files[f"{info}/METADATA"] = METADATA.format(name=name.replace("_", "-"), version=version)
    files[f"{info}/WHEEL"] = WHEEL.format(pure=str(pure).lower(), tags=f"Tag: {tag}\n")
    if scripts:
        files[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "".join(f"{line}\n" for line in scripts)
    files = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    rows = []
    for path, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = ("".join(rows) + f"{info}/RECORD,,\n").encode()
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            member = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content)


def main():
    folder = pathlib.Path(__file__).resolve().parent / "wheels"
    folder.mkdir(exist_ok=True)
    write(
        folder,
        "ledger",
        "1.4.0",
        "py3-none-any",
        {
            "ledger/__init__.py": "from ledger.book import Book\n",
            "ledger/book.py": "class Book(list):\n    def total(self):\n        return sum(self)\n",
            "ledger/cli.py": "from ledger import Book\n\n\ndef main():\n    print(Book([1, 2, 3]).total())\n",
        },
        ["ledger = ledger.cli:main"],
    )
    write(folder, "tidy_money", "0.3.1", "py3-none-any", {"tidy_money.py": "def cents(text):\n    return round(float(text) * 100)\n"})
    for machine, number in (("x86_64", 62), ("aarch64", 183)):
        write(
            folder,
            "swift_sum",
            "2.0.0",
            f"cp312-cp312-manylinux_2_17_{machine}",
            {
                "swift_sum/__init__.py": "try:\n    from swift_sum._sum import total\nexcept ImportError:\n    total = sum\n",
                f"swift_sum/_sum.cpython-312-{machine}-linux-gnu.so": shared_object(number),
            },
        )


if __name__ == "__main__":
    main()
