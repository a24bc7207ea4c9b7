#!/usr/bin/env python3
"""Makes fqgan/plot/font_table.h: Latin-1 (ISO 8859-1) in a 6 x 13 bitmap font, from a PCF file.

    scripts/make_font.py 6x13-ISO8859-1.pcf.gz > fqgan/plot/font_table.h

The font is "fixed" of X11 (misc-fixed 6x13, public domain), which Debian has in its package xfonts-base.
"""

import gzip
import pathlib
import struct
import sys

WIDTH, ASCENT, DESCENT = 6, 11, 2  # pixels; rows are counted from ASCENT above the baseline
FIRST, LAST = 0x20, 0xFF  # with a gap from 0x7F to 0x9F, whose glyphs are empty
METRICS, BITMAPS, ENCODINGS = 1 << 2, 1 << 3, 1 << 5  # kinds of tables in a PCF file
COMPRESSED_METRICS, BIG_ENDIAN, BITS_FROM_THE_LEFT, PADDING = 0x100, 4, 8, 3  # flags of a table's format


class Table:
    """One table of the file, read from front to back. Its first word is the format, always little-endian."""

    def __init__(self, data, offset):
        self.data, self.at, self.order = data, offset, "<"
        (self.format,) = self.read("I")
        self.order = ">" if self.format & BIG_ENDIAN else "<"

    def read(self, fields):
        values = struct.unpack_from(self.order + fields, self.data, self.at)
        self.at += struct.calcsize(self.order + fields)
        return values


def open_tables(data):
    if data[:4] != b"\x01fcp":
        sys.exit("expected a PCF font (*.pcf or *.pcf.gz)")
    (count,) = struct.unpack_from("<I", data, 4)
    entries = [struct.unpack_from("<IIII", data, 8 + 16 * i) for i in range(count)]
    return {kind: Table(data, offset) for kind, _, _, offset in entries}


def read_metrics(table):
    """Returns for each glyph the left and right edge, advance, ascent and descent, in pixels."""
    if table.format & COMPRESSED_METRICS:
        (count,) = table.read("H")
        return [[value - 0x80 for value in table.read("5B")] for _ in range(count)]
    (count,) = table.read("I")
    return [table.read("5hH")[:5] for _ in range(count)]


def read_bitmaps(table):
    """Returns a function from glyph and row to the bits of the row. The left pixel is the highest of 8 bits."""
    if not table.format & BITS_FROM_THE_LEFT:
        sys.exit("expected bitmaps whose highest bit is the left pixel")
    (count,) = table.read("I")
    offsets = table.read(f"{count}I")
    table.read("4I")  # sizes of the data under each padding
    row_bytes = 1 << (table.format & PADDING)
    return lambda glyph, row: table.data[table.at + offsets[glyph] + row * row_bytes]


def read_encodings(table):
    """Returns the map from character codes below 256 to glyphs."""
    first, last, first_row, _, _ = table.read("5H")
    if first_row != 0:
        sys.exit("expected a font with ASCII")
    return dict(zip(range(first, last + 1), table.read(f"{last - first + 1}H")))


def glyph_rows(metrics, bitmap, glyph):
    """Returns the ASCENT + DESCENT rows of a cell, one byte each."""
    left, right, advance, ascent, descent = metrics[glyph]
    if advance != WIDTH or left < 0 or right > WIDTH or ascent > ASCENT or descent > DESCENT:
        sys.exit(f"expected glyphs of {WIDTH} x {ASCENT + DESCENT} pixels")
    rows = [0] * (ASCENT + DESCENT)
    for row in range(ascent + descent):
        rows[ASCENT - ascent + row] = bitmap(glyph, row) >> left
    return rows


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[1]).read_bytes()
    tables = open_tables(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    metrics, bitmap = read_metrics(tables[METRICS]), read_bitmaps(tables[BITMAPS])
    glyphs = read_encodings(tables[ENCODINGS])
    print(f"""\
// Latin-1, 6 x 13 pixels per character, from the space on: the public-domain font "fixed" of X11 (misc-fixed 6x13).
// One byte per row from the top; the left pixel is the highest bit. Made by scripts/make_font.py; do not edit.
#pragma once

#include <cstdint>

namespace fqgan {{

inline constexpr uint8_t font_table[{LAST - FIRST + 1}][{ASCENT + DESCENT}] = {{""")
    for code in range(FIRST, LAST + 1):
        empty = 0x7F <= code <= 0x9F
        rows = [0] * (ASCENT + DESCENT) if empty else glyph_rows(metrics, bitmap, glyphs[code])
        name = f"'{chr(code)}'" if code < 0x7F else f"{code:#x}"
        print(f"    {{{', '.join(f'0x{row:02x}' for row in rows)}}},  // {name}")
    print("};\n\n}  // namespace fqgan")


if __name__ == "__main__":
    main()
