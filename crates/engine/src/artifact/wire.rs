//! Little-endian numbers and length-prefixed lists, written and read back. No meaning lives here.

use alloc::string::String;
use alloc::vec::Vec;

/// Appends to an artifact.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }
    pub(super) fn u16(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }
    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }
    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }
    pub(super) fn set(&mut self, set: &[u64; 4]) {
        set.iter().for_each(|&word| self.u64(word));
    }
    /// At most 65,535 bytes; longer text is cut, which the encoder rules out.
    pub(super) fn text(&mut self, text: &[u8]) {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.u16(length);
        self.bytes.extend(text.iter().take(usize::from(length)));
    }
}

/// Reads an artifact from front to back. `None` wherever bytes are missing or do not say what they must.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes, at }
    }
    pub(super) fn position(&self) -> usize {
        self.at
    }
    pub(super) fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*taken)
    }
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    pub(super) fn set(&mut self) -> Option<[u64; 4]> {
        let bytes: [u8; 32] = self.array()?;
        let mut set = [0; 4];
        for (word, bytes) in set.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Some(set)
    }
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
    pub(super) fn text(&mut self) -> Option<String> {
        core::str::from_utf8(self.bytes()?).ok().map(String::from)
    }
    /// How many items that large the whole artifact would have room for.
    pub(super) fn room<T>(&self) -> usize {
        self.bytes.len() / size_of::<T>().max(1)
    }
    /// A list of `count` items; more room than the artifact takes itself is not taken on trust.
    pub(super) fn list<T>(
        &mut self,
        count: usize,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut list = Vec::with_capacity(count.min(self.room::<T>()));
        for _ in 0..count {
            list.push(item(self)?);
        }
        Some(list)
    }
}
