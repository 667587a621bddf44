//! Calls that steer a stream or the VM: local responses, continue, close, effective context, logs, time, ticks.

use wasmtime::Linker;

use super::{Answer, Host, answer, give, slice, split, write, write_word};
use crate::abi::{Direction, Hostcall, LogLevel, Status};
use crate::headers::Headers;
use crate::outcome::{LocalOrigin, LocalResponse, LogLine};
use crate::state::VmState;
use crate::stream::Deferred;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::LocalResponse.name(),
        #[allow(
            clippy::too_many_arguments,
            reason = "the ABI has that many; a host function takes them one by one"
        )]
        |host: Host<'_>,
         code: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: u32| {
            answer(host, Hostcall::LocalResponse, |host| {
                let (memory, state) = split(host)?;
                let details = slice(memory, details, details_size)?;
                let body = slice(memory, body, body_size)?;
                let headers = slice(memory, headers, headers_size)?;
                let response = LocalResponse {
                    status: code,
                    headers: Headers::parse(headers).unwrap_or_default(),
                    body: body.to_vec(),
                    details: String::from_utf8_lossy(details).into_owned(),
                    // SDKs send -1 for "none"; 16 is the largest status of gRPC.
                    grpc_status: (grpc_status <= 16).then_some(grpc_status),
                    origin: LocalOrigin::Guest,
                };
                let context = state.context();
                state.stop_next = true;
                if state.streams.contains_key(&context) {
                    state.deferred.push(Deferred::Local(context, response));
                }
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::ContinueStream.name(),
        |host: Host<'_>, kind: u32| {
            answer(host, Hostcall::ContinueStream, |host| {
                continue_stream(host.data_mut(), kind)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::CloseStream.name(),
        |host: Host<'_>, kind: u32| {
            answer(host, Hostcall::CloseStream, |host| {
                if kind > 3 {
                    return Err(Status::BadArgument.into());
                }
                let state = host.data_mut();
                let context = state.context();
                state.deferred.push(Deferred::Close(context));
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::EffectiveContext.name(),
        |host: Host<'_>, context: u32| {
            answer(host, Hostcall::EffectiveContext, |host| {
                let state = host.data_mut();
                if !state.knows(context) {
                    return Err(Status::BadArgument.into());
                }
                state.effective = context;
                Ok(())
            })
        },
    )?;
    linker.func_wrap("env", Hostcall::Done.name(), |host: Host<'_>| {
        // Only a root that refused on_done waits for this, and Envoy deletes streams without asking.
        answer(host, Hostcall::Done, |_| Err(Status::NotFound.into()))
    })?;
    link_vm(linker)
}

fn link_vm(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::Log.name(),
        |host: Host<'_>, level: u32, message: u32, size: u32| {
            answer(host, Hostcall::Log, |host| {
                let level = LogLevel::from_raw(level).ok_or(Status::BadArgument)?;
                let (memory, state) = split(host)?;
                let message = slice(memory, message, size)?.to_vec();
                let context = state.context();
                state.logs.push(LogLine {
                    level,
                    context,
                    message,
                });
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::LogLevel.name(),
        |host: Host<'_>, level_to: u32| {
            answer(host, Hostcall::LogLevel, |host| {
                let level = host.data().settings.log_level as u32;
                write_word(host, level_to, level)?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::Status.name(),
        |host: Host<'_>, code_to: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::Status, |host| {
                write_word(host, code_to, 0)?;
                give(host, &[], pointer, size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::CurrentTime.name(),
        |host: Host<'_>, time_to: u32| {
            answer(host, Hostcall::CurrentTime, |host| {
                let now = host.data().settings.clock.now_ns();
                write(host, time_to, &now.to_le_bytes())?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::TickPeriod.name(),
        |host: Host<'_>, period: u32| {
            answer(host, Hostcall::TickPeriod, |host| {
                let root = host
                    .data_mut()
                    .root_of_context()
                    .ok_or(Status::BadArgument)?;
                root.tick_period_ms = period;
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn continue_stream(state: &mut VmState, kind: u32) -> Answer {
    let context = state.context();
    match kind {
        0 | 1 => {
            let direction = if kind == 0 {
                Direction::Request
            } else {
                Direction::Response
            };
            if let Some(stream) = state.streams.get_mut(&context) {
                // Envoy closes the request's maps and chunk at once, whichever side is continued.
                stream.request.headers_open = false;
                stream.request.trailers_open = false;
                stream.request.chunk_open = false;
                state.deferred.push(Deferred::Continue(context, direction));
            }
            Ok(())
        }
        2 => {
            if state.connections.contains_key(&context) {
                state
                    .deferred
                    .push(Deferred::Continue(context, Direction::Request));
            }
            Ok(())
        }
        3 => Err(Status::Unimplemented.into()),
        _ => Err(Status::BadArgument.into()),
    }
}
