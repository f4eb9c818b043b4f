//! Shapes: how a header writes what it says.

use crate::digest::Digest;

/// The numbers of a header, and where they stand.
const NUMBERS: [(&str, std::ops::Range<usize>); 8] = [
    ("mode", 100..108),
    ("uid", 108..116),
    ("gid", 116..124),
    ("size", 124..136),
    ("mtime", 136..148),
    ("checksum", 148..156),
    ("devmajor", 329..337),
    ("devminor", 337..345),
];
/// Where the type of an entry stands.
const TYPE: usize = 156;

/// What a header holds beside what a member says: of numbers it is how they are written that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    numbers: [[u8; 12]; NUMBERS.len()],
    /// Files have three types that mean the same.
    kind: u8,
    /// The rest.
    rest: Digest,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape { numbers: [[0; 12]; NUMBERS.len()], kind: b'0', rest: Digest::of(b"") }
    }
}

impl Shape {
    /// The shape of a header.
    pub(super) fn of(header: &[u8; 512]) -> Shape {
        let mut numbers = [[0; 12]; NUMBERS.len()];
        let mut rest = *header;
        for ((_, place), number) in NUMBERS.iter().zip(&mut numbers) {
            let field = &mut rest[place.clone()];
            if field[0] & 0x80 != 0 {
                number[0] = field[0] & 0xc0;
            } else {
                for (shape, byte) in number.iter_mut().zip(&*field) {
                    *shape = if byte.is_ascii_digit() { b'0' } else { *byte };
                }
            }
            field.fill(0);
        }
        let kind = if matches!(header[TYPE], 0 | b'7') { header[TYPE] } else { b'0' };
        // Name, type and link say what the member says; user and group are told.
        for field in [0..100, TYPE..257, 265..329, 345..500] {
            rest[field].fill(0);
        }
        Shape { numbers, kind, rest: Digest::of(&rest) }
    }

    /// The fields that two headers write in different ways.
    pub fn unlike(&self, other: &Shape) -> Vec<&'static str> {
        let numbers = NUMBERS.iter().zip(self.numbers.iter().zip(&other.numbers));
        let mut fields: Vec<&'static str> =
            numbers.filter(|(_, (own, other))| own != other).map(|((name, _), _)| *name).collect();
        if self.kind != other.kind {
            fields.push("type");
        }
        if self.rest != other.rest {
            fields.push("magic or padding");
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_shape_whatever_the_member_is_called() {
        let header = |name: &str, mode: u32, size: u64| {
            let mut header = tar::Header::new_ustar();
            header.set_path(name).unwrap();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(mode);
            header.set_size(size);
            header.set_cksum();
            header
        };
        let one = header("a", 0o644, 3);
        let shape = Shape::of(one.as_bytes());
        assert_eq!(shape, Shape::of(header("b/c", 0o755, 77).as_bytes()));
        for (place, bytes, field) in [
            (100, &b"000644 \0"[..], "mode"),
            (108, b"\x80\0\0\0\0\0\0\0", "uid"),
            (156, b"\0", "type"),
            (257, b"ustar  ", "magic or padding"),
            (505, b"x", "magic or padding"),
        ] {
            let mut other = one.clone();
            other.as_mut_bytes()[place..place + bytes.len()].copy_from_slice(bytes);
            assert_eq!(shape.unlike(&Shape::of(other.as_bytes())), [field]);
        }
    }
}
