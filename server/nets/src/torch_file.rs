//! The files that `torch.save` writes (`.pt`, `.pth`): an archive of a pickled table and the tensors' bytes, which lie in
//! it unpacked. The pickle is read as data: nothing in it is ever run. What the names mean is told in [`crate::weights`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::rc::Rc;

use safetensors::tensor::Dtype;
use zip::{CompressionMethod, ZipArchive};

/// How such a file begins; it is a ZIP archive.
pub const BEGINNING: &[u8] = b"PK\x03\x04";

/// One tensor: its bytes are `start..end` of the file.
pub struct Stored {
    pub name: String,
    pub shape: Vec<i64>,
    pub dtype: Dtype,
    pub start: usize,
    pub end: usize,
}

/// The tensors of the table of weights in a file. Where the table lies inside another (`{"model": …}`), its names are
/// as if it were alone.
///
/// # Errors
/// Why it cannot be read, as the end of a sentence.
pub fn tensors(file: &[u8]) -> Result<Vec<Stored>, String> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| {
        format!("its archive cannot be opened, as when a download did not finish ({error})")
    })?;
    let table = archive.file_names().find(|name| name.ends_with("/data.pkl")).map(str::to_owned);
    let table = table.ok_or("its archive holds no data.pkl, so it is none of torch.save")?;
    let folder = table.trim_end_matches("data.pkl").to_owned();
    let mut pickle = Vec::new();
    let read = archive.by_name(&table).map_err(|error| error.to_string())?.read_to_end(&mut pickle);
    read.map_err(|error| format!("its table cannot be unpacked ({error})"))?;
    if let Ok(mut order) = archive.by_name(&format!("{folder}byteorder")) {
        let mut said = String::new();
        if order.read_to_string(&mut said).is_err() || said != "little" {
            return Err(format!(
                "its numbers are stored in “{said}” order, and only little-endian can be read"
            ));
        }
    }
    let mut found = Vec::new();
    for (name, view) in weights(unpickle(&pickle)?)? {
        let part = format!("{folder}data/{}", view.storage.key);
        let part = archive
            .by_name(&part)
            .map_err(|error| format!("the numbers of “{name}” are not in it ({error})"))?;
        let start =
            part.data_start().ok_or_else(|| format!("the numbers of “{name}” cannot be found in it"))?;
        if part.compression() != CompressionMethod::Stored {
            return Err(format!("the numbers of “{name}” are packed, which torch.save never does"));
        }
        let Place { start, end } =
            view.place(start, part.size()).map_err(|reason| format!("“{name}” {reason}"))?;
        found.push(Stored { name, shape: view.shape, dtype: view.storage.dtype, start, end });
    }
    Ok(found)
}

/// The one table of tensors among what was unpickled.
fn weights(value: Value) -> Result<Vec<(String, View)>, String> {
    let Value::Table(table) = value else { return Err("it holds no table of weights".to_owned()) };
    let tensors = |table: &Table| -> Vec<(String, View)> {
        let named = |(key, value): &(Value, Value)| match (key, value) {
            (Value::Text(name), Value::Tensor(view)) => Some((name.to_string(), (**view).clone())),
            _ => None,
        };
        table.borrow().iter().filter_map(named).collect()
    };
    let own = tensors(&table);
    if !own.is_empty() {
        return Ok(own);
    }
    let inner = |(_, value): &(Value, Value)| match value {
        Value::Table(inner) => Some(tensors(inner)).filter(|found| !found.is_empty()),
        _ => None,
    };
    let mut inner: Vec<_> = table.borrow().iter().filter_map(inner).collect();
    match inner.len() {
        1 => Ok(inner.remove(0)),
        0 => Err("it holds no table of weights".to_owned()),
        count => Err(format!("it holds {count} tables of weights, so it is unclear which one is meant")),
    }
}

/// A run of numbers in the archive.
#[derive(Clone, Debug)]
struct Storage {
    key: Rc<str>,
    dtype: Dtype,
}

/// A tensor as a part of a run of numbers.
#[derive(Clone, Debug)]
struct View {
    storage: Storage,
    offset: i64,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

struct Place {
    start: usize,
    end: usize,
}

impl View {
    /// Where its bytes lie, when its run is `bytes` long and begins at `run`.
    fn place(&self, run: u64, bytes: u64) -> Result<Place, String> {
        let mut step = 1;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *size < 0 || (*size > 1 && *stride != step) {
                return Err(format!(
                    "is stored across (shape {:?}, steps {:?}), not row by row",
                    self.shape, self.strides
                ));
            }
            step *= size;
        }
        let width = (self.storage.dtype.bitsize() / 8) as u64;
        let beyond = || "reaches beyond its numbers".to_owned();
        let start = u64::try_from(self.offset)
            .ok()
            .and_then(|offset| offset.checked_mul(width))
            .ok_or_else(beyond)?;
        let length =
            u64::try_from(step).ok().and_then(|count| count.checked_mul(width)).ok_or_else(beyond)?;
        let end = start.checked_add(length).filter(|end| *end <= bytes).ok_or_else(beyond)?;
        let at = |offset: u64| usize::try_from(run + offset).map_err(|_| beyond());
        Ok(Place { start: at(start)?, end: at(end)? })
    }
}

