//! `blackbar redact`: whatever goes in, what is not found comes out as it was.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::{NEAR, Scratch, TOKEN};

#[test]
fn standard_input_files_and_both() {
    let scratch = Scratch::new();
    scratch.write("a.log", format!("one {TOKEN} two\n"));
    let redact = ["redact", "--policy", "mine.toml"];
    assert_eq!(
        scratch.feed(&redact, format!("x {TOKEN}")).ended(0),
        "x [mine.token]"
    );
    assert_eq!(
        scratch
            .feed(&[&redact[..], &["-"]].concat(), format!("{TOKEN}\n"))
            .ended(0),
        "[mine.token]\n"
    );
    assert_eq!(
        scratch.run(&[&redact[..], &["a.log"]].concat()).ended(0),
        "one [mine.token] two\n"
    );
    let both = scratch.feed(
        &[&redact[..], &["a.log", "-", "a.log"]].concat(),
        "acc-12345678\n",
    );
    assert_eq!(
        both.ended(0),
        "one [mine.token] two\nacc-******78\none [mine.token] two\n"
    );
}

#[test]
fn each_file_is_a_haystack_of_its_own() {
    let scratch = Scratch::new();
    scratch.write("a", &TOKEN[..8]);
    scratch.write("b", &TOKEN[8..]);
    assert_eq!(
        scratch
            .run(&["redact", "--policy", "mine.toml", "a", "b"])
            .ended(0),
        TOKEN
    );
}

