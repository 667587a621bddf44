//! What the host must do as Envoy does, shown with small guests in WAT. One binary, so that wasmtime is linked once.
//!
//! The filter's own tests are not here: they run the real module, in `tests/filter_*.rs`.

mod bodies;
mod guest;
mod life_cycle;
mod limits;
mod maps;
mod quirks;
mod readings;
mod replies;
mod tcp;
mod trailers;
