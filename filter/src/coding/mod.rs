//! Content codings (RFC 9110, section 8.4): which there are, and how a body that carries several, one upon the other, is decoded piece by
//! piece with bounds on what comes out and on the memory that it takes. Where the bytes come from and go to lives in [`crate::coded`].
//!
//! A decoder never holds a body. What it holds is the window that its coding refers back to: 32 KiB for deflate; for zstd and brotli what
//! the sender says, up to 8 and 16 MiB, and no more than was decoded so far.

mod block;
mod brotli;
mod deflate;
mod framed;
mod zstd;

use core::fmt;

pub use block::Block;

/// A coding that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 alone, as some senders understand the word.
    Deflate,
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// The framing format of Snappy.
    SnappyFramed,
    /// The block format of Snappy, as Prometheus and Loki push it. Never one of several.
    Snappy,
}

/// The most codings that a body may carry, one upon the other.
pub const MOST_CODINGS: usize = 4;

impl Coding {
    /// The coding that a `content-encoding` names, given in lower case.
    #[must_use]
    pub fn of(token: &[u8]) -> Option<Coding> {
        Some(match token {
            b"gzip" | b"x-gzip" => Coding::Gzip,
            b"deflate" => Coding::Deflate,
            b"zstd" => Coding::Zstd,
            b"br" => Coding::Brotli,
            b"snappy" => Coding::Snappy,
            b"x-snappy-framed" => Coding::SnappyFramed,
            _ => return None,
        })
    }
}

/// Why a body is not decoded any further. What came out before may have left; nothing more does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not what its coding says: cut short, changed, or with bytes behind its end.
    Damaged,
    /// More came out than the limits allow.
    Bomb,
    /// It takes more memory than there is for decoding.
    Memory,
}

/// What bounds a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may come out, of each coding, for each byte that came in. The first [`SLACK`] are free.
    pub ratio: u64,
    /// The most bytes that may come out.
    pub decoded: u64,
    /// Bytes of memory for all bodies of a VM.
    pub memory: usize,
}

/// Bytes that may come out whatever the ratio.
pub const SLACK: u64 = 64 * 1024;

impl Limits {
    fn allow(&self, came: u64, out: u64) -> bool {
        out <= self.decoded && out <= came.saturating_mul(self.ratio).saturating_add(SLACK)
    }
}

/// Whether what came may be all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Something is missing.
    No,
    /// It may be, and more may follow: another member of gzip, another frame of zstd.
    Maybe,
    /// It is: a byte more is damage.
    Yes,
}

/// One coding of a body.
trait Layer: fmt::Debug {
    /// Takes bytes of `input` and writes decoded ones to `room`: how many of each. Neither: everything was taken and given.
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, usize), Refusal>;

    fn end(&self) -> End;

    /// Bytes on the heap, about.
    fn memory(&self) -> usize;
}

/// A layer, and what went through it.
#[derive(Debug)]
struct Link {
    layer: Box<dyn Layer>,
    came: bool,
    out: u64,
}

/// What decodes a body.
#[derive(Debug)]
pub struct Decoder {
    /// The outermost first.
    links: Vec<Link>,
    received: u64,
}

/// Bytes that are decoded at a time.
const ROOM: usize = 16 * 1024;

impl Decoder {
    /// A decoder of what carries `codings`, named in the order in which they were applied. `None`: that is not decoded as it streams.
    #[must_use]
    pub fn new(codings: &[Coding]) -> Option<Decoder> {
        let links = codings.iter().rev().map(|coding| {
            let layer: Box<dyn Layer> = match coding {
                Coding::Gzip => Box::new(deflate::Gzip::new()),
                Coding::Deflate => Box::new(deflate::Deflate::new()),
                Coding::Zstd => Box::new(zstd::Zstd::new()),
                Coding::Brotli => Box::new(brotli::Brotli::new()),
                Coding::SnappyFramed => Box::new(framed::Framed::new()),
                Coding::Snappy => return None,
            };
            Some(Link {
                layer,
                came: false,
                out: 0,
            })
        });
        Some(Decoder {
            links: links.collect::<Option<_>>()?,
            received: 0,
        })
    }

    /// Decodes `input` and gives `sink` what comes out, piece by piece. `memory`: how many bytes this decoder may hold.
    ///
    /// # Errors
    /// As [`Refusal`] says; the decoder is of no use afterwards.
    ///
    /// # Cost
    /// Linear in what comes in and out; a room of 16 KiB for each coding.
    pub fn push(
        &mut self,
        input: &[u8],
        limits: &Limits,
        memory: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        self.received = self.received.saturating_add(input.len() as u64);
        let bounds = Bounds {
            limits,
            received: self.received,
            memory,
        };
        bounds.pump(&mut self.links, input, sink)?;
        if self.memory() > memory {
            return Err(Refusal::Memory);
        }
        Ok(())
    }

    /// Whether what came may be all. A body of no bytes is whole.
    #[must_use]
    pub fn end(&self) -> End {
        if self.received == 0 {
            return End::Maybe;
        }
        let of = |link: &Link| {
            if link.came {
                link.layer.end()
            } else {
                End::Maybe
            }
        };
        // What the outermost says of itself holds for all: nothing comes into the others but through it.
        let outer = self.links.first().map_or(End::Yes, of);
        match self.links.iter().any(|link| of(link) == End::No) {
            true => End::No,
            false => outer,
        }
    }

    /// Bytes on the heap, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.links.iter().map(|link| link.layer.memory()).sum()
    }
}

struct Bounds<'a> {
    limits: &'a Limits,
    received: u64,
    memory: usize,
}

impl Bounds<'_> {
    fn pump(
        &self,
        links: &mut [Link],
        mut input: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        let Some((link, inner)) = links.split_first_mut() else {
            sink(input);
            return Ok(());
        };
        link.came |= !input.is_empty();
        let mut room = vec![0; ROOM];
        loop {
            let (read, wrote) = link.layer.step(input, &mut room)?;
            if (read, wrote) == (0, 0) {
                break;
            }
            input = input.get(read..).unwrap_or_default();
            link.out = link.out.saturating_add(wrote as u64);
            if !self.limits.allow(self.received, link.out) {
                return Err(Refusal::Bomb);
            }
            if link.layer.memory() > self.memory {
                return Err(Refusal::Memory);
            }
            if wrote > 0 {
                self.pump(inner, room.get(..wrote).unwrap_or_default(), sink)?;
            }
        }
        // What a coding does not take stands behind its end.
        if input.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Damaged)
        }
    }
}