#[test]
fn the_built_in_policy_needs_no_argument() {
    let token = ["ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    let scratch = Scratch::new();
    assert_eq!(
        scratch.feed(&["redact"], format!("t={token}\n")).ended(0),
        "t=[github.pat]\n"
    );
    assert_eq!(
        scratch
            .feed(&["redact", "--engine", "wasm"], format!("t={token}\n"))
            .ended(0),
        "t=[github.pat]\n"
    );
}

/// Bytes of every kind around findings, more than one block long.
fn mixed() -> Vec<u8> {
    let mut input = Vec::new();
    for number in 0..4000u32 {
        input.extend_from_slice(b"line \x00\xff\xc3\x28 \r\n");
        input.extend_from_slice(number.to_string().as_bytes());
        match number % 5 {
            0 => input.extend_from_slice(format!(" {TOKEN} ").as_bytes()),
            1 => input.extend_from_slice(format!(" {NEAR} acc-{number:08}").as_bytes()),
            2 => input.extend_from_slice(b" 770000000000\xe2\x82\xac"),
            _ => input.extend((0..=255u8).filter(|byte| !byte.is_ascii_alphanumeric())),
        }
    }
    input
}

#[test]
fn chunks_and_engines_do_not_show_in_the_output() {
    let scratch = Scratch::new();
    let input = mixed();
    assert!(input.len() > 3 * 65536);
    let path = scratch.write("mixed", &input);
    let path = path.to_str().unwrap();
    let whole = scratch.run(&["redact", "--policy", "mine.toml", path]);
    assert_eq!(whole.status, 0);
    assert_ne!(whole.out, input);
    for chunk in ["1", "2", "13", "4096", "65536", "67108864"] {
        let native = scratch.run(&["redact", "--policy", "mine.toml", "--chunk", chunk, path]);
        assert!(
            native.out == whole.out && native.status == 0,
            "native, chunks of {chunk}"
        );
    }
    for chunk in ["7", "4096", "67108864"] {
        let wasm = scratch.run(&[
            "redact",
            "--policy",
            "mine.toml",
            "--engine",
            "wasm",
            "--chunk",
            chunk,
            path,
        ]);
        assert!(
            wasm.out == whole.out && wasm.status == 0,
            "wasm, chunks of {chunk}: {}",
            wasm.err
        );
    }
    let stdin = scratch.feed(&["redact", "--policy", "mine.toml"], &input);
    assert!(stdin.out == whole.out);
}

#[test]
fn nothing_found_means_nothing_changed() {
    let scratch = Scratch::new();
    let every: Vec<u8> = (0..=255u8).cycle().take(100_000).collect();
    for input in [
        b"".as_slice(),
        b"\0",
        b"\xff\xfe",
        b"\n\n",
        NEAR.as_bytes(),
        &every,
    ] {
        for engine in ["native", "wasm"] {
            for format in ["auto", "text", "json"] {
                let run = scratch.feed(
                    &[
                        "redact",
                        "--policy",
                        "mine.toml",
                        "--engine",
                        engine,
                        "--format",
                        format,
                    ],
                    input,
                );
                assert!(
                    run.out == input && run.status == 0,
                    "{engine} {format} {} bytes: {}",
                    input.len(),
                    run.err
                );
            }
        }
    }
}

#[test]
fn a_number_in_json_stays_a_number() {
    let scratch = Scratch::new();
    let json = r#"{"order":770000000000,"next":"770000000000"}"#;
    let redact = |arguments: &[&str]| {
        let run = scratch.feed(
            &[&["redact", "--policy", "mine.toml"], arguments].concat(),
            json,
        );
        run.ended(0).to_string()
    };
    let auto = redact(&[]);
    assert!(auto.ends_with(r#","next":"[mine.number]"}"#), "{auto}");
    let number = auto
        .trim_start_matches("{\"order\":")
        .split(',')
        .next()
        .unwrap();
    assert!(
        number.len() == 12
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && number != "770000000000",
        "{auto}"
    );
    assert_eq!(redact(&["--format", "json"]), auto);
    assert_eq!(redact(&["--engine", "wasm"]), auto);
    assert_eq!(
        redact(&["--format", "text"]),
        r#"{"order":[mine.number],"next":"[mine.number]"}"#
    );
    // By its name, whatever its first bytes are.
    scratch.write("x.json", " 770000000000");
    let named = scratch.run(&["redact", "--policy", "mine.toml", "x.json"]);
    assert!(
        named
            .ended(0)
            .trim()
            .bytes()
            .all(|byte| byte.is_ascii_digit()),
        "{}",
        named.text()
    );
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_done() {
    let scratch = Scratch::new();
    scratch.write("a.log", TOKEN);
    let run = scratch.run(&["redact", "--policy", "mine.toml", "missing.log", "a.log"]);
    run.says(2, "there is no file `missing.log`");
    assert_eq!(run.text(), "[mine.token]");
}

#[test]
fn folders_are_walked_as_ripgrep_does() {
    let scratch = Scratch::new();
    scratch.write("logs/b.log", format!("b {TOKEN}\n"));
    scratch.write("logs/a/x.log", format!("a {TOKEN}\n"));
    scratch.write("logs/.hidden", format!("hidden {TOKEN}\n"));
    scratch.write("logs/blob", format!("blob\0 {TOKEN}\n"));
    let run = scratch.run(&["redact", "--policy", "mine.toml", "logs"]);
    run.says(0, "1 binary file was left out");
    assert_eq!(run.text(), "a [mine.token]\nb [mine.token]\n");
    let all = scratch.run(&["redact", "--policy", "mine.toml", "--all", "logs"]);
    assert_eq!(
        all.ended(0),
        "hidden [mine.token]\na [mine.token]\nb [mine.token]\nblob\0 [mine.token]\n"
    );
    assert_eq!(all.err, "");
    // A file that is named is taken whatever it is.
    assert_eq!(
        scratch
            .run(&["redact", "--policy", "mine.toml", "logs/blob"])
            .ended(0),
        "blob\0 [mine.token]\n"
    );
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scratch = Scratch::new();
    let input = scratch.write("big.log", "nothing to see here\n".repeat(200_000));
    for arguments in [
        ["redact", "--policy", "mine.toml"],
        ["scan", "--policy", "mine.toml"],
    ] {
        let text = if arguments[0] == "scan" {
            format!("{TOKEN}\n").repeat(100_000)
        } else {
            String::new()
        };
        let path = if arguments[0] == "scan" {
            scratch.write("tokens.log", text)
        } else {
            input.clone()
        };
        let mut child = scratch
            .command(&arguments)
            .arg(path)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut first = [0; 10];
        out.read_exact(&mut first).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).as_ref()
            ),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn lines_come_out_while_the_input_is_still_open() {
    let scratch = Scratch::new();
    let mut child = scratch
        .command(&["redact", "--policy", "mine.toml"])
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for number in 0..3 {
        input
            .write_all(format!("line {number} {TOKEN} end\n").as_bytes())
            .unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("line {number} [mine.token] end\n"));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// The most memory that the command had while 48 MiB went through it.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_input() {
    const MIB: usize = 1 << 20;
    let scratch = Scratch::new();
    let peak = |mib: usize| {
        let mut child = scratch
            .command(&["redact", "--policy", "mine.toml"])
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let reader =
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()).unwrap());
        let block = format!("some text and then {TOKEN} in it\n")
            .repeat(MIB / 40)
            .into_bytes();
        for _ in 0..mib {
            input.write_all(&block).unwrap();
        }
        input.flush().unwrap();
        // All but what a pipe holds was read, and the process is still there to be asked.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        drop(input);
        assert!(child.wait().unwrap().success());
        assert!(reader.join().unwrap() > 0);
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap()
            / 1024
    };
    let (small, large) = (peak(1), peak(48));
    assert!(
        large < small + 8,
        "{small} MiB after 1 MiB of input, {large} MiB after 48 MiB"
    );
}

/// What other packers make of `plain`: a name's ending and the bytes.
fn packed(plain: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain).unwrap();
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 4096, 5, 22)
        .write_all(plain)
        .unwrap();
    let mut zstd = zstd::Encoder::new(Vec::new(), 3).unwrap();
    zstd.include_checksum(true).unwrap();
    zstd.write_all(plain).unwrap();
    [
        ("gz", gzip.finish().unwrap()),
        ("zst", zstd.finish().unwrap()),
        ("br", brotli),
    ]
}

