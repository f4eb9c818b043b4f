//! Trees to measure on, the same on every machine: a seeded mix of text, tables of numbers and noise.

#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder in memory where there is one: creating files on a disk is not what is measured.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a temporary folder")
}

/// A small generator of numbers, good enough to decide sizes and words.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Text that compresses about as program sources do.
pub fn text(random: &mut Random, size: usize) -> Vec<u8> {
    const WORDS: [&str; 32] = [
        "def ", "return ", "self.", "import ", "class ", "None", "value", "receipt", "(", ")", ":\n    ", "=", "\n",
        "if ", "for ", " in ", "[", "]", "\"", ", ", "items", "key", "table", "label", "0", "1", "assert ", "# ",
        "not ", "str", "int", "\n\n",
    ];
    let mut bytes = Vec::with_capacity(size + 16);
    while bytes.len() < size {
        if random.below(4) == 0 {
            bytes.extend_from_slice(format!("n{:x}", random.below(1 << 20)).as_bytes());
        } else {
            bytes.extend_from_slice(WORDS[random.below(32) as usize].as_bytes());
        }
    }
    bytes.truncate(size);
    bytes
}

/// Tables of small numbers, as shared objects and arrays hold them.
pub fn numbers(random: &mut Random, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        let number = random.below(1 << 14) as u32 * if random.below(8) == 0 { 65_537 } else { 1 };
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// What was compressed before.
pub fn noise(random: &mut Random, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// `files` small source files in folders of a hundred.
pub fn small_files(root: &Path, files: usize) {
    let mut random = Random::new(1);
    for number in 0..files {
        let folder = root.join(format!("package_{:03}/part_{:02}", number / 1000, number / 100 % 10));
        if number % 100 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        let size = 200 + random.below(3000) as usize;
        fs::write(folder.join(format!("module_{number:05}.py")), text(&mut random, size)).expect("a file");
    }
}

/// About `bytes` of files of all sizes: half text, a quarter tables, a quarter noise.
pub fn mixed(root: &Path, bytes: u64) -> PathBuf {
    let mut random = Random::new(2);
    let mut written = 0;
    let mut number = 0;
    while written < bytes {
        let size = match random.below(20) {
            0 => 2_000_000 + random.below(10_000_000),
            1..6 => 50_000 + random.below(500_000),
            _ => 500 + random.below(40_000),
        }
        .min(bytes - written) as usize;
        let content = match random.below(4) {
            0 => noise(&mut random, size),
            1 => numbers(&mut random, size),
            _ => text(&mut random, size),
        };
        let folder = root.join(format!("part_{:03}", number / 50));
        if number % 50 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        fs::write(folder.join(format!("file_{number:05}")), content).expect("a file");
        written += size as u64;
        number += 1;
    }
    root.to_owned()
}
