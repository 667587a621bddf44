//! Choices drawn from bytes, so that a fuzzer or a property test steers what is generated, and can make it smaller.

/// Bytes to choose by. When they run out every choice is the first.
pub struct Choices<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Choices<'a> {
    /// Choices by `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { bytes, at: 0 }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        let wide = if count > 256 {
            usize::from(self.byte()) << 8
        } else {
            0
        };
        (wide | usize::from(self.byte())) % count
    }

    /// A number in `least..=most`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True in `share` of 256 cases; false when bytes have run out.
    pub fn chance(&mut self, share: u8) -> bool {
        self.byte().wrapping_sub(1) < share
    }

    /// One of `all`, which is not empty.
    pub fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Whether bytes are left.
    #[must_use]
    pub fn more(&self) -> bool {
        self.at < self.bytes.len()
    }
}

/// Bytes to choose by where no fuzzer gives them: from a seed, the same on every machine.
///
/// Xorshift (Marsaglia, "Xorshift RNGs", 2003), of whose 64 bits the upper half is taken.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// From a seed, which is not 0.
    #[must_use]
    pub fn new(seed: u64) -> Seeded {
        Seeded(seed)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as u8
        };
        (0..count).map(|_| next()).collect()
    }
}
