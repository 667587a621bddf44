//! Calls to the outside: this host has no clusters, so each is refused the way Envoy refuses an unknown cluster.

use wasmtime::Linker;

use super::{Answer, Host, answer, slice, split, write_word};
use crate::abi::{Hostcall, Status};
use crate::state::VmState;

fn refuse(
    host: &mut Host<'_>,
    ranges: &[(u32, u32)],
    token: Option<u32>,
    status: Status,
) -> Answer {
    let (memory, _) = split(host)?;
    for &(pointer, size) in ranges {
        slice(memory, pointer, size)?;
    }
    if let Some(token) = token {
        write_word(host, token, 0)?;
    }
    Err(status.into())
}

#[allow(
    clippy::too_many_arguments,
    reason = "the ABI has that many; a host function takes them one by one"
)]
pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::HttpCall.name(),
        |host: Host<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         _timeout_ms: u32,
         token: u32| {
            answer(host, Hostcall::HttpCall, |host| {
                let ranges = [
                    (cluster, cluster_size),
                    (headers, headers_size),
                    (body, body_size),
                    (trailers, trailers_size),
                ];
                refuse(host, &ranges, Some(token), Status::BadArgument)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::GrpcCall.name(),
        |host: Host<'_>,
         service: u32,
         service_size: u32,
         name: u32,
         name_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         message: u32,
         message_size: u32,
         _timeout_ms: u32,
         _token: u32| {
            answer(host, Hostcall::GrpcCall, |host| {
                let ranges = [
                    (service, service_size),
                    (name, name_size),
                    (method, method_size),
                    (metadata, metadata_size),
                    (message, message_size),
                ];
                refuse(host, &ranges, None, Status::ParseFailure)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::GrpcStream.name(),
        |host: Host<'_>,
         service: u32,
         service_size: u32,
         name: u32,
         name_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         _token: u32| {
            answer(host, Hostcall::GrpcStream, |host| {
                let ranges = [
                    (service, service_size),
                    (name, name_size),
                    (method, method_size),
                    (metadata, metadata_size),
                ];
                refuse(host, &ranges, None, Status::ParseFailure)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::GrpcSend.name(),
        |host: Host<'_>, _token: u32, message: u32, size: u32, _end: u32| {
            answer(host, Hostcall::GrpcSend, |host| {
                refuse(host, &[(message, size)], None, Status::BadArgument)
            })
        },
    )?;
    for hostcall in [Hostcall::GrpcCancel, Hostcall::GrpcClose] {
        linker.func_wrap(
            "env",
            hostcall.name(),
            move |host: Host<'_>, _token: u32| {
                answer(host, hostcall, |_| Err(Status::BadArgument.into()))
            },
        )?;
    }
    linker.func_wrap(
        "env",
        Hostcall::ForeignFunction.name(),
        |host: Host<'_>,
         name: u32,
         name_size: u32,
         arguments: u32,
         arguments_size: u32,
         _results: u32,
         _results_size: u32| {
            answer(host, Hostcall::ForeignFunction, |host| {
                let ranges = [(name, name_size), (arguments, arguments_size)];
                refuse(host, &ranges, None, Status::NotFound)
            })
        },
    )?;
    Ok(())
}
