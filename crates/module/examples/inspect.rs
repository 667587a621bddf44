//! Prints what a module imports and exports, and whether it holds a policy: `cargo run --example inspect -- filter.wasm`.
//! Without an argument: the prebuilt module.

use std::process::ExitCode;

use blackbar_module::{MODULE, inspect};

fn main() -> ExitCode {
    let module = match std::env::args_os().nth(1) {
        None => MODULE.to_vec(),
        Some(path) => match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("cannot read {}: {error}", path.display());
                return ExitCode::from(2);
            }
        },
    };
    match inspect(&module) {
        Ok(found) => {
            println!(
                "size: {} bytes; memory at start: {} pages",
                found.size, found.memory_pages
            );
            match found.artifact {
                Some(artifact) => {
                    println!("policy: {} bytes at {}", artifact.len(), artifact.start)
                }
                None => println!("policy: none"),
            }
            found
                .imports
                .iter()
                .for_each(|item| println!("import {item}"));
            found
                .exports
                .iter()
                .for_each(|item| println!("export {item}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