#[test]
fn compressed_inputs_are_read_decompressed() {
    let scratch = Scratch::new();
    let redact = ["redact", "--policy", "mine.toml", "--search-zip"];
    let plain = format!("{}one {TOKEN} two\n", "lorem ipsum\n".repeat(20_000));
    let wanted = plain.replace(TOKEN, "[mine.token]");
    for (ending, bytes) in packed(plain.as_bytes()) {
        let name = format!("a.log.{ending}");
        scratch.write(&name, &bytes);
        let run = scratch.run(&[&redact[..], &[&name]].concat());
        assert!(run.ended(0) == wanted, "{ending}");
        // Brotli says only by its name what it is.
        if ending != "br" {
            assert!(scratch.feed(&redact, bytes.clone()).ended(0) == wanted);
            // Members and frames behind one another; of zstd also one that is passed over.
            let (first, second) = plain.split_at(plain.len() - 20);
            let pack = |text: &str| {
                let all = packed(text.as_bytes()).into_iter();
                let mut of = all.filter(|(other, _)| *other == ending);
                of.next().unwrap().1
            };
            let between: &[u8] = match ending {
                "zst" => b"\x50\x2a\x4d\x18\x03\0\0\0abc",
                _ => b"",
            };
            let several = [&pack(first)[..], between, &pack(second)].concat();
            assert!(scratch.feed(&redact, several).ended(0) == wanted);
        }
        // What is cut short ends where it does, and is told.
        scratch.write(&name, &bytes[..bytes.len() - 5]);
        scratch.run(&[&redact[..], &[&name]].concat()).ended(2);
    }
    // A checksum that is wrong.
    for (ending, mut bytes) in packed(plain.as_bytes()).into_iter().take(2) {
        let at = bytes.len() - if ending == "gz" { 8 } else { 4 };
        bytes[at] ^= 1;
        scratch.feed(&redact, bytes).ended(2);
    }
    // What is not compressed is read as it is, whatever it is called; the name below the ending tells the format.
    scratch.write("b.gz", format!("x {TOKEN}"));
    let run = |name: &str| {
        let run = scratch.run(&[&redact[..], &[name]].concat());
        run.ended(0).to_owned()
    };
    assert_eq!(run("b.gz"), "x [mine.token]");
    assert_eq!(scratch.feed(&redact, "").ended(0), "");
    let [(_, gzip), ..] = packed(format!("{{\"a\": \"{TOKEN}\"}}").as_bytes());
    scratch.write("c.json.gz", gzip);
    assert_eq!(run("c.json.gz"), "{\"a\": \"[mine.token]\"}");
}

/// Puts the policy of `testdata/descriptors` into a scratch folder.
fn descriptors() -> Scratch {
    let scratch = Scratch::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/descriptors");
    for file in ["policy.toml", "users.pb"] {
        let bytes = std::fs::read(format!("{folder}/{file}")).expect("a file of the tests");
        scratch.write(&format!("descriptors/{file}"), bytes);
    }
    scratch
}

