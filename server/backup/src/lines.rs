//! Rows as lines of JSON in a compressed file: readable with `zcat`, equal bytes for equal rows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use db::dump::{Cell, Kind, Row, Table};
use domain::Hash;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::manifest::Blob;
use crate::{Error, Result, at};

/// Hashes and counts what passes.
pub struct Hashing<T> {
    inner: T,
    digest: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, digest: Sha256::new(), bytes: 0 }
    }

    pub fn finish(self) -> (T, Hash, u64) {
        (self.inner, Hash::from_digest(self.digest.finalize().into()), self.bytes)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes one table's file.
pub struct Writer {
    out: GzEncoder<Hashing<BufWriter<File>>>,
    line: Vec<u8>,
    rows: u64,
}

impl Writer {
    pub fn create(path: &Path) -> io::Result<Self> {
        let out = Hashing::new(BufWriter::new(File::create(path)?));
        Ok(Self { out: GzEncoder::new(out, Compression::fast()), line: Vec::new(), rows: 0 })
    }

    pub fn write(&mut self, row: &[Cell]) -> io::Result<()> {
        self.line.clear();
        let values: Vec<Value> = row.iter().map(to_json).collect();
        serde_json::to_writer(&mut self.line, &values)?;
        self.line.push(b'\n');
        self.rows += 1;
        self.out.write_all(&self.line)
    }

    /// Rows, and the hash and size of the finished file, which is on the disk then.
    pub fn finish(self) -> io::Result<(u64, Hash, u64)> {
        let (file, hash, bytes) = self.out.finish()?.finish();
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok((self.rows, hash, bytes))
    }
}

fn to_json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => text.as_str().into(),
        Cell::Integer(number) => (*number).into(),
        // As text: every value comes back exactly, those that JSON does not know too.
        Cell::Float(number) => format!("{number:?}").into(),
        Cell::Bytes(bytes) => STANDARD.encode(bytes).into(),
    }
}

fn from_json(value: Value, kind: Kind) -> Option<Cell> {
    Some(match (value, kind) {
        (Value::Null, _) => Cell::Null,
        (Value::String(text), Kind::Text) => Cell::Text(text),
        (Value::Number(number), Kind::Integer) => Cell::Integer(number.as_i64()?),
        (Value::String(text), Kind::Float) => Cell::Float(text.parse().ok()?),
        (Value::String(text), Kind::Bytes) => Cell::Bytes(STANDARD.decode(text).ok()?),
        _ => return None,
    })
}

/// Reads a table's rows and hands them on some at a time, until `each` has enough. How many.
pub fn read(path: &Path, table: &Table, each: &mut dyn FnMut(Vec<Row>) -> bool) -> Result<u64> {
    const BATCH_BYTES: usize = 1 << 20;
    let file = File::open(path).map_err(at(path))?;
    let mut lines = BufReader::new(GzDecoder::new(BufReader::new(file)));
    let (mut line, mut batch, mut bytes, mut count) = (String::new(), Vec::new(), 0, 0);
    loop {
        line.clear();
        let read = lines.read_line(&mut line).map_err(|error| damaged(path, count, &error))?;
        if read > 0 {
            batch.push(row(&line, table).ok_or_else(|| damaged(path, count, &"not a row of this table"))?);
            bytes += read;
            count += 1;
        }
        let is_end = read == 0;
        if (is_end && !batch.is_empty()) || bytes >= BATCH_BYTES {
            bytes = 0;
            if !each(std::mem::take(&mut batch)) {
                return Ok(count);
            }
        }
        if is_end {
            return Ok(count);
        }
    }
}

fn damaged(path: &Path, row: u64, why: &dyn std::fmt::Display) -> Error {
    Error::Damaged(format!("{}, after row {row}: {why}", path.display()))
}

fn row(line: &str, table: &Table) -> Option<Row> {
    let values: Vec<Value> = serde_json::from_str(line).ok()?;
    if values.len() != table.columns.len() {
        return None;
    }
    values.into_iter().zip(&table.columns).map(|(value, column)| from_json(value, column.kind)).collect()
}

/// What a row of the table `blob` says.
pub struct Blobs {
    hash: usize,
    size: usize,
}

impl Blobs {
    /// `None` for any other table.
    pub fn of(table: &Table) -> Option<Self> {
        let place = |name: &str| table.columns.iter().position(|column| column.name == name);
        if table.name != "blob" {
            return None;
        }
        Some(Self { hash: place("hash")?, size: place("size_bytes")? })
    }

    pub fn read(&self, row: &[Cell]) -> Option<Blob> {
        match (&row[self.hash], &row[self.size]) {
            (Cell::Text(hash), Cell::Integer(size)) => {
                Some(Blob { hash: hash.parse().ok()?, size: u64::try_from(*size).ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use db::dump::Column;

    use super::*;

    #[test]
    fn every_cell_comes_back() {
        let kinds = [Kind::Text, Kind::Integer, Kind::Float, Kind::Bytes];
        let column = |(at, kind): (usize, &Kind)| Column { name: format!("c{at}"), kind: *kind };
        let columns = kinds.iter().enumerate().map(column).collect();
        let table = Table { name: "odd".into(), columns, key: Vec::new() };
        let rows: Vec<Row> = [
            (r#"„Wörter“ \ "quoted""#, i64::MIN, 0.1 + 0.2, vec![0, 255, 10]),
            ("日本語\n\t\u{1F3AC} и кириллица", i64::MAX, -0.0, Vec::new()),
            ("", 0, f64::MAX, vec![7; 3000]),
            ("\u{1}", -1, f64::INFINITY, vec![b'\n']),
            ("x", 9_007_199_254_740_993, f64::MIN_POSITIVE / 3.0, vec![1]),
        ]
        .into_iter()
        .map(|(text, number, float, bytes)| {
            vec![Cell::Text(text.into()), Cell::Integer(number), Cell::Float(float), Cell::Bytes(bytes)]
        })
        .chain([vec![Cell::Null; 4]])
        .collect();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("odd.jsonl.gz");
        let mut writer = Writer::create(&path).expect("made");
        for row in &rows {
            writer.write(row).expect("written");
        }
        let (count, hash, bytes) = writer.finish().expect("finished");
        assert_eq!((count, (hash, bytes)), (6, storage::hash_file(&path).expect("read")));
        let mut back = Vec::new();
        read(&path, &table, &mut |mut some| {
            back.append(&mut some);
            true
        })
        .expect("read");
        assert_eq!(back, rows);
        let (Cell::Float(zero), Cell::Float(read)) = (&rows[1][2], &back[1][2]) else { panic!("numbers") };
        assert_eq!(zero.to_bits(), read.to_bits());
    }

    #[test]
    fn a_cut_file_is_damaged_and_not_short() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl.gz");
        let table = Table {
            name: "a".into(),
            columns: vec![Column { name: "n".into(), kind: Kind::Integer }],
            key: vec![],
        };
        let mut writer = Writer::create(&path).expect("made");
        for n in 0..1000 {
            writer.write(&[Cell::Integer(n)]).expect("written");
        }
        writer.finish().expect("finished");
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("cut");
        assert!(matches!(read(&path, &table, &mut |_| true), Err(Error::Damaged(_))));
    }
}
