//! Small per-frame records kept in an unnamed temporary file, so that memory does not grow with the clip.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// Byte records in the order they were put; gone when dropped.
pub(crate) struct Shelf {
    file: File,
    /// Start and length of each record.
    places: Vec<(u64, usize)>,
    end: u64,
}

impl Shelf {
    pub fn new() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, places: Vec::new(), end: 0 })
    }

    pub fn put(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.write_all(record)?;
        self.places.push((self.end, record.len()));
        self.end += record.len() as u64;
        Ok(())
    }

    pub fn get(&self, index: u32) -> io::Result<Vec<u8>> {
        let (start, length) = self.places[index as usize];
        let mut record = vec![0; length];
        self.file.read_exact_at(&mut record, start)?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_any_order() {
        let mut shelf = Shelf::new().unwrap();
        for text in ["one", "", "three"] {
            shelf.put(text.as_bytes()).unwrap();
        }
        assert_eq!(shelf.get(2).unwrap(), b"three");
        assert_eq!(shelf.get(0).unwrap(), b"one");
        assert_eq!(shelf.get(1).unwrap(), b"");
    }
}
