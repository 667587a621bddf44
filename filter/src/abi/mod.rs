//! The ABI shell: proxy-wasm 0.2.1 over one [`Filter`](crate::Filter). Exported callbacks lie in `callbacks`, imported functions in
//! `hostcalls`, memory that the host writes into in [`memory`], the embedded policy in `slot`. No decision about traffic lives here.
//! All but [`memory`] exists in the module only.
//!
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>

#[cfg(target_arch = "wasm32")]
mod callbacks;
#[cfg(target_arch = "wasm32")]
mod hostcalls;
mod memory;
#[cfg(target_arch = "wasm32")]
mod slot;