type Table = Rc<RefCell<Vec<(Value, Value)>>>;

/// What a pickle of weights is made of; everything else is kept as something unknown.
#[derive(Clone, Debug)]
enum Value {
    Mark,
    Unknown,
    Whole(i64),
    Text(Rc<str>),
    Tuple(Rc<Vec<Value>>),
    Table(Table),
    /// Something that could be called, by its full name.
    Name(Rc<str>),
    Storage(Storage),
    Tensor(Rc<View>),
}

/// The bytes of a pickle from front to back.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("its table ends in the middle")?;
        self.0 = rest;
        Ok(taken)
    }

    /// A whole number of `count` bytes, little-endian.
    fn number(&mut self, count: usize) -> Result<usize, String> {
        Ok(self.take(count)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn text(&mut self, count: usize) -> Result<Rc<str>, String> {
        std::str::from_utf8(self.take(count)?)
            .map(Rc::from)
            .map_err(|_| "its table holds a broken name".to_owned())
    }

    fn line(&mut self) -> Result<Rc<str>, String> {
        let end = self.0.iter().position(|byte| *byte == b'\n').ok_or("its table ends in the middle")?;
        let line = self.text(end)?;
        self.take(1)?;
        Ok(line)
    }
}

/// Operations of the pickle machine, protocols 2 to 5, by the letters of its documentation (`pickletools`).
fn unpickle(pickle: &[u8]) -> Result<Value, String> {
    let mut bytes = Bytes(pickle);
    let mut stack: Vec<Value> = Vec::new();
    let mut memo: HashMap<usize, Value> = HashMap::new();
    let broken = || "its table is broken".to_owned();
    loop {
        let operation = bytes.take(1)?[0];
        let value = match operation {
            b'.' => return stack.pop().ok_or_else(broken),
            // Protocol, frame: said and not needed.
            0x80 => {
                bytes.take(1)?;
                continue;
            }
            0x95 => {
                bytes.take(8)?;
                continue;
            }
            b'(' => Value::Mark,
            b'N' | 0x88 | 0x89 => Value::Unknown, // None, True, False
            b'J' => {
                let number = bytes.take(4)?.try_into().expect("four bytes");
                Value::Whole(i64::from(i32::from_le_bytes(number)))
            }
            b'K' => Value::Whole(bytes.number(1)? as i64),
            b'M' => Value::Whole(bytes.number(2)? as i64),
            0x8a => {
                let count = bytes.number(1)?;
                match count {
                    0..=7 => {
                        let number = bytes.number(count)? as i64;
                        let unused = 64 - 8 * count as u32;
                        Value::Whole(if count == 0 { 0 } else { number << unused >> unused })
                    }
                    8 => Value::Whole(bytes.number(8)? as i64),
                    _ => {
                        bytes.take(count)?;
                        Value::Unknown
                    }
                }
            }
            b'G' => {
                bytes.take(8)?;
                Value::Unknown
            }
            b'X' => {
                let count = bytes.number(4)?;
                Value::Text(bytes.text(count)?)
            }
            0x8c => {
                let count = bytes.number(1)?;
                Value::Text(bytes.text(count)?)
            }
            b'B' | b'C' | 0x8e => {
                let count = bytes.number(match operation {
                    b'B' => 4,
                    b'C' => 1,
                    _ => 8,
                })?;
                bytes.take(count)?;
                Value::Unknown
            }
            b'c' => {
                let (module, name) = (bytes.line()?, bytes.line()?);
                Value::Name(format!("{module} {name}").into())
            }
            0x93 => match (stack.pop(), stack.pop()) {
                (Some(Value::Text(name)), Some(Value::Text(module))) => {
                    Value::Name(format!("{module} {name}").into())
                }
                _ => return Err(broken()),
            },
            b'}' => Value::Table(Table::default()),
            b']' | 0x8f => Value::Unknown, // lists and sets hold no weights
            b')' => Value::Tuple(Rc::default()),
            b't' | 0x90 => {
                let from = stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or_else(broken)?;
                let values = stack.drain(from..).skip(1).collect();
                if operation == 0x90 {
                    continue;
                }
                Value::Tuple(Rc::new(values))
            }
            0x85..=0x87 => {
                let from = stack.len().checked_sub(usize::from(operation - 0x84)).ok_or_else(broken)?;
                Value::Tuple(Rc::new(stack.drain(from..).collect()))
            }
            b'q' | b'r' | 0x94 => {
                let at = match operation {
                    b'q' => bytes.number(1)?,
                    b'r' => bytes.number(4)?,
                    _ => memo.len(),
                };
                memo.insert(at, stack.last().ok_or_else(broken)?.clone());
                continue;
            }
            b'h' | b'j' => {
                let at = bytes.number(if operation == b'h' { 1 } else { 4 })?;
                memo.get(&at).ok_or_else(broken)?.clone()
            }
            // One or many entries of a table.
            b's' | b'u' => {
                let from = match operation {
                    b's' => stack.len().checked_sub(2),
                    _ => stack.iter().rposition(|value| matches!(value, Value::Mark)),
                };
                let mut entries = stack.drain(from.ok_or_else(broken)?..);
                if operation == b'u' {
                    entries.next();
                }
                let entries: Vec<Value> = entries.collect();
                let mut entries = entries.into_iter();
                if let Some(Value::Table(table)) = stack.last() {
                    while let (Some(key), Some(value)) = (entries.next(), entries.next()) {
                        table.borrow_mut().push((key, value));
                    }
                }
                continue;
            }
            // One or many entries of a list; attributes of an object: none of them is a weight.
            b'a' | b'b' | b'0' => {
                stack.pop().ok_or_else(broken)?;
                continue;
            }
            b'e' => {
                let from = stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or_else(broken)?;
                stack.truncate(from);
                continue;
            }
            b'Q' => storage(&stack.pop().ok_or_else(broken)?)?,
            b'R' | 0x81 => {
                let (arguments, callee) = (stack.pop().ok_or_else(broken)?, stack.pop().ok_or_else(broken)?);
                called(&callee, &arguments)?
            }
            other => {
                return Err(format!(
                    "its table has an operation that tables of weights do not have ({other:#04x})"
                ));
            }
        };
        stack.push(value);
    }
}

/// What a reference to numbers outside the pickle means: ("storage", kind, key, device, count).
fn storage(reference: &Value) -> Result<Value, String> {
    let Value::Tuple(parts) = reference else {
        return Err("its table refers to something unknown".to_owned());
    };
    let [Value::Text(_), Value::Name(kind), Value::Text(key), ..] = parts.as_slice() else {
        return Err("its table refers to something unknown".to_owned());
    };
    let dtype = match &**kind {
        "torch FloatStorage" => Dtype::F32,
        "torch HalfStorage" => Dtype::F16,
        "torch BFloat16Storage" => Dtype::BF16,
        "torch DoubleStorage" => Dtype::F64,
        "torch ComplexFloatStorage" => Dtype::C64,
        "torch LongStorage" => Dtype::I64,
        "torch IntStorage" => Dtype::I32,
        "torch ShortStorage" => Dtype::I16,
        "torch CharStorage" => Dtype::I8,
        "torch ByteStorage" => Dtype::U8,
        "torch BoolStorage" => Dtype::BOOL,
        kind => return Err(format!("it stores numbers of an unknown kind, “{kind}”")),
    };
    Ok(Value::Storage(Storage { key: key.clone(), dtype }))
}

/// What a call in the pickle gives: the few that build tables and tensors, done here; any other is left alone.
fn called(callee: &Value, arguments: &Value) -> Result<Value, String> {
    let (Value::Name(name), Value::Tuple(arguments)) = (callee, arguments) else { return Ok(Value::Unknown) };
    match (&**name, arguments.as_slice()) {
        ("collections OrderedDict", _) => Ok(Value::Table(Table::default())),
        ("torch._utils _rebuild_parameter", [tensor, ..]) => Ok(tensor.clone()),
        (
            "torch._utils _rebuild_tensor_v2",
            [Value::Storage(storage), Value::Whole(offset), Value::Tuple(shape), Value::Tuple(strides), ..],
        ) => {
            let wholes = |values: &[Value]| -> Result<Vec<i64>, String> {
                let whole = |value: &Value| match value {
                    Value::Whole(whole) => Ok(*whole),
                    _ => Err("a tensor in it has no proper shape".to_owned()),
                };
                values.iter().map(whole).collect()
            };
            let (shape, strides) = (wholes(shape)?, wholes(strides)?);
            Ok(Value::Tensor(Rc::new(View { storage: storage.clone(), offset: *offset, shape, strides })))
        }
        _ => Ok(Value::Unknown),
    }
}

#[cfg(test)]
pub mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use tch::{Device, Kind, Tensor};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::{Dtype, Place};
    use crate::Weights;

    fn text(text: &str) -> Vec<u8> {
        [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
    }

    fn whole(whole: i64) -> Vec<u8> {
        [b"J".as_slice(), &(whole as i32).to_le_bytes()].concat()
    }

    fn tuple(parts: &[i64]) -> Vec<u8> {
        [b"(".to_vec(), parts.iter().flat_map(|part| whole(*part)).collect(), b"t".to_vec()].concat()
    }

    const ORDERED: &[u8] = b"ccollections\nOrderedDict\n)R";

    /// As `torch.save({"epoch": 3, "model": tensors})` writes it: every tensor in numbers of its own, in f32.
    pub fn write(path: &Path, tensors: &[(&str, &Tensor)]) {
        let mut table = [ORDERED, b"q\x00("].concat();
        let mut archive = ZipWriter::new(std::fs::File::create(path).unwrap());
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (key, (name, tensor)) in tensors.iter().enumerate() {
            let reference = [
                b"((".as_slice(),
                &text("storage"),
                b"ctorch\nFloatStorage\n",
                &text(&key.to_string()),
                &text("cpu"),
                &whole(tensor.numel() as i64),
                b"tQ",
            ];
            let rest = [whole(0), tuple(&tensor.size()), tuple(&tensor.stride())].concat();
            table.extend(text(name));
            table.extend(b"ctorch._utils\n_rebuild_tensor_v2\n");
            table.extend(reference.concat());
            table.extend([&rest, b"\x89".as_slice(), ORDERED, b"tR"].concat());
            archive.start_file(format!("archive/data/{key}"), stored).unwrap();
            let values: Vec<f32> = Vec::try_from(tensor.contiguous().view(-1)).unwrap();
            archive
                .write_all(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
                .unwrap();
        }
        table.push(b'u');
        let pickle = [b"\x80\x02}(".to_vec(), text("epoch"), whole(3), text("model"), table, b"u.".to_vec()];
        archive.start_file("archive/data.pkl", stored).unwrap();
        archive.write_all(&pickle.concat()).unwrap();
        archive.start_file("archive/byteorder", stored).unwrap();
        archive.write_all(b"little").unwrap();
        archive.finish().unwrap();
    }

    fn open(path: &Path) -> Result<Weights, crate::Error> {
        Weights::open(path, Device::Cpu, Kind::Float)
    }

    #[test]
    fn what_torch_saved_opens_like_any_other_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let a = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        write(&folder.path().join("model.pt"), &[("x.a", &a), ("x.b", &a.get(1))]);
        for path in [folder.path().to_owned(), folder.path().join("model.pt")] {
            let w = open(&path).unwrap();
            assert_eq!(w.names(), ["x.a", "x.b"]);
            assert_eq!((&w / "x").tensor("a", &[2, 3]).unwrap(), a);
            assert!(w.finish().unwrap_err().to_string().contains("“x.b” [3]"));
        }
    }

    #[test]
    fn tables_of_pythons_own_pickler_are_read() {
        for pickle in [
            include_bytes!("../tests/pickles/protocol2.pkl").as_slice(),
            include_bytes!("../tests/pickles/protocol4.pkl"),
        ] {
            let found = super::weights(super::unpickle(pickle).unwrap()).unwrap();
            let told: Vec<_> = found
                .iter()
                .map(|(name, view)| {
                    let Place { start, end } = view.place(1000, 70_010 * 4).unwrap();
                    (name.as_str(), &*view.storage.key, view.storage.dtype, view.shape.as_slice(), start, end)
                })
                .collect();
            let want: [(_, _, _, &[i64], _, _); 3] = [
                ("blocks.0.weight", "0", Dtype::F32, &[2, 3], 1000, 1024),
                ("blocks.0.bias", "0", Dtype::F32, &[3], 281_000, 281_012),
                ("scale", "1", Dtype::F16, &[], 1000, 1002),
            ];
            assert_eq!(told, want);
            assert!(found[1].1.place(1000, 70_000 * 4).is_err());
        }
    }

    #[test]
    fn what_torch_saved_and_lost_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("model.pt");
        let a = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        write(&path, &[("a", &a.tr())]);
        let said = open(&path).err().unwrap().to_string();
        assert!(said.contains("“a” is stored across (shape [3, 2], steps [1, 3])"), "{said}");
        write(&path, &[]);
        assert!(open(&path).err().unwrap().to_string().contains("holds no table of weights"));
        write(&path, &[("a", &a)]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
        let said = open(&path).err().unwrap().to_string();
        assert!(said.contains("as when a download did not finish"), "{said}");
        // Every other byte of the table may be broken; none of it may bring the server down.
        let begins = whole.windows(4).position(|four| four == b"\x80\x02}(").unwrap();
        for at in begins..begins + 200 {
            let mut broken = whole.clone();
            broken[at] ^= 0x5a;
            std::fs::write(&path, &broken).unwrap();
            drop(open(&path));
        }
    }
}
