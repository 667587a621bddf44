//! Bodies that leave in pieces, with pauses, so that the proxy sees the pieces one by one; and reading bodies whole.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{Headers, Received, from_map};

/// How a body's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Framing {
    /// A content-length.
    #[default]
    Length,
    /// Chunked transfer coding, one HTTP chunk a piece.
    Chunked,
}

/// What one side sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payload {
    pub(crate) pieces: Vec<Vec<u8>>,
    /// Between two pieces. The first piece has left this machine's socket long before the next one does.
    pub(crate) pause: Duration,
    pub(crate) framing: Framing,
    pub(crate) trailers: Headers,
}

impl Payload {
    pub(crate) fn whole(body: Vec<u8>) -> Self {
        Self {
            pieces: vec![body],
            ..Self::default()
        }
    }

    pub(super) fn into_body(self) -> Pieces {
        let length = match self.framing {
            Framing::Length => Some(self.pieces.iter().map(|piece| piece.len() as u64).sum()),
            Framing::Chunked => None,
        };
        let mut frames: VecDeque<_> = self
            .pieces
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .map(|piece| Frame::data(Bytes::from(piece)))
            .collect();
        if !self.trailers.is_empty()
            && let Ok(trailers) = super::to_map(&self.trailers)
        {
            frames.push_back(Frame::trailers(trailers));
        }
        Pieces {
            frames,
            pause: self.pause,
            length,
            sleeping: None,
            started: false,
        }
    }
}

/// The body that hyper asks for frames.
#[derive(Debug)]
pub(super) struct Pieces {
    frames: VecDeque<Frame<Bytes>>,
    pause: Duration,
    length: Option<u64>,
    sleeping: Option<Pin<Box<Sleep>>>,
    started: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.frames.is_empty() {
            return Poll::Ready(None);
        }
        if self.started && self.sleeping.is_none() && !self.pause.is_zero() {
            self.sleeping = Some(Box::pin(sleep(self.pause)));
        }
        if let Some(sleeping) = &mut self.sleeping {
            if sleeping.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleeping = None;
        }
        self.started = true;
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::default(),
        }
    }
}

/// Reads a message to its end. A body that breaks off is what was received, marked as broken.
pub(super) async fn read(start: String, headers: &HeaderMap, mut body: Incoming) -> Received {
    use http_body_util::BodyExt;
    let mut received = Received {
        start,
        headers: from_map(headers),
        ..Received::default()
    };
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => received.body.extend_from_slice(&data),
            Ok(Err(frame)) => {
                if let Ok(trailers) = frame.into_trailers() {
                    received.trailers = from_map(&trailers);
                }
            }
            Err(_) => {
                received.broken = true;
                break;
            }
        }
    }
    received
}
