//! Fields of headers: little-endian numbers, and what comes after them.

/// Takes fields off the front of some bytes.
#[derive(Clone)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next two bytes.
    pub fn short(&mut self) -> Option<u16> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_le_bytes(*taken))
    }

    /// The next four bytes.
    pub fn word(&mut self) -> Option<u32> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*taken))
    }

    /// The next eight bytes.
    pub fn long(&mut self) -> Option<u64> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*taken))
    }
}

/// The field of zip64 numbers (APPNOTE 4.5.3).
const ZIP64: u16 = 0x0001;
/// Another spelling of the name, which some readers prefer (APPNOTE 4.6.9).
const UNICODE_PATH: u16 = 0x7075;

/// The extra fields of a header that say something of what is read here.
pub struct Extra<'a> {
    zip64: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    /// Takes extra fields apart.
    pub fn parse(extra: &'a [u8], name: &[u8]) -> Result<Extra<'a>, String> {
        let mut fields = Fields(extra);
        let mut zip64 = None;
        while fields.0.len() >= 4 {
            let field = fields.short().zip(fields.short());
            let field = field.and_then(|(id, length)| Some((id, fields.take(length.into())?)));
            match field {
                None => return Err("has an extra field that does not end".to_owned()),
                Some((ZIP64, _)) if zip64.is_some() => return Err("has two extra fields for zip64".to_owned()),
                Some((ZIP64, value)) => zip64 = Some(value),
                // A version and a checksum come before the name.
                Some((UNICODE_PATH, value)) if value.get(5..) != Some(name) => {
                    return Err("has another name in an extra field".to_owned());
                }
                Some(_) => {}
            }
        }
        if fields.0.iter().any(|&byte| byte != 0) {
            return Err("has an extra field that does not end".to_owned());
        }
        Ok(Extra { zip64 })
    }

    /// The numbers of a header, those that do not fit it from the field for zip64. `told` are those of the header with
    /// the value that says so, in the field's order: size, packed size, offset.
    pub fn numbers<const N: usize>(&self, told: [u32; N]) -> Result<[u64; N], String> {
        let mut fields = Fields(self.zip64.unwrap_or_default());
        let mut numbers = [0; N];
        for (number, told) in numbers.iter_mut().zip(told) {
            *number = match told {
                u32::MAX => fields.long().ok_or_else(|| "lacks a number of zip64".to_owned())?,
                told => told.into(),
            };
        }
        // What is left was not asked for. Some writers put all numbers there always, some a disk's number of 4 bytes; a
        // reader that takes them must find the same.
        let mut all = Fields(self.zip64.unwrap_or_default());
        if fields.0.len() >= 8 {
            for number in numbers {
                if all.long().is_some_and(|long| long != number) {
                    return Err("says two things with its numbers of zip64".to_owned());
                }
            }
        }
        Ok(numbers)
    }
}
