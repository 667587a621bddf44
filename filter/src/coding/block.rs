//! Snappy's block format, as Prometheus' remote-write and Loki's push use it. A block says its decoded length first and may refer back to
//! all of itself, so that it is collected whole, and, because its readers take nothing else, encoded again.
//! <https://github.com/google/snappy/blob/main/format_description.txt>

use super::{Limits, Refusal};

/// A body that is one block.
#[derive(Debug, Default)]
pub struct Block {
    packed: Vec<u8>,
}

impl Block {
    /// Takes the next bytes. `memory`: how many bytes this body may take.
    ///
    /// # Errors
    /// There is no room.
    pub fn push(&mut self, input: &[u8], memory: usize) -> Result<(), Refusal> {
        if self.packed.len().saturating_add(input.len()) > memory {
            return Err(Refusal::Memory);
        }
        let room = self.packed.try_reserve(input.len());
        room.map_err(|_| Refusal::Memory)?;
        self.packed.extend_from_slice(input);
        Ok(())
    }

    /// What the block holds.
    ///
    /// # Errors
    /// As [`Refusal`] says. Its length is looked at before anything is decoded.
    pub fn decode(&self, limits: &Limits, memory: usize) -> Result<Vec<u8>, Refusal> {
        if self.packed.is_empty() {
            return Ok(Vec::new());
        }
        let length = snap::raw::decompress_len(&self.packed).map_err(|_| Refusal::Damaged)?;
        if !limits.allow(self.packed.len() as u64, length as u64) {
            return Err(Refusal::Bomb);
        }
        // As it came, decoded, redacted, and encoded again.
        let most = snap::raw::max_compress_len(length).max(length);
        let needed = self
            .packed
            .len()
            .saturating_add(length.saturating_mul(2))
            .saturating_add(most);
        if needed > memory {
            return Err(Refusal::Memory);
        }
        let plain = snap::raw::Decoder::new().decompress_vec(&self.packed);
        plain.map_err(|_| Refusal::Damaged)
    }

    /// The block as it came.
    #[must_use]
    pub fn into_packed(self) -> Vec<u8> {
        self.packed
    }

    /// A block that holds `plain`.
    ///
    /// # Errors
    /// It is too long for one.
    pub fn encode(plain: &[u8]) -> Result<Vec<u8>, Refusal> {
        let packed = snap::raw::Encoder::new().compress_vec(plain);
        packed.map_err(|_| Refusal::Memory)
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.packed.capacity()
    }
}