#[test]
fn a_message_of_the_descriptors_says_what_fields_are() {
    let scratch = descriptors();
    let (before, after) = (b"\x1a\x07hunter2\x20\x05", b"\x1a\x07*******\x20\x00");
    for engine in ["native", "wasm"] {
        let redact = ["redact", "--policy", "descriptors", "--engine", engine];
        let redact = |more: &[&str]| scratch.feed(&[&redact[..], more].concat(), before);
        let known = ["--format", "protobuf", "--message", "acme.v1.User"];
        assert_eq!(redact(&known).out, after, "{engine}");
        assert_eq!(redact(&known[..2]).out, before, "{engine}");
        let unknown = ["--format", "protobuf", "--message", "acme.v1.Nobody"];
        redact(&unknown).says(2, "have no message `acme.v1.Nobody`");
    }
    let none = ["redact", "--policy", "mine.toml", "--message", "a.B"];
    scratch.feed(&none, "").says(2, "has no descriptors");
    // The artifact holds them.
    let compile = ["compile", "descriptors", "-o", "x.bbar"];
    scratch.run(&compile).ended(0);
    let redact = ["redact", "--policy", "x.bbar", "--format", "protobuf"];
    let redact = [&redact[..], &["--message", "acme.v1.User"]].concat();
    assert_eq!(scratch.feed(&redact, before).out, after);
}

#[test]
fn descriptors_that_are_none_are_refused_where_they_are_named() {
    let scratch = descriptors();
    let says = |policy: &str, message: &str| {
        let text = format!(
            "[pack]\nid = \"d\"\ntitle = \"D\"\n{policy}\n[[rule]]\nid = \"d.a\"\ndescription = \"x\"\nsource = \"none\"\nfields = [\"a\"]\n"
        );
        scratch.write("descriptors/d.toml", text);
        let run = scratch.run(&["check", "descriptors/d.toml"]);
        assert_eq!(run.status, 1, "{}", run.err);
        let all = format!("{}{}", run.text(), run.err);
        assert!(all.contains(message), "{message:?} is not in:\n{all}");
        assert!(!all.contains("hunter2"), "{all}");
    };
    scratch.write("descriptors/wrong.pb", "password: hunter2");
    scratch.write("descriptors/empty.pb", "");
    let file = |name: &str| format!("[[descriptors]]\nfile = \"{name}\"");
    says(&file("none.pb"), "there is no such file");
    says(&file("none.pb"), "d.toml:5:8");
    says(&file("wrong.pb"), "`wrong.pb` is no set of descriptors");
    says(&file("wrong.pb"), "d.toml:5:8");
    says(&file("empty.pb"), "is a set of no descriptors");
    // A file `a.proto` with the syntax `editions`.
    scratch.write(
        "descriptors/new.pb",
        b"\x0a\x13\x0a\x07a.proto\x62\x08editions",
    );
    says(&file("new.pb"), "a .proto with an edition");
    let more = |more: &str| format!("{}\n{more}", file("users.pb"));
    says(
        &more("messages = [\"acme.v1.Nobody\"]"),
        "there is no message `acme.v1.Nobody` in `users.pb`",
    );
    says(&more("messages = [\"acme.v1.Nobody\"]"), "d.toml:6:13");
    says(
        &more("[[descriptors.path]]\npath = \"x\""),
        "is not the path of a request",
    );
    says(
        &more("[[descriptors.path]]\npath = \"/x\""),
        "neither `request` nor `response`",
    );
    says(
        &more("[[descriptors.path]]\npath = \"/x\"\nrequest = \"X\""),
        "there is no message `X`",
    );
}

#[test]
fn what_is_written_unread_is_an_error() {
    let scratch = Scratch::new();
    // A frame of gRPC that says it is compressed, and is not by anything known.
    let mut frame = vec![1, 0, 0, 0, u8::try_from(TOKEN.len()).unwrap()];
    frame.extend_from_slice(TOKEN.as_bytes());
    let format = ["redact", "--policy", "mine.toml", "--format", "grpc"];
    let redacted = scratch.feed(&format, &frame);
    assert_eq!(redacted.status, 2);
    assert_eq!(redacted.out, frame);
    let said = "holds compressed frames that nothing here reads (1)";
    assert!(redacted.err.contains(said), "{}", redacted.err);
}
